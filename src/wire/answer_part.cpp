#include "wire/answer_part.h"

#include <algorithm>

#include "wire/message.h"

namespace hone::wire {
namespace {

bool plain_word(std::string_view text) {
  return !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.';
  });
}

}  // namespace

const json::object* object_at(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value == nullptr ? nullptr : value->if_object();
}

std::string error_type(const json::value& error) {
  if (const auto* object = error.if_object()) {
    for (const std::string_view name : {"type", "code"}) {
      const std::string_view word = string_or_empty(*object, name);
      if (plain_word(word)) return std::string(word);
    }
  }
  return "upstream_error";
}

void take_count(const json::object& usage, std::string_view name, std::int64_t& count) {
  const auto* value = usage.if_contains(name);
  if (value != nullptr && value->is_int64() && value->get_int64() >= 0) count = value->get_int64();
}

const json::object* first_choice(const json::object& body) {
  const auto* choices = body.if_contains("choices");
  if (choices == nullptr || !choices->is_array()) return nullptr;
  for (const json::value& choice : choices->get_array()) {
    const auto* found = choice.if_object();
    if (found == nullptr) continue;
    const auto* index = found->if_contains("index");
    if (index == nullptr || !index->is_int64() || index->get_int64() == 0) return found;
  }
  return nullptr;
}

void finish_message(Answer& answer) {
  for (const json::value& part : content_of(answer.message)) {
    const auto* object = part.if_object();
    if (object == nullptr || string_or_empty(*object, "type") != "tool_call") continue;
    const std::string_view id = string_or_empty(*object, "id");
    if (!id.empty()) answer.tool_call_ids.emplace_back(id);
  }
  if (content_of(answer.message).empty()) answer.message = {};
}

}  // namespace hone::wire
