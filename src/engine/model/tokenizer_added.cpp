#include "engine/model/tokenizer_added.h"

#include <algorithm>

namespace hone::engine {

AddedMatcher::AddedMatcher(std::vector<Entry> entries) : entries_(std::move(entries)) {
  std::stable_sort(entries_.begin(), entries_.end(),
                   [](const Entry& a, const Entry& b) { return a.text < b.text; });
  const auto again = std::unique(entries_.begin(), entries_.end(),
                                 [](const Entry& a, const Entry& b) { return a.text == b.text; });
  entries_.erase(again, entries_.end());
  for (std::uint32_t i = 0; i < entries_.size(); ++i) {
    Range& range = of_first_byte_[static_cast<unsigned char>(entries_[i].text.front())];
    if (range.end == 0) range.begin = i;
    range.end = i + 1;
  }
}

AddedMatcher::Range AddedMatcher::narrow(Range range, std::size_t position,
                                         unsigned char byte) const {
  const auto at = [position](const Entry& entry) {
    return static_cast<unsigned char>(entry.text[position]);
  };
  const auto begin = entries_.begin() + range.begin;
  const auto end = entries_.begin() + range.end;
  const auto low = std::partition_point(begin, end, [&](const Entry& e) { return at(e) < byte; });
  const auto high = std::partition_point(low, end, [&](const Entry& e) { return at(e) == byte; });
  return {static_cast<std::uint32_t>(low - entries_.begin()),
          static_cast<std::uint32_t>(high - entries_.begin())};
}

const AddedMatcher::Entry* AddedMatcher::longest(std::string_view text, Range range) const {
  const Entry* found = nullptr;
  for (std::size_t size = 1; range.begin < range.end; ++size) {
    // All of the range agree with the first `size` bytes of the text. One that is no longer than
    // that comes first in it.
    if (entries_[range.begin].text.size() == size) found = &entries_[range.begin++];
    if (size == text.size()) break;
    range = narrow(range, size, static_cast<unsigned char>(text[size]));
  }
  return found;
}

}  // namespace hone::engine
