#include "wire/message.h"

namespace hone::wire {

json::object text_part(std::string_view text) {
  return {{"type", "text"}, {"text", text}};
}

json::object make_message(std::string_view role, json::array content) {
  return {{"role", role}, {"content", std::move(content)}};
}

json::object text_message(std::string_view role, std::string_view text) {
  json::array content;
  if (!text.empty()) content.push_back(text_part(text));
  return make_message(role, std::move(content));
}

std::string_view role_of(const json::object& message) {
  return string_or_empty(message, "role");
}

const json::array& content_of(const json::object& message) {
  static const json::array none;
  const auto* content = message.if_contains("content");
  const auto* parts = content == nullptr ? nullptr : content->if_array();
  return parts == nullptr ? none : *parts;
}

std::string text_of(const json::object& message) {
  std::string text;
  for (const json::value& part : content_of(message)) {
    const auto* object = part.if_object();
    if (object != nullptr && string_or_empty(*object, "type") == "text") {
      text += string_or_empty(*object, "text");
    }
  }
  return text;
}

}  // namespace hone::wire
