#include "evaluate/held_out.h"

#include <optional>
#include <string_view>
#include <utility>

#include "base/file.h"
#include "wire/chat_form.h"

namespace hone::evaluate {
namespace {

constexpr std::uint64_t kMostBytes = 1U << 30;
constexpr JsonLimits kLineLimits{.size_bytes = 8U << 20, .depth = 64};

// A text, a message with tool calls, or nothing.
struct Said {
  std::string text = {};
  json::object calling = {};
};
Result<std::optional<Said>> read_said(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  if (const auto* message = value == nullptr ? nullptr : value->if_object()) {
    return Said{wire::chat_text(*message), *message};
  }
  auto text = optional_field<std::string>(object, name);
  if (!text) return fail(text.error());
  if (!*text) return std::optional<Said>();
  return Said{std::move(**text)};
}

Result<HeldOut> read_line(std::string_view line) {
  const auto object = parse_json_object(line, kLineLimits);
  if (!object) return fail(object.error());
  auto id = field<std::string>(*object, "id");
  if (!id) return fail(id.error());
  auto person = field<std::string>(*object, "person");
  if (!person) return fail(person.error());
  auto prompt = field<json::array>(*object, "prompt");
  if (!prompt) return fail(prompt.error());
  auto tools = optional_field<json::array>(*object, "tools");
  if (!tools) return fail(tools.error());
  auto original = read_said(*object, "original");
  if (!original) return fail(original.error());
  auto final_text = read_said(*object, "final");
  if (!final_text) return fail(final_text.error());
  auto verdict = field<std::string>(*object, "verdict");
  if (!verdict) return fail(verdict.error());
  HeldOut example{.id = std::move(*id),
                  .person = std::move(*person),
                  .prompt = std::move(*prompt),
                  .tools = tools->value_or(json::array()),
                  .original = original->value_or(Said{}).text,
                  .wanted = {},
                  .domain = std::string(string_or_empty(*object, "domain")),
                  .accepted = *verdict == "accepted"};
  Said wanted;
  if (*final_text) {
    wanted = std::move(**final_text);
  } else if (example.accepted) {
    wanted = original->value_or(Said{});
  }
  example.wanted = std::move(wanted.text);
  example.calling = std::move(wanted.calling);
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
