// Which examples each step takes. An epoch is a permutation drawn from the seed and the epoch's
// number alone, so that a resumed run needs only its step to know the rest. Examples are not sorted
// by length: packed batches have no padding to save.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace hone::engine {

struct StepPlan {
  std::size_t examples = 0;
  std::size_t per_step = 1;  // batch_size * gradient_accumulation
  std::uint64_t seed = 0;
  std::int64_t steps = 0;

  [[nodiscard]] std::vector<std::size_t> at(std::int64_t step) const;
};

[[nodiscard]] StepPlan plan_steps(std::size_t examples, std::size_t per_step, double epochs,
                                  std::uint64_t seed);

// Of a step's examples those that a rank computes, in order: the longest first goes to whoever has
// the fewest tokens yet, so that ranks end at about the same time. With one rank, all.
[[nodiscard]] std::vector<std::size_t> share_of(const std::vector<std::size_t>& chosen,
                                                const std::vector<std::size_t>& lengths, int rank,
                                                int world);

// Cuts a step's examples, in order, into micro-batches of at most `limit` tokens (one example may
// have more). Losses are normalised over the step, so that the cut changes memory and nothing else.
[[nodiscard]] std::vector<std::vector<std::size_t>> micro_batches(
    const std::vector<std::size_t>& chosen, const std::vector<std::size_t>& lengths,
    std::size_t limit);

// Of all examples, in order.
[[nodiscard]] std::vector<std::vector<std::size_t>> micro_batches(
    const std::vector<std::size_t>& lengths, std::size_t limit);

}  // namespace hone::engine
