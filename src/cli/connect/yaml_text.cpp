// YAML, as Continue's config.yaml is: keys at the top and items of lists there. libyaml reads it
// and says where everything stands.
#include <yaml.h>

#include <array>
#include <memory>

#include "base/text.h"
#include "cli/connect/document.h"

namespace hone::cli::connect {
namespace {

constexpr std::size_t kMaxNodes = 100'000;  // aliases make a small text large
constexpr int kMaxYamlDepth = 64;

struct YamlDocument {
  yaml_document_t document{};
  YamlDocument() = default;
  ~YamlDocument() { yaml_document_delete(&document); }
  YamlDocument(const YamlDocument&) = delete;
  YamlDocument& operator=(const YamlDocument&) = delete;
  yaml_node_t* node(int index) { return yaml_document_get_node(&document, index); }
};

std::unexpected<Error> yaml_problem(const yaml_parser_t& parser) {
  const auto* what = parser.problem == nullptr ? "it cannot be read" : parser.problem;
  return fail(ErrorCode::kInvalid,
              "line " + std::to_string(parser.problem_mark.line + 1) + ": " + what);
}

// The only document of the text; its root is nullptr where it is empty.
Result<std::unique_ptr<YamlDocument>> load_yaml(std::string_view text) {
  yaml_parser_t parser;
  if (yaml_parser_initialize(&parser) == 0) return fail(ErrorCode::kInternal, "no memory");
  const std::unique_ptr<yaml_parser_t, decltype(&yaml_parser_delete)> owned(&parser,
                                                                            &yaml_parser_delete);
  yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
  yaml_parser_set_input_string(&parser, reinterpret_cast<const unsigned char*>(text.data()),
                               text.size());
  auto first = std::make_unique<YamlDocument>();
  if (yaml_parser_load(&parser, &first->document) == 0) return yaml_problem(parser);
  if (yaml_document_get_root_node(&first->document) == nullptr) return first;
  YamlDocument second;
  if (yaml_parser_load(&parser, &second.document) == 0) return yaml_problem(parser);
  if (const auto* more = yaml_document_get_root_node(&second.document)) {
    return fail(ErrorCode::kInvalid, "line " + std::to_string(more->start_mark.line + 1) +
                                         ": a second document begins; settings are one");
  }
  return first;
}

// UTF-8 text without a byte order mark, since libyaml counts characters from behind it.
std::string_view without_mark(std::string_view text) {
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  return text;
}

// libyaml counts characters; we count bytes.
std::size_t byte_of(std::string_view text, std::size_t character) {
  std::size_t at = 0;
  for (; at < text.size(); ++at) {
    const bool begins = (static_cast<unsigned char>(text[at]) & 0xC0U) != 0x80U;
    if (begins && character-- == 0) break;
  }
  return at;
}

std::string_view scalar_of(const yaml_node_t& node) {
  return {reinterpret_cast<const char*>(node.data.scalar.value), node.data.scalar.length};
}

Result<json::value> yaml_to_json(YamlDocument& yaml, int index, int depth, std::size_t& seen) {
  const auto* node = yaml.node(index);
  if (node == nullptr || depth > kMaxYamlDepth || ++seen > kMaxNodes) {
    return fail(ErrorCode::kTooLarge, "it is nested too deep, or too large");
  }
  if (node->type == YAML_SCALAR_NODE) return json::value(json::string(scalar_of(*node)));
  if (node->type == YAML_SEQUENCE_NODE) {
    json::array items;
    for (auto* item = node->data.sequence.items.start; item != node->data.sequence.items.top;
         ++item) {
      auto value = yaml_to_json(yaml, *item, depth + 1, seen);
      if (!value) return value;
      items.push_back(std::move(*value));
    }
    return json::value(std::move(items));
  }
  json::object object;
  for (auto* pair = node->data.mapping.pairs.start; pair != node->data.mapping.pairs.top; ++pair) {
    const auto* key = yaml.node(pair->key);
    if (key == nullptr || key->type != YAML_SCALAR_NODE) {
      return fail(ErrorCode::kInvalid, "a key is not a text");
    }
    auto value = yaml_to_json(yaml, pair->value, depth + 1, seen);
    if (!value) return value;
    object[scalar_of(*key)] = std::move(*value);
  }
  return json::value(std::move(object));
}

bool is_plain_word(std::string_view text) {
  if (text.empty() || text.back() == ' ' || text.back() == ':') return false;
  const char first = text.front();
  if (std::isalpha(static_cast<unsigned char>(first)) == 0 && first != '$') return false;
  for (const char c : text) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0 &&
        !std::string_view(" _./:$@{}-").contains(c)) {
      return false;
    }
  }
  if (text.contains(": ")) return false;
  const std::string lower = lower_case(text);
  constexpr std::array kNotTexts = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"};
  return std::find(kNotTexts.begin(), kNotTexts.end(), lower) == kNotTexts.end();
}

