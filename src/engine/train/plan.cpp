#include "engine/train/plan.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

#include "base/random.h"
#include "base/result.h"

namespace hone::engine {
namespace {

std::int64_t steps_per_epoch(std::size_t examples, std::size_t per_step) {
  return static_cast<std::int64_t>((examples + per_step - 1) / per_step);
}

}  // namespace

StepPlan plan_steps(std::size_t examples, std::size_t per_step, double epochs, std::uint64_t seed) {
  HONE_ASSERT(examples > 0 && per_step > 0);
  const auto steps = static_cast<std::int64_t>(
      std::ceil(static_cast<double>(steps_per_epoch(examples, per_step)) * epochs - 1e-9));
  return {examples, per_step, seed, std::max<std::int64_t>(1, steps)};
}

std::vector<std::size_t> StepPlan::at(std::int64_t step) const {
  const std::int64_t each = steps_per_epoch(examples, per_step);
  std::vector<std::size_t> order(examples);
  std::iota(order.begin(), order.end(), std::size_t{0});
  Random random = Random(seed).fork(static_cast<std::uint64_t>(step / each));
  random.shuffle(order);
  const std::size_t first = static_cast<std::size_t>(step % each) * per_step;
  const std::size_t last = std::min(first + per_step, examples);
  return {order.begin() + static_cast<std::ptrdiff_t>(first),
          order.begin() + static_cast<std::ptrdiff_t>(last)};
}

std::vector<std::size_t> share_of(const std::vector<std::size_t>& chosen,
                                  const std::vector<std::size_t>& lengths, int rank, int world) {
  std::vector<std::size_t> order(chosen.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, std::greater(),
                           [&](std::size_t at) { return lengths[chosen[at]]; });
  std::vector<std::size_t> loads(static_cast<std::size_t>(world), 0);
  std::vector<int> owners(chosen.size());
  for (const std::size_t at : order) {
    const auto least = std::ranges::min_element(loads);
    owners[at] = static_cast<int>(least - loads.begin());
    *least += lengths[chosen[at]];
  }
  std::vector<std::size_t> share;
  for (std::size_t at = 0; at < chosen.size(); ++at) {
    if (owners[at] == rank) share.push_back(chosen[at]);
  }
  return share;
}

std::vector<std::vector<std::size_t>> micro_batches(const std::vector<std::size_t>& chosen,
                                                    const std::vector<std::size_t>& lengths,
                                                    std::size_t limit) {
  std::vector<std::vector<std::size_t>> batches;
  std::size_t tokens = 0;
  for (const std::size_t example : chosen) {
    if (batches.empty() || tokens + lengths[example] > limit) {
      batches.emplace_back();
      tokens = 0;
    }
    batches.back().push_back(example);
    tokens += lengths[example];
  }
  return batches;
}

std::vector<std::vector<std::size_t>> micro_batches(const std::vector<std::size_t>& lengths,
                                                    std::size_t limit) {
  std::vector<std::size_t> all(lengths.size());
  std::iota(all.begin(), all.end(), std::size_t{0});
  return micro_batches(all, lengths, limit);
}

}  // namespace hone::engine
