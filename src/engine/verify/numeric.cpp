#include "engine/verify/numeric.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <string>

#include "engine/verify/rules.h"

namespace hone::engine {
namespace {

constexpr std::string_view kMinusSign = "\xE2\x88\x92";  // U+2212
constexpr std::array<std::string_view, 5> kCurrencies = {"$", "\xE2\x82\xAC", "\xC2\xA3",
                                                         "\xC2\xA5", "\xE2\x82\xB9"};
constexpr std::size_t kMostDigits = 400;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_word(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

// How many digits stand at `at`.
std::size_t digits_at(std::string_view text, std::size_t at) {
  std::size_t count = 0;
  while (at + count < text.size() && is_digit(text[at + count])) ++count;
  return count;
}

// Takes the digits of a whole number, grouped or not, into `out`; gives the position behind it.
std::size_t take_whole(std::string_view text, std::size_t at, std::string& out) {
  std::size_t count = digits_at(text, at);
  out.append(text.substr(at, count));
  at += count;
  if (count > 3) return at;
  while (at < text.size() && text[at] == ',' && digits_at(text, at + 1) == 3) {
    out.append(text.substr(at + 1, 3));
    at += 4;
  }
  return at;
}

bool ends_with_currency(std::string_view text, std::size_t& size) {
  for (const std::string_view sign : kCurrencies) {
    if (!text.ends_with(sign)) continue;
    size = sign.size();
    return true;
  }
  return false;
}

// Whether what stands before a number makes it negative: "-3", "-$3", "$-3", but not "5-3".
bool negated(std::string_view before) {
  std::size_t size = 0;
  if (ends_with_currency(before, size)) before.remove_suffix(size);
  if (before.ends_with('-')) {
    before.remove_suffix(1);
  } else if (before.ends_with(kMinusSign)) {
    before.remove_suffix(kMinusSign.size());
  } else {
    return false;
  }
  if (ends_with_currency(before, size)) before.remove_suffix(size);
  return before.empty() || !(is_word(before.back()) || before.back() == ')');
}

struct Found {
  std::size_t end = 0;
  std::optional<double> value;
};

// The number that begins at `at`, where a digit stands, or a point before one.
Found number_at(std::string_view text, std::size_t at) {
  std::string digits;
  std::size_t end = take_whole(text, at, digits);
  if (end < text.size() && text[end] == '.' && digits_at(text, end + 1) > 0) {
    const std::size_t count = digits_at(text, end + 1);
    digits += "." + std::string(text.substr(end + 1, count));
    end += 1 + count;
  }
  if (end < text.size() && (text[end] == 'e' || text[end] == 'E')) {
    std::size_t from = end + 1;
    if (from < text.size() && (text[from] == '-' || text[from] == '+')) ++from;
    const std::size_t count = digits_at(text, from);
    if (count > 0 && count <= 4) {
      const bool minus = text[end + 1] == '-';
      digits += (minus ? "e-" : "e") + std::string(text.substr(from, count));
      end = from + count;
    }
  }
  if (digits.size() > kMostDigits) return {end, std::nullopt};
  if (digits.starts_with('.')) digits.insert(0, "0");
  double value = 0;
  const auto [stop, bad] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (bad != std::errc() || stop != digits.data() + digits.size()) return {end, std::nullopt};
  return {end, negated(text.substr(0, at)) ? -value : value};
}

Result<double> limit_field(const json::object& object, std::string_view name) {
  auto value = optional_field<double>(object, name);
  if (!value) return fail(value.error());
  if (!(value->value_or(0.0) >= 0.0 && std::isfinite(value->value_or(0.0))))
    return fail(ErrorCode::kInvalid, "field '" + std::string(name) + "' must not be below 0");
  return value->value_or(0.0);
}

Result<double> expected_number(const json::object& object) {
  const json::value* value = object.if_contains("answer");
  if (value == nullptr || !value->is_string()) return field<double>(object, "answer");
  const std::string_view text = value->get_string();
  const auto number = last_number(declared_answer(text).value_or(text));
  if (!number) return fail(ErrorCode::kInvalid, "field 'answer' has no number in it");
  return *number;
}

}  // namespace

std::optional<double> last_number(std::string_view text) {
  std::optional<double> last;
  for (std::size_t at = 0; at < text.size();) {
    const bool point = text[at] == '.' && digits_at(text, at + 1) > 0;
    if (!is_digit(text[at]) && !point) {
      ++at;
      continue;
    }
    if (at > 0 && is_word(text[at - 1]) && !is_digit(text[at - 1])) {
      at += std::max<std::size_t>(1, digits_at(text, at));  // inside a word
      continue;
    }
    const Found found = number_at(text, at);
    if (found.value) last = found.value;
    at = found.end;
  }
  return last;
}

std::optional<std::string_view> declared_answer(std::string_view text) {
  constexpr std::string_view kHashes = "####";
  constexpr std::string_view kBoxed = "\\boxed{";
  const auto hashes = text.rfind(kHashes);
  const auto boxed = text.rfind(kBoxed);
  const bool has_hashes = hashes != std::string_view::npos;
  const bool has_box = boxed != std::string_view::npos;
  if (!has_hashes && !has_box) return std::nullopt;
  if (has_hashes && (!has_box || hashes > boxed)) {
    const std::string_view rest = text.substr(hashes + kHashes.size());
    return rest.substr(0, rest.find('\n'));
  }
  const std::string_view rest = text.substr(boxed + kBoxed.size());
  return rest.substr(0, rest.find('}'));
}

Result<Verifier::Rule> numeric_rule(const json::object& object) {
  if (auto known =
          only_fields(object, {"type", "answer", "tolerance", "relative_tolerance", "take"});
      !known)
    return fail(known.error());
  auto wanted = expected_number(object);
  if (!wanted) return fail(wanted.error());
  auto absolute = limit_field(object, "tolerance");
  if (!absolute) return fail(absolute.error());
  auto relative = limit_field(object, "relative_tolerance");
  if (!relative) return fail(relative.error());
  auto take = choice_field(object, "take", {"any", "declared"});
  if (!take) return fail(take.error());
  // A double has rounded both sides already.
  const double allowed =
      std::max(*absolute, *relative * std::abs(*wanted)) + 1e-12 * std::abs(*wanted);
  return [wanted = *wanted, allowed, only_declared = *take == 1](
             std::string_view answer, const VerifyOptions&) -> Result<Verdict> {
    const auto declared = declared_answer(answer);
    if (!declared && only_declared) return Verdict{0.0, "declares no answer (####, \\boxed{})"};
    const auto number = last_number(declared.value_or(answer));
    if (!number) return Verdict{0.0, "has no number"};
    if (std::abs(*number - wanted) <= allowed) return Verdict{1.0, "is the number"};
    return Verdict{0.0, fmt::format("{} instead of {}", *number, wanted)};
  };
}

}  // namespace hone::engine