std::string yaml_scalar(const json::value& value) {
  if (value.is_string() && is_plain_word(value.get_string()))
    return std::string(value.get_string());
  return json::serialize(value);  // a JSON text is YAML
}

// "key: value" lines below `indent`, each with its line break; the first without its indent.
std::string yaml_lines(const json::object& object, const std::string& indent, std::string_view nl) {
  std::string out;
  for (const auto& item : object) {
    if (!out.empty()) out += indent;
    out += std::string(item.key()) + ":";
    if (const auto* items = item.value().if_array()) {
      out += nl;
      for (const auto& one : *items) out += indent + "  - " + yaml_scalar(one) + std::string(nl);
    } else {
      out += " " + yaml_scalar(item.value()) + std::string(nl);
    }
  }
  return out;
}

std::string yaml_item(const json::value& value, const std::string& indent, std::string_view nl) {
  const auto* object = value.if_object();
  if (object == nullptr || object->empty())
    return indent + "- " + yaml_scalar(value) + std::string(nl);
  return indent + "- " + yaml_lines(*object, indent + "  ", nl);
}

// The column in which the items of a block list stand that begins behind `at`; none where no '-' is
// the first there.
std::optional<std::string> item_indent(std::string_view text, std::size_t at) {
  while (at < text.size()) {
    const auto indent = indent_of_line(text, at);
    const auto rest = text.substr(at + indent.size());
    if (rest.starts_with('-')) return std::string(indent);
    if (!rest.starts_with('#') && !rest.starts_with('\n') && !rest.starts_with("\r\n")) break;
    at = next_line(text, at);
  }
  return std::nullopt;
}

struct YamlPlace {
  std::size_t key_begin = 0;
  std::size_t key_end = 0;
  std::size_t begin = 0;  // of the value
  std::size_t end = 0;
  const yaml_node_t* value = nullptr;
};

std::optional<YamlPlace> find_key(YamlDocument& yaml, const yaml_node_t& root,
                                  std::string_view text, const std::string& key) {
  for (auto* pair = root.data.mapping.pairs.start; pair != root.data.mapping.pairs.top; ++pair) {
    const auto* name = yaml.node(pair->key);
    const auto* value = yaml.node(pair->value);
    if (name == nullptr || value == nullptr || name->type != YAML_SCALAR_NODE) continue;
    if (scalar_of(*name) != key) continue;
    return YamlPlace{byte_of(text, name->start_mark.index), byte_of(text, name->end_mark.index),
                     byte_of(text, value->start_mark.index), byte_of(text, value->end_mark.index),
                     value};
  }
  return std::nullopt;
}

std::unexpected<Error> no_list(std::string_view text, const YamlPlace& place,
                               const std::string& key) {
  return fail(ErrorCode::kConflict, "line " + std::to_string(line_number(text, place.key_end)) +
                                        ": '" + key +
                                        "' is not a list that hone can add to; write it as a list "
                                        "of '- …' lines");
}

// `value` as the first item of the list at `place`.
Result<std::string> add_item(std::string_view text, const YamlPlace& place, const Setting& setting,
                             const std::string& root_indent) {
  const auto nl = line_break(text);
  std::string out(text);
  const auto insert_lines = [&](const std::string& indent) {
    const std::size_t at = next_line(text, place.key_end);
    const bool open_line = at > 0 && text[at - 1] != '\n';
    out.insert(at, (open_line ? std::string(nl) : "") + yaml_item(setting.value, indent, nl));
    return out;
  };
  const auto& node = *place.value;
  if (node.type == YAML_SCALAR_NODE) {
    const auto words = scalar_of(node);
    const bool plain = node.data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    if (plain && words.empty()) return insert_lines(root_indent + "  ");
    if (!plain || (words != "~" && words != "null")) return no_list(text, place, setting.path[0]);
    out.replace(place.begin, place.end - place.begin, "[" + json::serialize(setting.value) + "]");
    return out;
  }
  if (node.type != YAML_SEQUENCE_NODE) return no_list(text, place, setting.path[0]);
  if (node.data.sequence.style == YAML_FLOW_SEQUENCE_STYLE) {
    if (place.begin >= out.size() || out[place.begin] != '[') {
      return no_list(text, place, setting.path[0]);
    }
    const bool empty = node.data.sequence.items.start == node.data.sequence.items.top;
    out.insert(place.begin + 1, json::serialize(setting.value) + (empty ? "" : ", "));
    return out;
  }
  const auto indent = item_indent(text, next_line(text, place.key_end));
  if (!indent) return no_list(text, place, setting.path[0]);
  return insert_lines(*indent);
}

// Behind the last line of the list item whose '-' stands at `dash`: what follows is indented
// deeper.
std::size_t end_of_item(std::string_view text, std::size_t dash) {
  const std::size_t column = indent_of_line(text, dash).size();
  std::size_t end = next_line(text, dash);
  for (std::size_t at = end; at < text.size(); at = next_line(text, at)) {
    const std::size_t indent = indent_of_line(text, at).size();
    const auto rest = text.substr(at + indent);
    if (rest.starts_with('\n') || rest.starts_with("\r\n")) continue;
    if (indent <= column) break;
    end = next_line(text, at);
  }
  return end;
}

