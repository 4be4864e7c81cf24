// JSON with comments and trailing commas, as the settings of Claude Code, opencode and Gemini CLI
// are: read with the place of every value, so that single members can be put in and taken out.
#include <algorithm>

#include "base/text.h"
#include "cli/connect/document.h"

namespace hone::cli::connect {
namespace {

constexpr std::size_t kMaxDepth = 64;
constexpr auto kNowhere = std::string_view::npos;

// A value and where it stands: [begin, end).
struct JsoncNode {
  // What an object's member or an array's item is beside its value.
  struct Entry;

  std::size_t begin = 0;
  std::size_t end = 0;
  json::value value;
  std::vector<Entry> entries;  // of an object or array
};

struct JsoncNode::Entry {
  std::string key;
  std::size_t begin = 0;         // of the key, or of an array's item
  std::size_t comma = kNowhere;  // the comma behind it
  JsoncNode node;
};

class JsoncReader {
 public:
  explicit JsoncReader(std::string_view text) : text_(text) {}

  // Nothing where the text holds only blanks and comments.
  Result<std::optional<JsoncNode>> read() {
    if (text_.starts_with(kByteOrderMark)) at_ = kByteOrderMark.size();
    if (auto skipped = skip(); !skipped) return fail(skipped.error());
    if (at_ == text_.size()) return std::nullopt;
    auto root = value(0);
    if (!root) return fail(root.error());
    if (auto skipped = skip(); !skipped) return fail(skipped.error());
    if (at_ != text_.size()) return problem("more follows behind the end of the document");
    return std::optional<JsoncNode>(std::move(*root));
  }

 private:
  std::unexpected<Error> problem(const std::string& what) const {
    return fail(
        ErrorCode::kInvalid,
        "line " + std::to_string(line_number(text_, std::min(at_, text_.size()))) + ": " + what);
  }

  [[nodiscard]] bool next_is(char wanted) const {
    return at_ < text_.size() && text_[at_] == wanted;
  }

  // Blanks and comments.
  Result<void> skip() {
    while (at_ < text_.size()) {
      const auto rest = text_.substr(at_);
      if (std::string_view(" \t\r\n").contains(rest.front())) {
        ++at_;
      } else if (rest.starts_with("//")) {
        at_ = next_line(text_, at_);
      } else if (rest.starts_with("/*")) {
        const auto end = text_.find("*/", at_ + 2);
        if (end == kNowhere) return problem("a comment /* does not end");
        at_ = end + 2;
      } else {
        break;
      }
    }
    return {};
  }

  Result<JsoncNode> value(std::size_t depth) {
    if (depth > kMaxDepth) return problem("it is nested too deep");
    if (at_ == text_.size()) return problem("a value is missing; the file ends here");
    if (text_[at_] == '{' || text_[at_] == '[') return container(depth, text_[at_]);
    return scalar();
  }

  Result<JsoncNode> scalar() {
    JsoncNode node;
    node.begin = at_;
    if (next_is('"')) {
      for (++at_; at_ < text_.size() && text_[at_] != '"' && text_[at_] != '\n'; ++at_) {
        if (text_[at_] == '\\') ++at_;
      }
      if (!next_is('"')) {
        at_ = node.begin;
        return problem("a string does not end on its line");
      }
      ++at_;
    } else {
      while (at_ < text_.size() && !std::string_view(" \t\r\n,:]}/\"{[").contains(text_[at_])) {
        ++at_;
      }
    }
    node.end = at_;
    auto read = parse_json(text_.substr(node.begin, node.end - node.begin));
    if (!read) {
      at_ = node.begin;
      return problem("this is no JSON value");
    }
    node.value = std::move(*read);
    return node;
  }

  Result<JsoncNode> container(std::size_t depth, char open) {
    const bool object = open == '{';
    const char close = object ? '}' : ']';
    JsoncNode node;
    node.begin = at_++;
    node.value = object ? json::value(json::object()) : json::value(json::array());
    while (true) {
      if (auto skipped = skip(); !skipped) return fail(skipped.error());
      if (next_is(close)) break;
      if (!node.entries.empty() && node.entries.back().comma == kNowhere) {
        return problem(std::string("',' or '") + close + "' is missing");
      }
      auto read = entry(depth, object);
      if (!read) return fail(read.error());
      if (object) {
        node.value.as_object()[read->key] = read->node.value;
      } else {
        node.value.as_array().push_back(read->node.value);
      }
      node.entries.push_back(std::move(*read));
      if (auto skipped = skip(); !skipped) return fail(skipped.error());
      if (next_is(',')) node.entries.back().comma = at_++;
    }
    node.end = ++at_;
    return node;
  }

