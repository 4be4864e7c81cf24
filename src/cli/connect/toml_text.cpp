// TOML, as Codex's config.toml is. toml++ reads it; where an entry stands is found by going through
// the lines of a text that toml++ has found good.
#include <toml++/toml.h>

#include <sstream>

#include "cli/connect/document.h"

namespace hone::cli::connect {
namespace {

struct TomlHeader {
  std::vector<std::string> path;
  bool array = false;     // [[…]]
  std::size_t begin = 0;  // of its line
  std::size_t end = 0;    // behind its line break
};

struct TomlEntry {
  std::size_t header = 0;         // its number + 1; 0: before the first
  std::vector<std::string> path;  // from the root
  std::size_t begin = 0;          // of its line
  std::size_t value_begin = 0;
  std::size_t value_end = 0;
  std::size_t line_end = 0;  // behind the line break
};

struct TomlLayout {
  std::vector<TomlHeader> headers;
  std::vector<TomlEntry> entries;
};

// Goes through a text that is known to be TOML.
class TomlScanner {
 public:
  explicit TomlScanner(std::string_view text) : text_(text) {}

  TomlLayout scan() {
    if (text_.starts_with(kByteOrderMark)) at_ = kByteOrderMark.size();
    while (at_ < text_.size()) {
      skip_blanks();
      const char first = peek();
      if (first == '#' || first == '\n' || first == '\r' || first == '\0') {
        at_ = next_line(text_, at_);
      } else if (first == '[') {
        header();
      } else {
        entry();
      }
    }
    return std::move(layout_);
  }

 private:
  [[nodiscard]] char peek(std::size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }
  void skip_blanks() {
    while (peek() == ' ' || peek() == '\t') ++at_;
  }

  void header() {
    TomlHeader found;
    found.array = peek(1) == '[';
    found.begin = line_start(text_, at_);
    at_ += found.array ? 2 : 1;
    found.path = key();
    at_ = next_line(text_, at_);
    found.end = at_;
    layout_.headers.push_back(std::move(found));
  }

  void entry() {
    TomlEntry found;
    found.header = layout_.headers.size();
    found.begin = line_start(text_, at_);
    if (found.header > 0) found.path = layout_.headers.back().path;
    for (auto& part : key()) found.path.push_back(std::move(part));
    while (at_ < text_.size() && peek() != '=' && peek() != '\n') ++at_;
    ++at_;
    skip_blanks();
    found.value_begin = at_;
    found.value_end = value();
    at_ = next_line(text_, at_);
    found.line_end = at_;
    layout_.entries.push_back(std::move(found));
  }

  // a."b c".'d'
  std::vector<std::string> key() {
    std::vector<std::string> parts;
    while (at_ < text_.size()) {
      skip_blanks();
      std::string part;
      if (peek() == '"' || peek() == '\'') {
        const std::size_t begin = at_;
        quoted();
        part = unquoted(text_.substr(begin, at_ - begin));
      } else {
        while (std::isalnum(static_cast<unsigned char>(peek())) != 0 || peek() == '_' ||
               peek() == '-') {
          part += text_[at_++];
        }
      }
      parts.push_back(std::move(part));
      skip_blanks();
      if (peek() != '.') break;
      ++at_;
    }
    return parts;
  }

  static std::string unquoted(std::string_view text) {
    const std::string inside(text.size() < 2 ? text : text.substr(1, text.size() - 2));
    if (text.starts_with('\'')) return inside;
    const auto read = parse_json("\"" + inside + "\"");
    return read && read->is_string() ? std::string(read->as_string()) : inside;
  }

  // Over one string of any of the four kinds.
  void quoted() {
    const char quote = peek();
    const bool literal = quote == '\'';
    const bool multiline = peek(1) == quote && peek(2) == quote;
    at_ += multiline ? 3 : 1;
    while (at_ < text_.size()) {
      if (!literal && peek() == '\\') {
        at_ += 2;
      } else if (peek() != quote) {
        ++at_;
      } else if (!multiline) {
        ++at_;
        return;
      } else if (peek(1) == quote && peek(2) == quote) {
        at_ += 3;
        while (peek() == quote) ++at_;  // quotes may stand before the closing ones
        return;
      } else {
        ++at_;
      }
    }
    at_ = std::min(at_, text_.size());
  }