// Removes the item of the block list at `place` that equals the value.
Result<std::string> drop_item(YamlDocument& yaml, std::string_view text, const YamlPlace& place,
                              const Setting& setting) {
  const auto& node = *place.value;
  std::string out(text);
  if (node.type != YAML_SEQUENCE_NODE) return out;
  for (auto* item = node.data.sequence.items.start; item != node.data.sequence.items.top; ++item) {
    std::size_t seen = 0;
    const auto value = yaml_to_json(yaml, *item, 0, seen);
    if (!value) return fail(value.error());
    if (canonical(*value) != canonical(setting.value)) continue;
    const std::size_t start = byte_of(text, yaml.node(*item)->start_mark.index);
    const std::size_t begin = line_start(text, start);
    const std::size_t dash = begin + indent_of_line(text, start).size();
    if (node.data.sequence.style == YAML_FLOW_SEQUENCE_STYLE ||
        !text.substr(dash).starts_with('-')) {
      return no_list(text, place, setting.path[0]);
    }
    return out.erase(begin, end_of_item(text, dash) - begin);
  }
  return out;
}

}  // namespace

Result<json::value> parse_yaml(std::string_view text) {
  text = without_mark(text);
  auto yaml = load_yaml(text);
  if (!yaml) return fail(yaml.error());
  const auto* root = yaml_document_get_root_node(&(*yaml)->document);
  if (root == nullptr) return json::value(json::object());
  if (root->type != YAML_MAPPING_NODE) {
    return fail(ErrorCode::kInvalid, "line " + std::to_string(root->start_mark.line + 1) +
                                         ": the settings are not a mapping of 'key: value'");
  }
  std::size_t seen = 0;
  return yaml_to_json(**yaml, 1, 0, seen);
}

Result<std::string> set_in_yaml(std::string_view whole, const Setting& setting) {
  const auto text = without_mark(whole);
  const std::string mark(whole.substr(0, whole.size() - text.size()));
  if (setting.path.size() != 1) return fail(ErrorCode::kInvalid, "only YAML's top is edited");
  auto yaml = load_yaml(text);
  if (!yaml) return fail(yaml.error());
  const auto* root = yaml_document_get_root_node(&(*yaml)->document);
  const std::string root_indent(
      root == nullptr ? "" : indent_of_line(text, byte_of(text, root->start_mark.index)));
  if (root != nullptr && root->data.mapping.style == YAML_FLOW_MAPPING_STYLE) {
    return fail(
        ErrorCode::kConflict,
        "line 1: the settings are written in braces { … }; hone adds to 'key: value' lines");
  }
  const auto place =
      root == nullptr ? std::nullopt : find_key(**yaml, *root, text, setting.path[0]);
  if (place && setting.in_list) {
    auto added = add_item(text, *place, setting, root_indent);
    if (!added) return added;
    return mark + *added;
  }
  std::string out(text);
  if (place) {
    out.replace(place->begin, place->end - place->begin, yaml_scalar(setting.value));
    return mark + out;
  }
  const std::string nl(line_break(text));
  if (!out.empty() && !out.ends_with('\n')) out += nl;
  out += root_indent + setting.path[0] + ":";
  out += setting.in_list ? nl + yaml_item(setting.value, root_indent + "  ", nl)
                         : " " + yaml_scalar(setting.value) + nl;
  return mark + out;
}

Result<std::string> unset_in_yaml(std::string_view whole, const Setting& setting) {
  const auto text = without_mark(whole);
  const std::string mark(whole.substr(0, whole.size() - text.size()));
  auto yaml = load_yaml(text);
  if (!yaml) return fail(yaml.error());
  const auto* root = yaml_document_get_root_node(&(*yaml)->document);
  if (root == nullptr || root->data.mapping.style == YAML_FLOW_MAPPING_STYLE) {
    return std::string(whole);
  }
  const auto place = find_key(**yaml, *root, text, setting.path[0]);
  if (!place) return std::string(whole);
  if (setting.in_list) {
    auto without = drop_item(**yaml, text, *place, setting);
    if (!without) return without;
    return mark + *without;
  }
  std::string out(text);
  const std::size_t begin = line_start(text, place->key_begin);
  // An empty value has no place of its own, and that of a block ends where the next line begins.
  const bool empty = place->value->type == YAML_SCALAR_NODE && scalar_of(*place->value).empty();
  const std::size_t last = empty ? place->key_end : place->end;
  const bool whole_lines = last > place->key_end && text[last - 1] == '\n';
  return mark + out.erase(begin, (whole_lines ? last : next_line(text, last)) - begin);
}

}  // namespace hone::cli::connect
