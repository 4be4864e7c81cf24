// Whether a run has gone astray: the mean loss of its last ten steps is more than `factor` times
// what it began with. That is the mean of its first ten, but at most twice the very first, for a
// run may go astray at once; and at least 1, for some losses begin near 0. What it has seen is part
// of a checkpoint.
#pragma once

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <vector>

namespace hone::engine {

struct LossWatch {
  static constexpr std::size_t kSteps = 10;
  std::vector<double> first;  // losses of the first kSteps steps, or of those that were
  std::vector<double> last;   // of the last kSteps

  void add(double loss) {
    if (first.size() < kSteps) first.push_back(loss);
    last.push_back(loss);
    if (last.size() > kSteps) last.erase(last.begin());
  }
  [[nodiscard]] static double mean(const std::vector<double>& losses) {
    return losses.empty() ? 0.0
                          : std::accumulate(losses.begin(), losses.end(), 0.0) /
                                static_cast<double>(losses.size());
  }
  [[nodiscard]] double beginning() const {
    return first.empty() ? 1.0 : std::max(1.0, std::min(mean(first), 2.0 * first.front()));
  }
  [[nodiscard]] bool astray(double factor) const {
    return factor > 0.0 && last.size() == kSteps && mean(last) > factor * beginning();
  }
};

}  // namespace hone::engine
