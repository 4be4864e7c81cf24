#include "base/json_scan.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include <algorithm>
#include <bit>
#include <cstdint>

namespace hone {
namespace {

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

#ifdef __SSE2__
// Which of the 64 bytes at `place` are `wanted`: bit i for the i-th.
std::uint64_t places_of(char wanted, const char* place) {
  const __m128i all = _mm_set1_epi8(wanted);
  std::uint64_t mask = 0;
  for (int i = 0; i < 4; ++i) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(place) + i);
    const auto part = static_cast<unsigned>(_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, all)));
    mask |= static_cast<std::uint64_t>(part) << (16 * i);
  }
  return mask;
}
#endif

// The quote that ends the string whose inside begins at `at`; the text's size where there is none.
// Nearly all of a body is inside strings, and code in it has an escape every few words, so this is
// where the scanner's time goes.
std::size_t string_end(std::string_view text, std::size_t at) {
#ifdef __SSE2__
  while (at + 64 <= text.size()) {
    const std::uint64_t quotes = places_of('"', text.data() + at);
    std::uint64_t marks = quotes | places_of('\\', text.data() + at);
    std::size_t next = at + 64;
    while (marks != 0) {
      const int first = std::countr_zero(marks);
      if ((quotes >> first & 1U) != 0) return at + static_cast<std::size_t>(first);
      if (first == 63) ++next;  // what it escapes stands in the next 64
      marks &= ~(std::uint64_t{3} << first);
    }
    at = next;
  }
#endif
  while (at < text.size() && text[at] != '"') at += text[at] == '\\' ? 2 : 1;
  return std::min(at, text.size());
}

}  // namespace

char JsonScanner::peek() {
  while (at_ < text_.size() && is_blank(text_[at_])) ++at_;
  return at_ < text_.size() ? text_[at_] : '\0';
}

bool JsonScanner::take(char wanted) {
  if (peek() != wanted) return false;
  ++at_;
  return true;
}

std::optional<std::string_view> JsonScanner::string() {
  if (peek() != '"') return std::nullopt;
  const std::size_t begin = at_;
  at_ = string_end(text_, at_ + 1);
  if (at_ == text_.size()) return std::nullopt;
  return text_.substr(begin, ++at_ - begin);
}

std::optional<std::string_view> JsonScanner::value() {
  peek();
  const std::size_t begin = at_;
  if (!skip_value()) return std::nullopt;
  return text_.substr(begin, at_ - begin);
}

bool JsonScanner::skip_value() {
  std::size_t depth = 0;
  do {
    const char next = peek();
    if (next == '\0') return false;
    if (next == '"') {
      if (!string()) return false;
      continue;
    }
    if (next == '{' || next == '[') ++depth;
    if (next == '}' || next == ']') {
      if (depth == 0) return false;
      --depth;
    }
    if (depth == 0 && next != '}' && next != ']') return skip_word();
    ++at_;
  } while (depth > 0);
  return true;
}

// A number, true, false or null.
bool JsonScanner::skip_word() {
  const std::size_t begin = at_;
  while (at_ < text_.size() && !is_blank(text_[at_]) && text_[at_] != ',' && text_[at_] != '}' &&
         text_[at_] != ']') {
    ++at_;
  }
  return at_ > begin && at_ < text_.size();
}

}  // namespace hone