  Result<JsoncNode::Entry> entry(std::size_t depth, bool with_key) {
    JsoncNode::Entry read;
    read.begin = at_;
    if (with_key) {
      if (!next_is('"')) return problem("a key in quotes is missing");
      auto key = scalar();
      if (!key) return fail(key.error());
      read.key = std::string(key->value.as_string());
      if (auto skipped = skip(); !skipped) return fail(skipped.error());
      if (!next_is(':')) return problem("':' is missing behind \"" + read.key + "\"");
      ++at_;
      if (auto skipped = skip(); !skipped) return fail(skipped.error());
    }
    auto node = value(depth + 1);
    if (!node) return fail(node.error());
    read.node = std::move(*node);
    return read;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

// As JSON.stringify(value, null, unit) writes it: tools that rewrite their settings leave it alone.
void append_pretty(std::string& out, const json::value& value, const std::string& indent,
                   const std::string& unit, std::string_view nl) {
  const auto list = [&](char open, char close, std::size_t size, const auto& each) {
    out += open;
    for (std::size_t i = 0; i < size; ++i) {
      out += std::string(i == 0 ? "" : ",") + std::string(nl) + indent + unit;
      each(i);
    }
    if (size > 0) out += std::string(nl) + indent;
    out += close;
  };
  if (const auto* object = value.if_object()) {
    list('{', '}', object->size(), [&](std::size_t i) {
      const auto& item = *(object->begin() + static_cast<std::ptrdiff_t>(i));
      append_json_string(out, item.key());
      out += ": ";
      append_pretty(out, item.value(), indent + unit, unit, nl);
    });
  } else if (const auto* array = value.if_array()) {
    list('[', ']', array->size(),
         [&](std::size_t i) { append_pretty(out, (*array)[i], indent + unit, unit, nl); });
  } else {
    out += json::serialize(value);
  }
}

// Edits one text, of which `root` tells the places.
class JsoncEditor {
 public:
  JsoncEditor(std::string_view text, const JsoncNode& root) : text_(text), nl_(line_break(text)) {
    unit_ = "  ";
    if (!root.entries.empty() && starts_its_line(root.entries.front().begin)) {
      const auto indent = indent_of_line(text_, root.entries.front().begin);
      if (!indent.empty()) unit_ = indent;
    }
  }

  // `key` nullptr: an item of an array.
  std::string insert(const JsoncNode& into, const std::string* key,
                     const json::value& value) const {
    std::string name;
    if (key != nullptr) {
      append_json_string(name, *key);
      name += ": ";
    }
    const auto member = [&](const std::string& indent) {
      std::string out = name;
      append_pretty(out, value, indent, unit_, nl_);
      return out;
    };
    const std::string base(indent_of_line(text_, into.begin));
    if (into.entries.empty()) return insert_into_empty(into, base, member);
    const auto& first = into.entries.front();
    if (!starts_its_line(first.begin)) {
      return with(into.begin + 1, 0, name + json::serialize(value) + ", ");
    }
    const std::string indent(indent_of_line(text_, first.begin));
    // "$schema" stays at the head, where editors look for it.
    std::size_t at = into.begin + 1;
    if (key != nullptr && first.key == "$schema" && into.entries.size() > 1 &&
        starts_its_line(into.entries[1].begin)) {
      at = first.comma + 1;
    }
    return with(end_of_line(at), 0, std::string(nl_) + indent + member(indent) + ",");
  }

  std::string replace(const JsoncNode& node, const json::value& value) const {
    std::string out;
    append_pretty(out, value, std::string(indent_of_line(text_, node.begin)), unit_, nl_);
    return with(node.begin, node.end - node.begin, out);
  }

  std::string remove(const JsoncNode& from, std::size_t index) const {
    const auto& entry = from.entries[index];
    std::size_t begin = entry.begin;
    std::size_t end = entry.comma == kNowhere ? entry.node.end : entry.comma + 1;
    if (starts_its_line(begin) && ends_its_line(end)) {
      begin -= indent_of_line(text_, begin).size();
      // The line break before it goes; the one behind it ends the line before.
      if (begin > 0 && text_[begin - 1] == '\n') {
        --begin;
        if (begin > 0 && text_[begin - 1] == '\r') --begin;
      }
    } else if (entry.comma != kNowhere && end < text_.size() && text_[end] == ' ') {
      ++end;
    }
    std::string out = with(begin, end - begin, "");
    // A last member has no comma behind it: the one before it goes.
    if (entry.comma == kNowhere && index > 0 && from.entries[index - 1].comma != kNowhere) {
      out.erase(from.entries[index - 1].comma, 1);
    }
    return out;
  }

 private:
  [[nodiscard]] bool starts_its_line(std::size_t offset) const {
    const auto indent = indent_of_line(text_, offset);
    return static_cast<std::size_t>(indent.data() - text_.data()) + indent.size() == offset &&
           text_.substr(0, offset).contains('\n');
  }

  // Others that follow on the line keep its beginning: the line above may end in a comment.
  [[nodiscard]] bool ends_its_line(std::size_t at) const {
    const auto rest = trimmed(text_.substr(at, next_line(text_, at) - at));
    return rest.empty() || rest.starts_with("//");
  }

  // The end of the line on which `at` stands, behind a comment that follows there; where a comment
  // reaches over several lines, the end of its last.
  [[nodiscard]] std::size_t end_of_line(std::size_t at) const {
    while (at < text_.size() && text_[at] != '\n') {
      const auto rest = text_.substr(at);
      if (rest.starts_with("//")) {
        at = next_line(text_, at);
        if (at > 0 && text_[at - 1] == '\n') --at;
      } else if (rest.starts_with("/*")) {
        const auto end = text_.find("*/", at + 2);
        at = end == kNowhere ? text_.size() : end + 2;
      } else {
        ++at;
      }
    }
    return at > 0 && at < text_.size() && text_[at - 1] == '\r' ? at - 1 : at;
  }

  std::string insert_into_empty(
      const JsoncNode& into, const std::string& base,
      const std::function<std::string(const std::string&)>& member) const {
    const std::string indent = base + unit_;
    const auto inside = text_.substr(into.begin + 1, into.end - into.begin - 2);
    if (inside.find_first_not_of(" \t\r\n") == kNowhere) {
      return with(into.begin + 1, inside.size(),
                  std::string(nl_) + indent + member(indent) + std::string(nl_) + base);
    }
    return with(into.begin + 1, 0, std::string(nl_) + indent + member(indent));  // before a comment
  }

  [[nodiscard]] std::string with(std::size_t offset, std::size_t size,
                                 std::string_view other) const {
    std::string out(text_);
    out.replace(offset, size, other);
    return out;
  }

  std::string_view text_;
  std::string_view nl_;
  std::string unit_;
};

// The last of that name counts, as in every reader of JSON.
const JsoncNode::Entry* find_entry(const JsoncNode& node, const std::string& key) {
  if (!node.value.is_object()) return nullptr;
  for (auto entry = node.entries.rbegin(); entry != node.entries.rend(); ++entry) {
    if (entry->key == key) return &*entry;
  }
  return nullptr;
}

// The rest of a path that is not there, around its value.
json::value wrapped(const Setting& setting, std::size_t from) {
  json::value value = setting.value;
  if (setting.in_list) value = json::array({setting.value});
  for (std::size_t i = setting.path.size(); i > from; --i) {
    json::object around;
    around[setting.path[i - 1]] = std::move(value);
    value = std::move(around);
  }
  return value;
}

std::unexpected<Error> not_a(std::string_view text, const JsoncNode& node,
                             const std::vector<std::string>& path, const std::string& kind) {
  return fail(ErrorCode::kConflict, "line " + std::to_string(line_number(text, node.begin)) +
                                        ": '" + dotted(path) + "' is not " + kind +
                                        "; hone does not replace it");
}

}  // namespace

Result<json::value> parse_jsonc(std::string_view text) {
  auto root = JsoncReader(text).read();
  if (!root) return fail(root.error());
  if (!*root) return json::value(json::object());
  if (!(*root)->value.is_object()) {
    return fail(ErrorCode::kInvalid, "line 1: the settings are not a JSON object { … }");
  }
  return std::move((*root)->value);
}

Result<std::string> set_in_jsonc(std::string_view text, const Setting& setting) {
  auto read = JsoncReader(text).read();
  if (!read) return fail(read.error());
  if (!*read) {
    std::string with_root(text);
    if (!with_root.empty() && !with_root.ends_with('\n')) with_root += line_break(text);
    with_root += "{}" + std::string(line_break(text));
    return set_in_jsonc(with_root, setting);
  }
  const JsoncEditor editor(text, **read);
  const JsoncNode* at = &**read;
  for (std::size_t i = 0; i < setting.path.size(); ++i) {
    if (!at->value.is_object()) {
      return not_a(text, *at, {setting.path.begin(), setting.path.begin() + static_cast<long>(i)},
                   "an object");
    }
    const auto* entry = find_entry(*at, setting.path[i]);
    if (entry == nullptr) return editor.insert(*at, &setting.path[i], wrapped(setting, i + 1));
    at = &entry->node;
  }
  if (!setting.in_list) return editor.replace(*at, setting.value);
  if (!at->value.is_array()) return not_a(text, *at, setting.path, "a list");
  return editor.insert(*at, nullptr, setting.value);
}

Result<std::string> unset_in_jsonc(std::string_view text, const Setting& setting) {
  auto read = JsoncReader(text).read();
  if (!read) return fail(read.error());
  if (!*read) return std::string(text);
  const JsoncEditor editor(text, **read);
  const JsoncNode* at = &**read;
  const std::size_t parents = setting.path.size() - (setting.in_list ? 0 : 1);
  for (std::size_t i = 0; i < parents; ++i) {
    const auto* entry = find_entry(*at, setting.path[i]);
    if (entry == nullptr) return std::string(text);
    at = &entry->node;
  }
  for (std::size_t i = at->entries.size(); i > 0; --i) {
    const auto& entry = at->entries[i - 1];
    const bool ours = setting.in_list ? canonical(entry.node.value) == canonical(setting.value)
                                      : entry.key == setting.path.back();
    if (ours) return editor.remove(*at, i - 1);
  }
  return std::string(text);
}

}  // namespace hone::cli::connect
