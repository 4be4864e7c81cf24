// Filters that give a string or a number.
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <optional>

#include "engine/model/jinja_filters.h"
#include "engine/model/jinja_operators.h"
#include "engine/model/jinja_strings.h"
#include "engine/model/jinja_write.h"
#include "engine/model/template_json.h"
#include "engine/model/utf8.h"

namespace hone::engine::jinja {
namespace {

constexpr std::int64_t kMaxIndent = 1000;
constexpr std::int64_t kMaxPrecision = 300;

template <std::string (*change)(std::string_view)>
Value change_case(const Value& subject, const Arguments& arguments, Budget& budget) {
  const Bound bound(arguments, "a filter that changes the case", {});
  const TextPtr text = text_of(subject, budget);
  budget.make(text->size());
  return make_text(text->remade(change(text->bytes())), budget);
}

Value string(const Value& subject, const Arguments& arguments, Budget& budget) {
  const Bound bound(arguments, "string", {});
  return Value(text_of(subject, budget));
}

Value trim(const Value& subject, const Arguments& arguments, Budget& budget) {
  const Bound bound(arguments, "trim", {"chars"});
  std::optional<std::string_view> which;
  if (bound.some(0) != nullptr) which = bound.text(0).bytes();
  return make_text(strip_ends(*text_of(subject, budget), Ends::kBoth, which, budget), budget);
}

Value replace(const Value& subject, const Arguments& arguments, Budget& budget) {
  const Bound bound(arguments, "replace", {"old", "new", "count"}, 2);
  const std::int64_t count = bound.some(2) == nullptr ? -1 : bound.integer(2, -1);
  const TextPtr text = text_of(subject, budget);
  const TextPtr old = text_of(*bound.get(0), budget);
  const TextPtr by = text_of(*bound.get(1), budget);
  return make_text(replace_in(*text, *old, *by, count < 0 ? kAll : count, budget), budget);
}

Value indent(const Value& subject, const Arguments& arguments, Budget& budget) {
  const Bound bound(arguments, "indent", {"width", "first", "blank"});
  const Text* text = subject.if_text();
  if (text == nullptr) refuse("indent: a string is expected");
  const bool named = bound.get(0) != nullptr && bound.get(0)->if_text() != nullptr;
  const Text margin = named ? bound.text(0) : repeat(Text(" "), bound.integer(0, 4), budget);
  const bool blank_too = bound.flag(2, false);
  Text ended = *text;
  ended.append_own("\n");  // so that a last line without an end counts
  Text out;
  bool first = true;
  for (const Text& line : split_lines(ended, budget)) {
    if (!first) out.append_own("\n");
    const bool indented = first ? bound.flag(1, false) : blank_too || !line.empty();
    budget.make(line.size() + margin.size() + 1);
    if (indented) out.append(margin);
    out.append(line);
    first = false;
  }
  return make_text(std::move(out), budget);
}

// json.dumps with transformers' defaults (template_json.h).
Value to_json_text(const Value& subject, const Arguments& arguments, Budget& budget) {
  const Bound bound(arguments, "tojson", {"ensure_ascii", "indent", "separators", "sort_keys"});
  JsonStyle style;
  style.ensure_ascii = bound.flag(0, false);
  style.sort_keys = bound.flag(3, false);
  if (bound.some(1) != nullptr) {
    const std::int64_t width = bound.integer(1, 0);
    if (width < 0 || width > kMaxIndent) refuse_unsupported("this indent of tojson");
    style.indent = static_cast<std::size_t>(width);
  }
  if (const Value* separators = bound.some(2)) {
    const std::vector<Value> both = items_of(*separators, budget);
    if (both.size() != 2 || both[0].if_text() == nullptr || both[1].if_text() == nullptr) {
      refuse("tojson: 'separators' must be two strings");
    }
    style.item_separator = both[0].if_text()->bytes();
    style.key_separator = both[1].if_text()->bytes();
  }
  const AsJson json = to_json(subject, budget);
  budget.make(json.escapes * 5 + (style.ensure_ascii ? json.wide * 5 : 0));
  // What is put around each value, at the most.
  const std::size_t margin =
      style.indent.value_or(0) * static_cast<std::size_t>(subject.depth() + 1);
  const std::size_t around = style.item_separator.value_or("").size() + style.key_separator.size();
  budget.make(json.nodes * (margin + around));
  std::string written = template_json(json.value, style);
  return make_text(json.given ? Text::given(std::move(written)) : Text(std::move(written)), budget);
}

// A number in Python's form as std::from_chars takes it: without blanks around it, a "+" before it
// and "_" between its digits.
std::string plain_number(std::string_view text) {
  text = strip(text);
  if (text.starts_with('+') && !text.starts_with("+-")) text.remove_prefix(1);
  std::string plain;
  const auto is_digit = [&text](std::size_t i) {
    return i < text.size() && text[i] >= '0' && text[i] <= '9';
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '_' || i == 0 || !is_digit(i - 1) || !is_digit(i + 1)) plain += text[i];
  }
  return plain;
}

// Python's float(text), where it is one.
std::optional<double> read_double(std::string_view text) {
  const std::string plain = plain_number(text);
  double number = 0;
  const char* end = plain.data() + plain.size();
  const auto read = std::from_chars(plain.data(), end, number);
  if (plain.empty() || read.ptr != end || read.ec != std::errc()) return std::nullopt;
  return number;
}

// Python's int(number): towards zero; nothing for what is no finite number.
std::optional<Value> whole(std::optional<double> number) {
  if (!number || !std::isfinite(*number)) return std::nullopt;
  const double cut = std::trunc(*number);
  if (std::abs(cut) >= 9.2e18) refuse("int: a number is too large");
  return Value::integer(static_cast<std::int64_t>(cut));
}

Value to_int(const Value& subject, const Arguments& arguments, Budget& budget) {
  const Bound bound(arguments, "int", {"default", "base"});
  if (bound.integer(1, 10) != 10) refuse_unsupported("a base of int");
  if (subject.is_undefined()) refuse(subject.why_undefined());
  if (const auto integer = subject.as_integer()) return Value::integer(*integer);
  if (subject.if_large() != nullptr) return subject;
  std::optional<Value> result;
  if (const Text* text = subject.if_text()) {
    budget.read(text->size());
    const std::string digits = plain_number(text->bytes());
    std::int64_t integer = 0;
    const char* end = digits.data() + digits.size();
    const auto read = std::from_chars(digits.data(), end, integer);
    if (!digits.empty() && read.ptr == end) {
      if (read.ec != std::errc()) refuse("int: a number is too large");
      return Value::integer(integer);
    }
    result = whole(read_double(text->bytes()));
  } else {
    result = whole(subject.as_double());
  }
  if (result) return *result;
  return bound.get(0) != nullptr ? *bound.get(0) : Value::integer(0);
}

Value to_float(const Value& subject, const Arguments& arguments, Budget& budget) {
  const Bound bound(arguments, "float", {"default"});
  if (subject.is_undefined()) refuse(subject.why_undefined());
  std::optional<double> number = subject.as_double();
  if (const Text* text = subject.if_text()) {
    budget.read(text->size());
    number = read_double(text->bytes());
  }
  if (number) return Value::number(*number);
  return bound.get(0) != nullptr ? *bound.get(0) : Value::number(0.0);
}

Value absolute(const Value& subject, const Arguments& arguments, Budget&) {
  const Bound bound(arguments, "abs", {});
  if (const auto integer = subject.as_integer()) {
    return *integer < 0 ? apply(UnaryOperator::kMinus, subject) : Value::integer(*integer);
  }
  if (const double* number = subject.if_double()) return Value::number(std::abs(*number));
  return apply(UnaryOperator::kPlus, subject);  // says what is wrong with it
}

Value round(const Value& subject, const Arguments& arguments, Budget& budget) {
  const Bound bound(arguments, "round", {"precision", "method"});
  const std::int64_t precision = bound.integer(0, 0);
  if (precision < 0 || precision > kMaxPrecision) refuse_unsupported("this precision of round");
  const std::string method = bound.get(1) == nullptr ? "common" : bound.text(1).bytes();
  const auto number = subject.as_double();
  if (!number) return apply(UnaryOperator::kPlus, subject);  // says what is wrong with it
  if (method == "common") {
    if (subject.if_double() == nullptr)
      return apply(BinaryOperator::kAdd, subject, Value::integer(0), budget);
    // The digits as printf rounds them: exactly, and to even, as Python does.
    char text[1024];
    std::snprintf(text, sizeof text, "%.*f", static_cast<int>(precision), *number);
    return Value::number(std::strtod(text, nullptr));
  }
  const double scale = std::pow(10.0, static_cast<double>(precision));
  if (method == "ceil") return Value::number(std::ceil(*number * scale) / scale);
  if (method == "floor") return Value::number(std::floor(*number * scale) / scale);
  refuse("round: the method must be 'common', 'ceil' or 'floor'");
}

}  // namespace

const FilterTable& text_filters() {
  static const FilterTable kFilters = {
      {"abs", absolute},
      {"capitalize", change_case<capitalized>},
      {"float", to_float},
      {"indent", indent},
      {"int", to_int},
      {"lower", change_case<lower>},
      {"replace", replace},
      {"round", round},
      {"string", string},
      {"title", change_case<titled_by_jinja>},
      {"tojson", to_json_text},
      {"trim", trim},
      {"upper", change_case<upper>},
  };
  return kFilters;
}

}  // namespace hone::engine::jinja
