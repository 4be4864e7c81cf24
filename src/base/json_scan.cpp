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

// Which of 64 bytes a backslash escapes, without a look at each: code has an escape every few
// words. In a run of backslashes every second one is escaped, and so is what stands behind a run of
// odd length. Adding a run to its own first bit carries through it and out behind it, so that the
// runs that begin at odd places can be told from the others, all at once (Langdale and Lemire,
// "Parsing gigabytes of JSON per second", VLDB Journal 28, section 3.1.1).
std::uint64_t escaped_of(std::uint64_t backslashes, bool& first_is_escaped) {
  constexpr std::uint64_t kEven = 0x5555555555555555U;
  const std::uint64_t first = first_is_escaped ? 1 : 0;
  first_is_escaped = false;
  if (backslashes == 0) return first;
  backslashes &= ~first;
  const std::uint64_t behind = backslashes << 1;
  const std::uint64_t odd_begins = backslashes & ~behind & ~kEven;
  std::uint64_t even_runs = 0;
  first_is_escaped = __builtin_add_overflow(odd_begins, backslashes, &even_runs);
  return ((kEven ^ (even_runs << 1)) & behind) | first;
}
#endif

// The quote that ends the string whose inside begins at `at`; the text's size where there is none.
// Nearly all of a body is inside strings, so this is where the scanner's time goes.
std::size_t string_end(std::string_view text, std::size_t at) {
#ifdef __SSE2__
  bool first_is_escaped = false;
  while (at + 64 <= text.size()) {
    const std::uint64_t escaped = escaped_of(places_of('\\', text.data() + at), first_is_escaped);
    const std::uint64_t quotes = places_of('"', text.data() + at) & ~escaped;
    if (quotes != 0) return at + static_cast<std::size_t>(std::countr_zero(quotes));
    at += 64;
  }
  if (first_is_escaped) ++at;
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
