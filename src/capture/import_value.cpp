// How a map's values are had from a record: capture/import_map.h says which steps there are.
#include <algorithm>
#include <charconv>

#include "base/text.h"
#include "capture/import_map.h"
#include "wire/call.h"
#include "wire/message.h"

namespace hone::capture {
namespace {

std::unexpected<Error> wrong(const MapValue& value, const std::string& what) {
  return fail(ErrorCode::kInvalid,
              value.place + (value.from.empty() ? "" : " ('" + value.from + "')") + " " + what);
}

std::string shown(std::string_view text) {
  return "'" + std::string(text.substr(0, 40)) + (text.size() > 40 ? "…'" : "'");
}

const json::value* find(const json::value* root, std::string_view pointer) {
  if (root == nullptr) return nullptr;
  boost::system::error_code error;
  const json::value* found = root->find_pointer(pointer, error);
  return error ? nullptr : found;
}

// nullptr where nothing is.
const json::value* look_up(const MapScope& scope, std::string_view pointer) {
  const auto below = [&](std::string_view name) -> std::optional<std::string_view> {
    if (!pointer.starts_with(name)) return std::nullopt;
    const auto rest = pointer.substr(name.size());
    if (!rest.empty() && rest.front() != '/') return std::nullopt;
    return rest;
  };
  if (const auto rest = below("/@index"); rest && rest->empty()) return &scope.index;
  if (const auto item = below("/@item")) return find(scope.item, *item);
  if (const auto each = below("/@each")) return find(scope.each, *each);
  if (const auto join = below("/@join")) return find(scope.join, *join);
  return find(scope.record, pointer);
}

json::value copy_of(const json::value* found) {
  return found == nullptr ? json::value() : json::value(*found);
}

// A list of texts is its lines. No text can be made of an object.
std::optional<std::string> text_from(const json::value& value) {
  if (value.is_null()) return std::string();
  if (const auto* text = value.if_string()) return std::string(*text);
  if (value.is_object()) return std::nullopt;
  if (const auto* list = value.if_array()) {
    std::string lines;
    for (const json::value& item : *list) {
      if (item.is_array()) return std::nullopt;
      const auto line = text_from(item);
      if (!line) return std::nullopt;
      if (&item != list->data()) lines += '\n';
      lines += *line;
    }
    return lines;
  }
  if (value.is_double()) {
    char digits[32];
    const auto end = std::to_chars(digits, digits + sizeof digits, value.get_double()).ptr;
    return std::string(digits, end);
  }
  return json::serialize(value);
}

// "{/" opens a field's name, "}" closes it; all else stands for itself.
Result<std::string> fill_in(const MapValue& value, const MapScope& scope) {
  std::string out;
  bool any_field = false;
  bool any_text = false;
  std::string_view rest = value.text;
  for (;;) {
    const auto open = rest.find("{/");
    out += rest.substr(0, open);
    if (open == std::string_view::npos) break;
    rest.remove_prefix(open + 1);
    const auto close = rest.find('}');
    if (close == std::string_view::npos) return wrong(value, "has a '{/' without its '}'");
    const auto pointer = rest.substr(0, close);
    const auto text = text_from(copy_of(look_up(scope, pointer)));
    if (!text) return wrong(value, "cannot make a text of '" + std::string(pointer) + "'");
    any_field = true;
    any_text = any_text || !trimmed(*text).empty();
    out += *text;
    rest.remove_prefix(close + 1);
  }
  if (any_field && !any_text) out.clear();
  return out;
}

Result<json::value> unpack(const MapValue& value, json::value found) {
  const auto* text = found.if_string();
  if (text != nullptr && (value.as == "json" || value.as == "python")) {
    if (trimmed(*text).empty()) return json::value();
    auto inner = value.as == "json" ? parse_json(*text) : parse_python_literal(*text);
    if (!inner) return wrong(value, "is not " + value.as + ": " + inner.error().message);
    found = std::move(*inner);
  }
  if (value.pick.empty()) return found;
  const json::value* picked = find(&found, value.pick);
  return picked == nullptr ? json::value() : json::value(*picked);
}

void cut(const MapValue& value, std::string& text) {
  if (!value.after.empty()) {
    const auto at = text.rfind(value.after);
    text = at == std::string::npos ? std::string() : text.substr(at + value.after.size());
  }
  if (!value.before.empty()) text.resize(std::min(text.size(), text.find(value.before)));
  if (!value.after.empty() || !value.before.empty()) text = std::string(trimmed(text));
}

bool is_empty(const json::value& value) {
  if (value.is_null()) return true;
  if (const auto* text = value.if_string()) return trimmed(*text).empty();
  return value.is_array() && value.get_array().empty();
}

std::string_view known_role(std::string_view role) {
  if (role == "human") return "user";
  if (role == "gpt" || role == "bot" || role == "model" || role == "ai") return "assistant";
  return role;
}

// Messages as the map names their fields, as Chat Completions has them.
Result<json::array> as_chat(const MapValue& value, const json::array& list) {
  json::array messages;
  for (const json::value& item : list) {
    if (!item.is_object()) return wrong(value, "must be a list of messages");
    json::object message = item.get_object();
    const std::string role(string_or_empty(message, value.role_field));
    const auto named = value.roles.find(role);
    if (role.empty()) {
      return wrong(value, "has a message without '" + value.role_field +
                              "'; say role_field and content_field");
    }
    if (value.role_field != "role") message.erase(value.role_field);
    message["role"] =
        json::string(named == value.roles.end() ? std::string(known_role(role)) : named->second);
    if (value.content_field != "content") {
      const auto* content = message.if_contains(value.content_field);
      json::value moved = content == nullptr ? json::value() : *content;
      message.erase(value.content_field);
      message["content"] = std::move(moved);
    }
    messages.push_back(std::move(message));
  }
  return messages;
}

Result<std::vector<json::object>> read_dialogue(const MapValue& value, std::string_view text) {
  const auto next_speaker = [&](std::size_t from) {
    std::pair<std::size_t, decltype(value.speakers.begin())> first{std::string_view::npos,
                                                                   value.speakers.end()};
    for (auto it = value.speakers.begin(); it != value.speakers.end(); ++it) {
      const auto at = text.find(it->first, from);
      const bool longer = at == first.first && at != std::string_view::npos &&
                          it->first.size() > first.second->first.size();
      if (at < first.first || longer) first = {at, it};
    }
    return first;
  };
  std::vector<json::object> messages;
  auto [at, speaker] = next_speaker(0);
  if (!trimmed(text.substr(0, at)).empty()) {
    return wrong(value, "does not begin with a speaker, but with " + shown(trimmed(text)));
  }
  while (at != std::string_view::npos) {
    const auto begin = at + speaker->first.size();
    const auto [end, other] = next_speaker(begin);
    messages.push_back(wire::text_message(
        speaker->second,
        trimmed(text.substr(
            begin, end == std::string_view::npos ? std::string_view::npos : end - begin))));
    at = end;
    speaker = other;
  }
  return messages;
}

}  // namespace

Result<json::value> read_value(const MapValue& value, const MapScope& scope) {
  if (!value.given) return json::value();
  json::value found;
  if (!value.from.empty()) {
    found = copy_of(look_up(scope, value.from));
  } else {
    auto text = fill_in(value, scope);
    if (!text) return fail(text.error());
    found = json::string(*text);
  }
  auto unpacked = unpack(value, std::move(found));
  if (!unpacked) return unpacked;
  const bool cuts = !value.after.empty() || !value.before.empty();
  if (cuts || !value.values.empty()) {
    auto text = text_from(*unpacked);
    if (!text) return wrong(value, "must be a text");
    cut(value, *text);
    if (!value.values.empty()) {
      const auto known = value.values.find(trimmed(*text));
      if (known != value.values.end()) return json::value(json::string(known->second));
      if (value.otherwise) return json::value(json::string(*value.otherwise));
      if (!trimmed(*text).empty()) {
        return wrong(value, "is " + shown(*text) + ", which 'values' does not have");
      }
    }
    *unpacked = json::string(*text);
  }
  if (value.otherwise && is_empty(*unpacked)) *unpacked = json::string(*value.otherwise);
  return unpacked;
}

bool is_there(const MapValue& value, const MapScope& scope) {
  return value.from.empty() || value.otherwise || look_up(scope, value.from) != nullptr;
}

Result<std::string> read_text(const MapValue& value, const MapScope& scope) {
  const auto found = read_value(value, scope);
  if (!found) return fail(found.error());
  auto text = text_from(*found);
  if (!text) return wrong(value, "must be a text, not " + std::string(kind_name(*found)));
  return std::move(*text);
}

Result<std::optional<double>> read_number(const MapValue& value, const MapScope& scope) {
  const auto text = read_text(value, scope);
  if (!text) return fail(text.error());
  if (trimmed(*text).empty()) return std::optional<double>();
  auto number = parse_map_number(*text);
  if (!number) return wrong(value, "must be a number, not " + shown(*text));
  if (!value.scale.empty()) {
    const double share = (*number - value.scale[0]) / (value.scale[1] - value.scale[0]);
    if (!(share >= 0 && share <= 1)) {
      return wrong(value, "is " + shown(*text) + ", which is outside of its scale");
    }
    number = share;
  }
  return number;
}

Result<std::optional<Time>> read_time(const MapValue& value, const MapScope& scope) {
  const auto text = read_text(value, scope);
  if (!text) return fail(text.error());
  const auto stamp = trimmed(*text);
  if (stamp.empty()) return std::optional<Time>();
  const auto time = parse_map_time(value, stamp);
  const auto earliest = from_millis(0);
  constexpr std::int64_t kYear2200 = 7'258'118'400'000;
  if (!time || *time < earliest || to_millis(*time) > kYear2200) {
    return wrong(value, "is " + shown(stamp) + ", which is no time in the format '" + value.format +
                            "' from 1970 to 2200");
  }
  return time;
}

Result<std::vector<json::object>> read_messages(const MapValue& value, const MapScope& scope) {
  auto found = read_value(value, scope);
  if (!found) return fail(found.error());
  if (is_empty(*found)) return std::vector<json::object>{};
  if (const auto* text = found->if_string()) {
    if (value.as == "dialogue") return read_dialogue(value, *text);
    return std::vector<json::object>{wire::text_message("user", *text)};
  }
  if (!found->is_array()) return wrong(value, "must be a text or a list of messages");
  auto chat = as_chat(value, found->get_array());
  if (!chat) return fail(chat.error());
  auto call =
      wire::read_call(wire::Format::kOpenAIChat, {{"model", ""}, {"messages", std::move(*chat)}});
  if (!call) return wrong(value, "is no list of messages: " + call.error().message);
  return std::move(call->messages);
}

}  // namespace hone::capture
