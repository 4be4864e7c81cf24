// How far an edited text is from the original: Levenshtein distance on Unicode characters over the
// length of the longer text, from 0 (equal) to 1 (nothing kept).
#pragma once

#include <string_view>

namespace hone::feedback {

// Exact while the parts that differ (after common beginning and end) span at most 2^32 character
// pairs, about 0.2 s; beyond that an upper bound, which takes the whole differing part as replaced.
// Bytes that are not UTF-8 count as one character each.
[[nodiscard]] double edit_distance(std::string_view original, std::string_view final_text);

}  // namespace hone::feedback
