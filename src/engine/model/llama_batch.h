// Sequences laid out for one forward pass, one row a token, without padding. What sequences begin
// with in common (a system message, the prompt of a preference pair) stands once: the rows are the
// segments of a prefix tree, a segment attends to itself and to its ancestors, and positions go on
// from the parent's. Exact for causal attention, in values and in gradients, because a token does
// not see what follows it; with nothing in common it is plain packing with block-diagonal
// attention.
//
//   Batch batch = pack({{1, 2, 3, 4}, {1, 2, 3, 9}}, /*min_shared=*/2);   // rows 1 2 3 | 4 | 9
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>
#include <vector>

namespace hone::engine {

using TokenIds = std::vector<std::int64_t>;

struct Segment {
  std::int64_t begin = 0;  // rows [begin, end)
  std::int64_t end = 0;
  std::int64_t position =
      0;                     // of its first token, which is also how many tokens its ancestors hold
  std::int64_t parent = -1;  // an earlier segment, or -1
};

struct Batch {
  TokenIds ids;                                 // one a row
  std::vector<Segment> segments;                // parents before children
  std::vector<std::vector<std::int64_t>> rows;  // of each sequence's tokens

  [[nodiscard]] std::int64_t size() const { return static_cast<std::int64_t>(ids.size()); }
};

// A shorter common beginning than `min_shared` tokens is not worth a segment of its own.
inline constexpr std::size_t kMinShared = 8;
[[nodiscard]] Batch pack(std::span<const TokenIds> sequences, std::size_t min_shared = kMinShared);

}  // namespace hone::engine
