// Added tokens, found in text before BPE sees it. Used by the tokenizer only.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace hone::engine {

struct AddedToken {
  std::string content;
  std::string pattern;  // what stands for it in text: its content, as a normalizer writes it
  std::int64_t id = 0;
  bool special = false;
  bool normalized = false;  // looked for after those that are not, in the normalized text
};

// Says which of many texts begins another. However many there are, a question costs no more than
// their length and the logarithm of their number.
class AddedMatcher {
 public:
  struct Entry {
    std::string_view text;  // not empty; must outlive the matcher
    std::int64_t id = 0;
  };

  // Of entries with the same text the first counts.
  explicit AddedMatcher(std::vector<Entry> entries);

  // The longest that begins `text`, which is not empty; or null.
  [[nodiscard]] const Entry* match(std::string_view text) const {
    const Range range = of_first_byte_[static_cast<unsigned char>(text.front())];
    return range.begin == range.end ? nullptr : longest(text, range);
  }
  [[nodiscard]] bool empty() const { return entries_.empty(); }

 private:
  struct Range {
    std::uint32_t begin = 0;
    std::uint32_t end = 0;
  };
  // Of `range`, all of which have the first byte of `text`.
  [[nodiscard]] const Entry* longest(std::string_view text, Range range) const;
  // Those of `range` that go on with `byte` at `position`.
  [[nodiscard]] Range narrow(Range range, std::size_t position, unsigned char byte) const;

  std::vector<Entry> entries_;  // by text
  std::array<Range, 256> of_first_byte_{};
};

}  // namespace hone::engine
