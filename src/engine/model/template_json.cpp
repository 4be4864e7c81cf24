#include "engine/model/template_json.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <utility>
#include <vector>

#include "engine/model/utf8.h"

namespace hone::engine {
namespace {

std::string digits_of(double value, std::chars_format format) {
  std::array<char, 512> text{};  // a double written out has at most 17 digits and 308 zeros
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value, format).ptr;
  return {text.data(), end};
}

// Python's repr: the fewest digits that read back as the same number, with an exponent below 1e-4
// and from 1e16 on.
std::string python_float(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value < 0 ? "-Infinity" : "Infinity";
  const std::string scientific = digits_of(value, std::chars_format::scientific);
  const std::size_t e = scientific.find('e');
  const int exponent = std::stoi(scientific.substr(e + 1));
  if (exponent < -4 || exponent >= 16) return scientific;
  std::string fixed = digits_of(value, std::chars_format::fixed);
  if (fixed.find('.') == std::string::npos) fixed += ".0";
  return fixed;
}

// `text`, a JSON string, with everything beyond ASCII as \uXXXX, in pairs beyond U+FFFF.
std::string in_ascii(std::string_view text) {
  std::string out;
  const auto unit = [&out](unsigned value) {
    std::array<char, 12> digits{};
    std::snprintf(digits.data(), digits.size(), "\\u%04x", value);
    out += digits.data();
  };
  for (std::size_t i = 0; i < text.size();) {
    const Character character = character_at(text, i);
    const auto code = static_cast<unsigned>(character.code);
    if (code < 0x7F) {
      out += static_cast<char>(code);
    } else if (code < 0x10000) {
      unit(code);
    } else {
      unit(0xD800 + ((code - 0x10000) >> 10));
      unit(0xDC00 + ((code - 0x10000) & 0x3FF));
    }
    i += character.size;
  }
  return out;
}

class Writer {
 public:
  explicit Writer(const JsonStyle& style)
      : style_(style), between_(style.item_separator.value_or(style.indent ? "," : ", ")) {}

  void write(const json::value& value, std::size_t depth) {
    if (const auto* object = value.if_object()) {
      std::vector<const json::key_value_pair*> members;
      members.reserve(object->size());
      for (const auto& member : *object) members.push_back(&member);
      if (style_.sort_keys) {
        std::sort(members.begin(), members.end(),
                  [](const auto* a, const auto* b) { return a->key() < b->key(); });
      }
      write_all('{', '}', members, depth, [&](const json::key_value_pair* member) {
        write_string(member->key());
        out_ += style_.key_separator;
        write(member->value(), depth + 1);
      });
    } else if (const auto* array = value.if_array()) {
      write_all('[', ']', *array, depth, [&](const json::value& item) { write(item, depth + 1); });
    } else if (const auto* text = value.if_string()) {
      write_string(*text);
    } else if (const auto* number = value.if_double()) {
      out_ += python_float(*number);
    } else {
      out_ += json::serialize(value);  // a whole number, true, false or null
    }
  }

  [[nodiscard]] std::string take() { return std::move(out_); }

 private:
  template <typename Items, typename Each>
  void write_all(char open, char close, const Items& items, std::size_t depth, const Each& each) {
    out_ += open;
    bool first = true;
    for (const auto& item : items) {
      if (!first) out_ += between_;
      first = false;
      begin_line(depth + 1);
      each(item);
    }
    if (!first) begin_line(depth);
    out_ += close;
  }

  void write_string(std::string_view text) {
    if (!style_.ensure_ascii) return append_json_string(out_, text);
    std::string written;
    append_json_string(written, text);
    out_ += in_ascii(written);
  }

  void begin_line(std::size_t depth) {
    if (!style_.indent) return;
    out_ += '\n';
    out_.append(*style_.indent * depth, ' ');
  }

  const JsonStyle& style_;
  const std::string between_;
  std::string out_;
};

}  // namespace

std::string template_json(const json::value& value, const JsonStyle& style) {
  Writer writer(style);
  writer.write(value, 0);
  return writer.take();
}

std::string template_json(const json::value& value, std::size_t indent) {
  JsonStyle style;
  if (indent > 0) style.indent = indent;
  return template_json(value, style);
}

}  // namespace hone::engine
