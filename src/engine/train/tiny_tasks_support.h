// What the tests of GRPO and of rejection sampling share: tasks for the tiny model, of which it
// solves some.
#pragma once

#include <atomic>
#include <sstream>
#include <string>
#include <vector>

#include "engine/train/tiny_model_support.h"
#include "engine/train/train.h"

namespace hone::engine {

inline constexpr const char* kEarlyLetters = R"({"type": "regex", "pattern": "^[!-O]"})";

inline std::string tiny_tasks(int count, const std::string& verifier = kEarlyLetters) {
  std::string lines;
  for (int i = 0; i < count; ++i) {
    const std::string name(static_cast<std::size_t>(1 + i % 5), static_cast<char>('a' + i % 26));
    json::object task = {{"id", "task" + std::to_string(i)},
                         {"prompt", json::array{{{"role", "user"}, {"content", "Greet " + name}}}}};
    if (!verifier.empty()) task["verifier"] = json::parse(verifier);
    lines += json::serialize(task) + "\n";
  }
  return lines;
}

inline void train(const std::string& folder) {
  const std::atomic<bool> go_on = false;
  const auto ending = train_run(folder, go_on);
  ASSERT_TRUE(ending) << ending.error().message;
  ASSERT_EQ(*ending, Ending::kDone);
}

inline std::vector<json::object> lines_of(const std::string& path) {
  std::vector<json::object> lines;
  std::istringstream text(read_all(path));
  for (std::string line; std::getline(text, line);) lines.push_back(json::parse(line).as_object());
  return lines;
}

inline double number(const json::object& line, const char* name) {
  return line.at(name).to_number<double>();
}

struct TinyChat {
  explicit TinyChat(const TempFolder& temp)
      : tokenizer(std::move(*Tokenizer::load(temp.path("model")))),
        chat(std::move(*Chat::load(temp.path("model"), tokenizer))) {}
  Tokenizer tokenizer;
  Chat chat;
};

}  // namespace hone::engine
