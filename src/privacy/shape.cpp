#include "privacy/shape.h"

#include <algorithm>
#include <charconv>
#include <cstdint>

#include "base/result.h"
#include "privacy/boundary.h"

namespace hone::privacy {
namespace {

constexpr std::size_t kLongestRun = 2048;
constexpr std::string_view kAlphabets = "dhHAlwuteb3x";

constexpr bool is_of(char alphabet, char c) {
  const bool hex_letter = (c >= 'a' && c <= 'f');
  switch (alphabet) {
    case 'd':
      return is_digit(c);
    case 'h':
      return is_digit(c) || hex_letter;
    case 'H':
      return is_digit(c) || hex_letter || (c >= 'A' && c <= 'F');
    case 'A':
      return is_upper(c) || is_digit(c);
    case 'l':
      return is_lower(c) || is_digit(c);
    case 'w':
      return is_letter(c) || is_digit(c);
    case 'u':
      return is_word(c) || c == '-';
    case 't':
      return is_word(c) || c == '-' || c == '.';
    case 'e':
      return is_word(c) || c == '-' || c == '.' || c == '=';
    case 'b':
      return is_letter(c) || is_digit(c) || c == '+' || c == '/' || c == '=';
    case '3':
      return is_lower(c) || (c >= '2' && c <= '7');
    case 'x':
      return is_word(c) || c == '-' || c == '.' || c == '~' || c == '%' || c == '+' || c == '/' ||
             c == '=';
    default:
      return false;
  }
}

// One bit an alphabet, so that a run costs one look-up a character.
constexpr std::array<std::uint16_t, 256> make_members() {
  std::array<std::uint16_t, 256> members{};
  for (std::size_t c = 0; c < members.size(); ++c) {
    for (std::size_t i = 0; i < kAlphabets.size(); ++i) {
      if (is_of(kAlphabets[i], static_cast<char>(c))) {
        members.at(c) |= static_cast<std::uint16_t>(1U << i);
      }
    }
  }
  return members;
}
constexpr auto kMembers = make_members();

std::size_t run(std::string_view text, std::size_t at, char alphabet, std::size_t limit) {
  std::size_t end = at;
  while (end < text.size() && end - at < limit && belongs(alphabet, text[end])) ++end;
  return end - at;
}

}  // namespace

bool belongs(char alphabet, char c) {
  const unsigned bit = 1U << kAlphabets.find(alphabet);
  return (kMembers[static_cast<unsigned char>(c)] & bit) != 0;
}

Shape::Shape(std::string_view text) : text_(text) {
  std::vector<Part> parts;
  for (std::size_t at = 0; at < text.size();) {
    if (text[at] != '{') {
      const std::size_t end = std::min(text.find('{', at), text.size());
      parts.push_back({std::string(text.substr(at, end - at)), 0, 0, 0});
      at = end;
      continue;
    }
    const std::size_t close = text.find('}', at);
    HONE_ASSERT(close != std::string_view::npos &&
                kAlphabets.find(text[at + 1]) != std::string_view::npos);
    Part part{"", text[at + 1], 0, 0};
    const char* end = text.data() + close;
    const auto min = std::from_chars(text.data() + at + 2, end, part.min);
    part.max = min.ptr == end ? part.min : kLongestRun;
    if (min.ptr != end && min.ptr + 1 != end) std::from_chars(min.ptr + 1, end, part.max);
    parts.push_back(std::move(part));
    at = close + 1;
  }
  auto first = parts.begin();
  if (first->literal.empty()) head_ = *first++;
  HONE_ASSERT(first != parts.end() && !first->literal.empty());
  anchor_ = first->literal;
  introduces_ = anchor_.ends_with('|');
  if (introduces_) anchor_.pop_back();
  rest_.assign(first + 1, parts.end());
}

std::optional<Shape::Match> Shape::match(std::string_view text, std::size_t at) const {
  Match match{at, at + anchor_.size(), at + anchor_.size()};
  if (head_.max > 0) {
    while (match.begin > 0 && at - match.begin < head_.max &&
           belongs(head_.alphabet, text[match.begin - 1])) {
      --match.begin;
    }
    if (at - match.begin < head_.min) return std::nullopt;
    match.random = match.begin;
  }
  if (is_word(text[match.begin]) && !begins_word(text, match.begin)) return std::nullopt;
  char last = 0;
  for (const Part& part : rest_) {
    last = part.alphabet;
    if (!part.literal.empty()) {
      if (text.substr(match.end, part.literal.size()) != part.literal) return std::nullopt;
      match.end += part.literal.size();
      continue;
    }
    const std::size_t size = run(text, match.end, part.alphabet, part.max);
    if (size < part.min) return std::nullopt;
    match.end += size;
  }
  const char after = char_at(text, match.end);
  if (is_word(after) || (last != 0 && last != 'b' && last != 't' && last != 'e' && last != 'x' &&
                         belongs(last, after))) {
    return std::nullopt;
  }
  // A full stop ends a sentence, not a token.
  const bool sentence = after == '\0' || after == ' ' || after == '\n' || after == '\r';
  while (sentence && (last == 't' || last == 'e') && match.end > match.random &&
         text[match.end - 1] == '.')
    --match.end;
  if (introduces_) match.begin = at + anchor_.size();
  return match;
}

}  // namespace hone::privacy