  // Over a value, to the blank, comment or line break behind it.
  std::size_t value() {
    int depth = 0;
    std::size_t end = at_;
    while (at_ < text_.size()) {
      const char here = peek();
      if (here == '"' || here == '\'') {
        quoted();
        end = at_;
        continue;
      }
      if (here == '#') {
        if (depth == 0) break;
        at_ = next_line(text_, at_);
        continue;
      }
      if (here == '\n' && depth == 0) break;
      if (here == '[' || here == '{') ++depth;
      if (here == ']' || here == '}') --depth;
      ++at_;
      if (here != ' ' && here != '\t' && here != '\r' && here != '\n') end = at_;
    }
    return end;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  TomlLayout layout_;
};

json::value toml_to_json(const toml::node& node) {
  if (const auto* table = node.as_table()) {
    json::object object;
    for (const auto& [key, value] : *table) object[std::string(key.str())] = toml_to_json(value);
    return object;
  }
  if (const auto* array = node.as_array()) {
    json::array items;
    for (const auto& item : *array) items.push_back(toml_to_json(item));
    return items;
  }
  if (const auto text = node.value_exact<std::string>()) return json::value(json::string(*text));
  if (const auto number = node.value_exact<std::int64_t>()) return json::value(*number);
  if (const auto flag = node.value_exact<bool>()) return json::value(*flag);
  // Others as they are written: only to be compared.
  std::ostringstream out;
  if (node.is_floating_point()) out << "float " << *node.value_exact<double>();
  if (const auto* date = node.as_date()) out << "date " << **date;
  if (const auto* time = node.as_time()) out << "time " << **time;
  if (const auto* moment = node.as_date_time()) out << "date-time " << **moment;
  return json::value(json::string(out.str()));
}

bool is_bare_key(std::string_view key) {
  return !key.empty() && std::all_of(key.begin(), key.end(), [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '-';
  });
}

// JSON's escapes are TOML's.
std::string toml_key(const std::string& key) {
  return is_bare_key(key) ? key : json::serialize(json::value(json::string(key)));
}

std::string toml_value(const json::value& value) {
  std::string out;
  if (const auto* object = value.if_object()) {
    for (const auto& item : *object) {
      out += (out.empty() ? "{ " : ", ") + toml_key(std::string(item.key())) + " = " +
             toml_value(item.value());
    }
    return out.empty() ? "{}" : out + " }";
  }
  if (const auto* array = value.if_array()) {
    for (const auto& item : *array) out += (out.empty() ? "" : ", ") + toml_value(item);
    return "[" + out + "]";
  }
  return json::serialize(value);
}

std::string toml_table_name(const std::vector<std::string>& path) {
  std::string name;
  for (const auto& part : path) name += (name.empty() ? "" : ".") + toml_key(part);
  return name;
}

// The entry at `path`; nullptr where there is none. What is in an array of tables has no path.
const TomlEntry* find_entry_at(const TomlLayout& layout, const std::vector<std::string>& path) {
  for (const auto& entry : layout.entries) {
    const bool in_array = entry.header > 0 && layout.headers[entry.header - 1].array;
    if (!in_array && entry.path == path) return &entry;
  }
  return nullptr;
}

// Where a line for a table that is there goes: behind its last entry, else behind its head.
std::size_t line_for(const TomlLayout& layout, std::size_t header, std::size_t otherwise) {
  std::size_t at = otherwise;
  for (const auto& entry : layout.entries) {
    if (entry.header == header) at = entry.line_end;
  }
  return at;
}

}  // namespace

Result<json::value> parse_toml(std::string_view text) {
  try {
    const toml::table table = toml::parse(text);
    return toml_to_json(table);
  } catch (const toml::parse_error& error) {
    return fail(ErrorCode::kInvalid, "line " + std::to_string(error.source().begin.line) + ": " +
                                         std::string(error.description()));
  }
}

Result<std::string> set_in_toml(std::string_view text, const Setting& setting) {
  if (setting.in_list) return fail(ErrorCode::kInvalid, "lists in TOML are not edited");
  const auto layout = TomlScanner(text).scan();
  const std::string nl(line_break(text));
  std::string out(text);
  if (const auto* entry = find_entry_at(layout, setting.path)) {
    out.replace(entry->value_begin, entry->value_end - entry->value_begin,
                toml_value(setting.value));
    return out;
  }
  const std::vector<std::string> table(setting.path.begin(), setting.path.end() - 1);
  const std::string line = toml_key(setting.path.back()) + " = " + toml_value(setting.value) + nl;
  const auto insert_line = [&](std::size_t at) {
    const bool open_line = at > 0 && out[at - 1] != '\n';
    out.insert(at, (open_line ? nl : "") + line);
    return out;
  };
  if (table.empty()) {
    const std::size_t head = text.starts_with(kByteOrderMark) ? kByteOrderMark.size() : 0;
    const auto at = line_for(layout, 0, head);
    if (at != head) return insert_line(at);
    out.insert(head, line + (head == out.size() ? "" : nl));
    return out;
  }
  for (std::size_t i = 0; i < layout.headers.size(); ++i) {
    if (layout.headers[i].array || layout.headers[i].path != table) continue;
    return insert_line(line_for(layout, i + 1, layout.headers[i].end));
  }
  if (!out.empty() && !out.ends_with('\n')) out += nl;
  if (!out.empty()) out += nl;
  out += "[" + toml_table_name(table) + "]" + nl + line;
  return out;
}

Result<std::string> unset_in_toml(std::string_view text, const Setting& setting) {
  const auto layout = TomlScanner(text).scan();
  std::string out(text);
  if (const auto* entry = find_entry_at(layout, setting.path)) {
    return out.erase(entry->begin, entry->line_end - entry->begin);
  }
  // A table, with the blank line before it.
  for (const auto& header : layout.headers) {
    if (header.array || header.path != setting.path) continue;
    std::size_t begin = header.begin;
    if (begin > 0) {
      const std::size_t before = line_start(text, begin - 1);
      const auto line = text.substr(before, begin - before);
      if (line == "\n" || line == "\r\n") begin = before;
    }
    return out.erase(begin, header.end - begin);
  }
  return out;
}

Result<std::string> restore_in_toml(std::string_view text, const std::vector<std::string>& path,
                                    std::string_view before) {
  const auto layout = TomlScanner(text).scan();
  const auto old_layout = TomlScanner(before).scan();
  const auto* entry = find_entry_at(layout, path);
  const auto* old = find_entry_at(old_layout, path);
  if (entry == nullptr || old == nullptr) {
    return fail(ErrorCode::kConflict, "it is written in another way now");
  }
  std::string out(text);
  return out.replace(entry->value_begin, entry->value_end - entry->value_begin,
                     before.substr(old->value_begin, old->value_end - old->value_begin));
}

}  // namespace hone::cli::connect
