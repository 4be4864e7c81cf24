#include "evaluate/held_out.h"

#include <string_view>

#include "base/file.h"

namespace hone::evaluate {
namespace {

constexpr std::uint64_t kMostBytes = 1U << 30;
constexpr JsonLimits kLineLimits{.size_bytes = 8U << 20, .depth = 32};

Result<HeldOut> read_line(std::string_view line) {
  const auto object = parse_json_object(line, kLineLimits);
  if (!object) return fail(object.error());
  auto id = field<std::string>(*object, "id");
  if (!id) return fail(id.error());
  auto person = field<std::string>(*object, "person");
  if (!person) return fail(person.error());
  auto prompt = field<json::array>(*object, "prompt");
  if (!prompt) return fail(prompt.error());
  auto original = optional_field<std::string>(*object, "original");
  if (!original) return fail(original.error());
  auto final_text = optional_field<std::string>(*object, "final");
  if (!final_text) return fail(final_text.error());
  auto verdict = field<std::string>(*object, "verdict");
  if (!verdict) return fail(verdict.error());
  HeldOut example{.id = std::move(*id),
                  .person = std::move(*person),
                  .prompt = std::move(*prompt),
                  .original = original->value_or(""),
                  .wanted = {},
                  .domain = std::string(string_or_empty(*object, "domain")),
                  .accepted = *verdict == "accepted"};
  if (*final_text) {
    example.wanted = std::move(**final_text);
  } else if (example.accepted) {
    example.wanted = example.original;
  }
  return example;
}

}  // namespace

Result<std::vector<HeldOut>> read_held_out(const std::string& path) {
  const auto text = read_file(posix_files(), path, kMostBytes);
  if (!text) return fail(text.error());
  std::vector<HeldOut> examples;
  std::string_view rest = *text;
  for (std::size_t number = 1; !rest.empty(); ++number) {
    const auto end = std::min(rest.find('\n'), rest.size());
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (line.empty()) continue;
    auto example = read_line(line);
    if (!example) {
      return fail(example.error().with(path + ": line " + std::to_string(number)));
    }
    examples.push_back(std::move(*example));
  }
  return examples;
}

}  // namespace hone::evaluate
