#include "base/json_scan.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include <bit>

namespace hone {
namespace {

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

// The first '"' or '\' at or behind `at`; the text's size where there is none. Nearly all of a body
// is inside strings, so this is where the scanner's time goes.
std::size_t find_quote_or_backslash(std::string_view text, std::size_t at) {
#ifdef __SSE2__
  const __m128i quote = _mm_set1_epi8('"');
  const __m128i backslash = _mm_set1_epi8('\\');
  for (; at + 16 <= text.size(); at += 16) {
    const auto* place = reinterpret_cast<const __m128i*>(text.data() + at);
    const __m128i bytes = _mm_loadu_si128(place);
    const __m128i hits =
        _mm_or_si128(_mm_cmpeq_epi8(bytes, quote), _mm_cmpeq_epi8(bytes, backslash));
    const auto mask = static_cast<unsigned>(_mm_movemask_epi8(hits));
    if (mask != 0) return at + static_cast<std::size_t>(std::countr_zero(mask));
  }
#endif
  while (at < text.size() && text[at] != '"' && text[at] != '\\') ++at;
  return at;
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
  const std::size_t begin = at_++;
  while (true) {
    at_ = find_quote_or_backslash(text_, at_);
    if (at_ >= text_.size()) {
      at_ = text_.size();
      return std::nullopt;
    }
    if (text_[at_] == '"') return text_.substr(begin, ++at_ - begin);
    at_ += 2;
  }
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
