#include "engine/model/template_json.h"

#include <array>
#include <charconv>
#include <cmath>
#include <utility>

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
  if (!std::isfinite(value)) return value < 0 ? "-Infinity" : "Infinity";
  const std::string scientific = digits_of(value, std::chars_format::scientific);
  const std::size_t e = scientific.find('e');
  const int exponent = std::stoi(scientific.substr(e + 1));
  if (exponent < -4 || exponent >= 16) return scientific;
  std::string fixed = digits_of(value, std::chars_format::fixed);
  if (fixed.find('.') == std::string::npos) fixed += ".0";
  return fixed;
}

class Writer {
 public:
  explicit Writer(std::size_t indent) : indent_(indent) {}

  void write(const json::value& value, std::size_t depth) {
    if (const auto* object = value.if_object()) {
      write_all('{', '}', *object, depth, [&](const json::key_value_pair& member) {
        append_json_string(out_, member.key());
        out_ += ": ";
        write(member.value(), depth + 1);
      });
    } else if (const auto* array = value.if_array()) {
      write_all('[', ']', *array, depth, [&](const json::value& item) { write(item, depth + 1); });
    } else if (const auto* text = value.if_string()) {
      append_json_string(out_, *text);
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
      if (!first) out_ += indent_ == 0 ? ", " : ",";
      first = false;
      begin_line(depth + 1);
      each(item);
    }
    if (!first) begin_line(depth);
    out_ += close;
  }

  void begin_line(std::size_t depth) {
    if (indent_ == 0) return;
    out_ += '\n';
    out_.append(indent_ * depth, ' ');
  }

  const std::size_t indent_;
  std::string out_;
};

}  // namespace

std::string template_json(const json::value& value, std::size_t indent) {
  Writer writer(indent);
  writer.write(value, 0);
  return writer.take();
}

}  // namespace hone::engine
