#include "capture/import_columns.h"

#include <algorithm>

#include "base/text.h"
#include "capture/import_map.h"

namespace hone::capture {
namespace {

constexpr std::size_t kDistinct = 24;  // of which values are kept

void look_at_list(Column& column, const json::array& list, std::string_view packed) {
  ++column.lists;
  if (list.empty() || !list[0].is_object()) return;
  const json::object& first = list[0].get_object();
  for (const auto& [role, content] : {std::pair{"role", "content"}, std::pair{"from", "value"},
                                      std::pair{"speaker", "text"}, std::pair{"role", "text"}}) {
    if (!first.contains(role) || !first.contains(content)) continue;
    ++column.message_lists;
    column.role_field = role;
    column.content_field = content;
    column.packed = packed;
    return;
  }
}

void look_at_dialogue(Column& column, std::string_view text) {
  for (const auto& [human, machine] :
       {std::pair{"\n\nHuman:", "\n\nAssistant:"}, std::pair{"\nUser:", "\nAssistant:"},
        std::pair{"<|user|>", "<|assistant|>"}, std::pair{"Human:", "Assistant:"},
        std::pair{"User:", "Assistant:"}}) {
    if (!text.starts_with(human) || text.find(machine) == std::string_view::npos) continue;
    ++column.dialogues;
    column.speakers = {human, machine};
    return;
  }
}

void look_at_text(Column& column, std::string_view text) {
  if (text.empty()) return;
  ++column.filled;
  column.characters += text.size();
  if (const auto known = column.values.find(text); known != column.values.end()) {
    ++known->second;
  } else if (column.values.size() < kDistinct && text.size() < 80) {
    column.values.emplace(text, 1);
  } else {
    column.many = true;
  }
  if (const auto number = parse_map_number(text)) {
    column.least = column.numbers == 0 ? *number : std::min(column.least, *number);
    column.most = column.numbers == 0 ? *number : std::max(column.most, *number);
    ++column.numbers;
  } else if (text.size() < 40) {
    for (const auto* format :
         {"iso", "%d.%m.%Y %H:%M", "%d.%m.%Y %H:%M:%S", "%d.%m.%Y", "%m/%d/%Y %H:%M",
          "%m/%d/%Y %H:%M:%S", "%m/%d/%Y", "%m/%d/%Y %I:%M %p", "%d/%m/%Y %H:%M", "%d/%m/%Y",
          "%Y/%m/%d %H:%M:%S", "%d %b %Y"}) {
      MapValue value;
      value.format = format;
      if (parse_map_time(value, text)) ++column.times[format];
    }
  }
  if (text.starts_with("[{")) {
    if (const auto list = parse_json(text); list && list->is_array()) {
      look_at_list(column, list->get_array(), "json");
    } else if (const auto literal = parse_python_literal(text); literal && literal->is_array()) {
      look_at_list(column, literal->get_array(), "python");
    }
  }
  look_at_dialogue(column, text);
}

}  // namespace

std::string plain_name(std::string_view name) {
  std::string out;
  for (const char c : name) {
    const char small = to_lower(c);
    if ((small >= 'a' && small <= 'z') || (c >= '0' && c <= '9')) out += small;
  }
  return out;
}

std::string toml_text(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (c == '"' || c == '\\') {
      out += std::string("\\") + c;
    } else if (static_cast<unsigned char>(c) >= 0x20 && c != 0x7F) {
      out += c;
    }
  }
  return out + "\"";
}

std::string escaped(std::string_view key) {
  std::string out;
  for (const char c : key) out += c == '~' ? "~0" : c == '/' ? "~1" : std::string(1, c);
  return out;
}

void look_at(Column& column, const json::value& value) {
  if (const auto* list = value.if_array()) {
    column.filled += list->empty() ? 0 : 1;
    look_at_list(column, *list, "");
  } else if (const auto* text = value.if_string()) {
    look_at_text(column, *text);
  } else if (!value.is_null() && !value.is_object()) {
    look_at_text(column, json::serialize(value));
  }
}

}  // namespace hone::capture
