#include "engine/model/jinja_write.h"

#include <utf8proc.h>

#include <cmath>
#include <cstdio>

#include "engine/model/template_json.h"
#include "engine/model/utf8.h"

namespace hone::engine::jinja {
namespace {

// Python's str.isprintable() of one character.
bool is_printable(char32_t code) {
  if (code == ' ') return true;
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(code))) {
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
    case UTF8PROC_CATEGORY_ZS:
      return false;
    default:
      return true;
  }
}

std::string escaped(char32_t code) {
  char text[16];
  const char* form = code < 0x100 ? "\\x%02x" : code < 0x10000 ? "\\u%04x" : "\\U%08x";
  std::snprintf(text, sizeof text, form, static_cast<unsigned>(code));
  return text;
}

std::string number_text(double number) {
  if (std::isnan(number)) return "nan";
  if (std::isinf(number)) return number < 0 ? "-inf" : "inf";
  return template_json(json::value(number));
}

class Writer {
 public:
  explicit Writer(Budget& budget) : budget_(budget) {}

  // Python's repr().
  void write(const Value& value) {
    budget_.spend();
    if (const Text* text = value.if_text()) {
      put(text->remade(repr_of(text->bytes())));
    } else if (const Dict* dict = value.if_dict()) {
      put("{");
      for (const Dict::Entry& entry : dict->entries) {
        if (&entry != &dict->entries.front()) put(", ");
        write(Value(entry.first));
        put(": ");
        write(entry.second);
      }
      put("}");
    } else if (const List* list = value.if_list(); list != nullptr && written(*list)) {
      const bool tuple = list->kind == List::Kind::kTuple;
      put(tuple ? "(" : "[");
      for (const Value& item : list->items) {
        if (&item != &list->items.front()) put(", ");
        write(item);
      }
      if (tuple && list->items.size() == 1) put(",");
      put(tuple ? ")" : "]");
    } else {
      put(scalar(value));
    }
  }

  [[nodiscard]] Text take() { return std::move(out_); }

 private:
  static bool written(const List& list) {
    return list.kind == List::Kind::kList || list.kind == List::Kind::kTuple;
  }

  static std::string scalar(const Value& value) {
    if (value.is_undefined()) return "Undefined";
    if (value.is_none()) return "None";
    if (const bool* flag = value.if_boolean()) return *flag ? "True" : "False";
    if (const auto integer = value.as_integer()) return std::to_string(*integer);
    if (const auto* large = value.if_large()) return std::to_string(*large);
    if (const double* number = value.if_double()) return number_text(*number);
    refuse_unsupported("writing out a " + std::string(value.type_name()));
  }

  void put(std::string_view own) {
    budget_.make(own.size());
    out_.append_own(own);
  }
  void put(const Text& text) {
    budget_.make(text.size());
    out_.append(text);
  }

  Budget& budget_;
  Text out_;
};

class Reader {
 public:
  Reader(const IsOwn& is_own, Budget& budget) : is_own_(is_own), budget_(budget) {}

  Value read(std::string_view name, const json::value& value) {
    path_.push_back(name);
    Value result = convert(value);
    path_.pop_back();
    return result;
  }

 private:
  Value convert(const json::value& value) {
    switch (value.kind()) {
      case json::kind::null:
        return Value::none();
      case json::kind::bool_:
        return Value::boolean(value.get_bool());
      case json::kind::int64:
        return Value::integer(value.get_int64());
      case json::kind::uint64:
        return Value::large(value.get_uint64());
      case json::kind::double_:
        return Value::number(value.get_double());
      case json::kind::string:
        return string(value.get_string());
      case json::kind::array: {
        std::vector<Value> items;
        items.reserve(value.get_array().size());
        for (const json::value& item : value.get_array()) items.push_back(read("*", item));
        return make_list(List::Kind::kList, std::move(items), budget_);
      }
      case json::kind::object: {
        std::vector<Dict::Entry> entries;
        entries.reserve(value.get_object().size());
        for (const auto& member : value.get_object()) {
          entries.emplace_back(std::make_shared<const Text>(Text::given(std::string(member.key()))),
                               read(member.key(), member.value()));
        }
        return make_dict(std::move(entries), budget_);
      }
    }
    return Value::none();
  }

