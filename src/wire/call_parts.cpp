#include "wire/call_parts.h"

#include <algorithm>

#include "base/json_scan.h"

namespace hone::wire {
namespace {

constexpr std::string_view kSystem = "\"system\"";
// Beyond these a body is read whole, by a thread that has time.
constexpr std::size_t kMostKeys = 128;  // clients send some thirty
constexpr std::size_t kMostMessages = 100'000;
constexpr std::string_view kNoModel = "\"model\":\"\"";  // read_call asks for one

// What the keys of a format's body are, with their quotes.
struct Keys {
  std::string_view list;
  std::vector<std::string_view> opening;
};

// Responses is not here: its items become messages together with their neighbours.
std::optional<Keys> keys_of(Format format) {
  if (format == Format::kOpenAIChat) return Keys{"\"messages\"", {"\"tools\""}};
  if (format == Format::kAnthropicMessages) {
    return Keys{"\"messages\"", {"\"tools\"", kSystem}};
  }
  return std::nullopt;
}

bool contains(const std::vector<std::string_view>& all, std::string_view one) {
  return std::find(all.begin(), all.end(), one) != all.end();
}

// Claude Code's count of what is billed; the format's reader leaves it out
// (anthropic_messages.cpp). What is written in an unusual way is not taken for it.
bool makes_no_message(std::string_view block) {
  constexpr std::string_view kBilling = "\"x-anthropic-billing-header:";
  bool is_text = false;
  bool is_billing = false;
  JsonScanner scanner(block);
  if (!scanner.take('{')) return false;
  do {
    const auto key = scanner.string();
    if (!key || key->find('\\') != std::string_view::npos || !scanner.take(':')) return false;
    const auto value = scanner.value();
    if (!value) return false;
    if (*key == "\"type\"") is_text = *value == "\"text\"";
    if (*key == "\"text\"") is_billing = value->starts_with(kBilling);
  } while (scanner.take(','));
  return is_text && is_billing;
}

// The elements of an array; false where it is none or has no end.
bool cut_array(JsonScanner& scanner, std::vector<std::string_view>& elements) {
  if (!scanner.take('[')) return false;
  if (scanner.take(']')) return true;
  do {
    const auto element = scanner.value();
    if (!element || elements.size() == kMostMessages) return false;
    elements.push_back(*element);
  } while (scanner.take(','));
  return scanner.take(']');
}

// Of a member of the opening.
void add_marks(std::string_view key, std::string_view member,
               std::vector<std::string_view>& marks) {
  marks.push_back(key);
  std::vector<std::string_view> blocks;
  JsonScanner scanner(member.substr(member.find(':', key.size()) + 1));
  if (key != kSystem || !cut_array(scanner, blocks)) {
    marks.push_back(member);
    return;
  }
  for (const auto block : blocks) {
    if (!makes_no_message(block)) marks.push_back(block);
  }
}

std::string object_text(const std::vector<std::string_view>& members, std::string_view more) {
  std::string text = "{";
  for (const auto member : members) {
    text += member;
    text += ',';
  }
  text += more;
  text += '}';
  return text;
}

std::string no_messages(const CallParts& parts) {
  return std::string(parts.list) + ":[]";
}

}  // namespace

std::optional<CallParts> cut_call(Format format, std::string_view body) {
  const auto keys = keys_of(format);
  if (!keys) return std::nullopt;
  CallParts parts;
  parts.list = keys->list;
  std::vector<std::string_view> seen;
  JsonScanner scanner(body);
  if (!scanner.take('{')) return std::nullopt;
  do {
    const auto key = scanner.string();
    const bool plain = key && key->find('\\') == std::string_view::npos;
    if (!plain || seen.size() == kMostKeys || contains(seen, *key)) return std::nullopt;
    seen.push_back(*key);
    const std::size_t begin = scanner.position() - key->size();
    if (!scanner.take(':')) return std::nullopt;
    if (*key == keys->list) {
      if (!cut_array(scanner, parts.messages)) return std::nullopt;
      continue;
    }
    if (!scanner.value()) return std::nullopt;
    const auto member = body.substr(begin, scanner.position() - begin);
    if (contains(keys->opening, *key)) {
      parts.opening.push_back(member);
      add_marks(*key, member, parts.opening_marks);
    } else {
      parts.settings.push_back(member);
    }
  } while (scanner.take(','));
  const bool whole = scanner.take('}') && scanner.peek() == '\0' &&
                     scanner.position() == body.size() && contains(seen, keys->list);
  if (!whole) return std::nullopt;
  return parts;
}

std::string settings_text(const CallParts& parts) {
  return object_text(parts.settings, no_messages(parts));
}

std::string opening_text(const CallParts& parts) {
  return object_text(parts.opening, std::string(kNoModel) + "," + no_messages(parts));
}

std::string message_text(const CallParts& parts, std::size_t index) {
  std::string more(kNoModel);
  more += ',';
  more += parts.list;
  more += ":[";
  more += parts.messages.at(index);
  more += ']';
  return object_text({}, more);
}

}  // namespace hone::wire
