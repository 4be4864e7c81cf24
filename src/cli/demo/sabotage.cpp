#include "cli/demo/sabotage.h"

#include <sstream>
#include <vector>

#include "base/file.h"
#include "base/json.h"
#include "base/random.h"

namespace hone::cli::demo {

Result<void> shuffle_answers(const std::string& train_file, std::uint64_t seed) {
  auto text = read_file(posix_files(), train_file);
  if (!text) return fail(text.error());
  std::vector<json::object> examples;
  std::istringstream lines(*text);
  for (std::string line; std::getline(lines, line);) {
    auto example = parse_json_object(line);
    if (!example) return fail(example.error().with(train_file));
    examples.push_back(std::move(*example));
  }
  std::vector<std::size_t> order(examples.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  Random(seed).shuffle(order);
  std::vector<json::value> answers;
  for (const auto& example : examples) answers.push_back(example.at("messages").as_array().back());
  std::string shuffled;
  for (std::size_t i = 0; i < examples.size(); ++i) {
    // The next one in a shuffled ring: never its own.
    const std::size_t self = order[i];
    const std::size_t other = order[(i + 1) % order.size()];
    examples[self]["messages"].as_array().back() = answers[other];
  }
  for (const auto& example : examples) shuffled += json::serialize(example) + "\n";
  return write_file_atomically(posix_files(), train_file, shuffled);
}

}  // namespace hone::cli::demo
