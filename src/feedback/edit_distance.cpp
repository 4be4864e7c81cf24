#include "feedback/edit_distance.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace hone::feedback {
namespace {

constexpr std::uint64_t kMostPairs = 1ULL << 32;
constexpr std::size_t kWordBits = 64;

// How many bytes the character at `text[at]` takes; 1 where the bytes are no UTF-8.
std::size_t sequence_length(std::string_view text, std::size_t at) {
  const auto lead = static_cast<std::uint8_t>(text[at]);
  const std::size_t length = lead < 0xC2   ? 1
                             : lead < 0xE0 ? 2
                             : lead < 0xF0 ? 3
                             : lead < 0xF5 ? 4
                                           : 1;
  if (at + length > text.size()) return 1;
  for (std::size_t i = 1; i < length; ++i) {
    if ((static_cast<std::uint8_t>(text[at + i]) & 0xC0U) != 0x80U) return 1;
  }
  return length;
}

std::u32string characters(std::string_view text) {
  std::u32string result;
  result.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = sequence_length(text, at);
    char32_t value = 0;  // any one-to-one packing of the bytes serves to compare
    for (std::size_t i = 0; i < length; ++i)
      value = value << 8U | static_cast<std::uint8_t>(text[at + i]);
    result.push_back(value);
    at += length;
  }
  return result;
}

// Which of up to 64 pattern characters equal a given one, as bits.
class Matches {
 public:
  explicit Matches(std::u32string_view block) {
    for (std::size_t i = 0; i < block.size(); ++i) {
      const std::uint64_t bit = 1ULL << i;
      if (block[i] < ascii_.size()) {
        ascii_[block[i]] |= bit;
      } else {
        others_.push_back({block[i], bit});
      }
    }
  }
  std::uint64_t of(char32_t character) const {
    if (character < ascii_.size()) return ascii_[character];
    std::uint64_t bits = 0;
    for (const auto& [other, bit] : others_) bits |= other == character ? bit : 0;
    return bits;
  }

 private:
  std::array<std::uint64_t, 128> ascii_{};
  std::vector<std::pair<char32_t, std::uint64_t>> others_;
};

// Levenshtein distance by bit vectors: 64 rows of the matrix in one word (Myers, A fast bit-vector
// algorithm, JACM 1999; the block form by Hyyrö, 2003). `step[j]` is D[row][j+1] - D[row][j] at the
// last row of the block above, so that only one row of differences is kept.
std::size_t distance(std::u32string_view pattern, std::u32string_view text) {
  std::vector<std::int8_t> step(text.size(), 1);
  for (std::size_t begin = 0; begin < pattern.size(); begin += kWordBits) {
    const auto block = pattern.substr(begin, kWordBits);
    const Matches matches(block);
    const std::size_t last = block.size() - 1;
    std::uint64_t up = ~0ULL;  // rows where the vertical difference is +1
    std::uint64_t down = 0;    // and -1
    for (std::size_t j = 0; j < text.size(); ++j) {
      const std::uint64_t rose = step[j] > 0 ? 1 : 0;
      const std::uint64_t fell = step[j] < 0 ? 1 : 0;
      std::uint64_t equal = matches.of(text[j]);
      const std::uint64_t vertical = equal | down;
      equal |= fell;
      const std::uint64_t horizontal = (((equal & up) + up) ^ up) | equal;
      std::uint64_t plus = down | ~(horizontal | up);
      std::uint64_t minus = up & horizontal;
      step[j] = static_cast<std::int8_t>((plus >> last & 1U) - (minus >> last & 1U));
      plus = plus << 1U | rose;
      minus = minus << 1U | fell;
      up = minus | ~(vertical | plus);
      down = plus & vertical;
    }
  }
  std::int64_t total = static_cast<std::int64_t>(pattern.size());
  for (const auto change : step) total += change;
  return static_cast<std::size_t>(total);
}

}  // namespace

double edit_distance(std::string_view original, std::string_view final_text) {
  const std::u32string from = characters(original);
  const std::u32string to = characters(final_text);
  const std::size_t longer = std::max(from.size(), to.size());
  if (longer == 0) return 0;
  const auto [a, b] = std::ranges::mismatch(from, to);
  const auto begin = static_cast<std::size_t>(a - from.begin());
  std::size_t end = 0;
  while (end < std::min(from.size(), to.size()) - begin &&
         from[from.size() - 1 - end] == to[to.size() - 1 - end]) {
    ++end;
  }
  const auto left = std::u32string_view(from).substr(begin, from.size() - begin - end);
  const auto right = std::u32string_view(to).substr(begin, to.size() - begin - end);
  std::size_t changed = std::max(left.size(), right.size());
  if (left.size() * right.size() <= kMostPairs && !left.empty() && !right.empty()) {
    changed = distance(left, right);
  }
  return static_cast<double>(changed) / static_cast<double>(longer);
}

}  // namespace hone::feedback