  Value string(std::string_view text) {
    const bool own = is_own_ && is_own_(path_, text);
    return make_text(own ? Text(std::string(text)) : Text::given(std::string(text)), budget_);
  }

  const IsOwn& is_own_;
  Budget& budget_;
  std::vector<std::string_view> path_;
};

void note_text(const Text& text, AsJson& all) {
  all.given = all.given || !text.given().empty();
  for (const char character : text.bytes()) {
    const auto byte = static_cast<unsigned char>(character);
    if (byte < 0x20 || byte == '"' || byte == '\\') ++all.escapes;
    if (byte >= 0x7F) ++all.wide;
  }
}

// Takes note in `all` of what it comes by.
json::value convert(const Value& value, AsJson& all, Budget& budget) {
  budget.make_items(1);
  ++all.nodes;
  if (value.is_none()) return nullptr;
  if (const bool* flag = value.if_boolean()) return *flag;
  if (const auto integer = value.as_integer()) return *integer;
  if (const auto* large = value.if_large()) return *large;
  if (const double* number = value.if_double()) return *number;
  if (const Text* text = value.if_text()) {
    budget.make(text->size());
    note_text(*text, all);
    return json::value(json::string_view(text->bytes()));
  }
  if (const Dict* dict = value.if_dict()) {
    json::object object;
    for (const auto& [key, member] : dict->entries) {
      budget.make(key->size());
      note_text(*key, all);
      object[key->bytes()] = convert(member, all, budget);
    }
    return object;
  }
  const List* list = value.if_list();
  if (list != nullptr && (list->kind == List::Kind::kList || list->kind == List::Kind::kTuple)) {
    json::array array;
    array.reserve(list->items.size());
    for (const Value& item : list->items) array.push_back(convert(item, all, budget));
    return array;
  }
  refuse("tojson: a value of the type '" + std::string(value.type_name()) + "' has no JSON form");
}

}  // namespace

std::string repr_of(std::string_view text) {
  const bool single =
      text.find('\'') == std::string_view::npos || text.find('"') != std::string_view::npos;
  const char quote = single ? '\'' : '"';
  std::string out(1, quote);
  for (std::size_t i = 0; i < text.size();) {
    const Character character = character_at(text, i);
    const char32_t code = character.code;
    if (code == static_cast<char32_t>(quote) || code == '\\') {
      out += '\\';
      out += static_cast<char>(code);
    } else if (code == '\n') {
      out += "\\n";
    } else if (code == '\r') {
      out += "\\r";
    } else if (code == '\t') {
      out += "\\t";
    } else if (is_printable(code)) {
      out += text.substr(i, character.size);
    } else {
      out += escaped(code);
    }
    i += character.size;
  }
  out += quote;
  return out;
}

std::string shown(std::string_view text) {
  constexpr std::size_t kLongest = 80;
  if (text.size() <= kLongest) return repr_of(text);
  const std::string_view start = text.substr(0, kLongest);
  return repr_of(start.substr(0, start.size() - incomplete_utf8_tail(start))) + "…";
}

TextPtr text_of(const Value& value, Budget& budget) {
  if (TextPtr text = value.text_ptr()) return text;
  if (value.is_undefined()) return std::make_shared<const Text>();
  Writer writer(budget);
  writer.write(value);
  return std::make_shared<const Text>(writer.take());
}

Value from_json(std::string_view name, const json::value& value, const IsOwn& is_own,
                Budget& budget) {
  return Reader(is_own, budget).read(name, value);
}

AsJson to_json(const Value& value, Budget& budget) {
  AsJson result;
  result.value = convert(value, result, budget);
  return result;
}

}  // namespace hone::engine::jinja
