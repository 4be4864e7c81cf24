// The area under the ROC curve: how often a score puts an accepted answer over a rejected one (Mann
// and Whitney 1947), with an interval from resampling people, not rows (Field and Welsh 2007),
// since one person's answers resemble each other.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace hone::evaluate {

struct Scored {
  std::string person;
  double score = 0;
  bool positive = false;
};

struct Auc {
  double value = 0.5;
  double low = 0;  // 95%, percentile bootstrap over people
  double high = 1;
  std::int64_t positives = 0;
  std::int64_t negatives = 0;
  std::int64_t people = 0;
  // Fewer than 50 positives or negatives: a number would say more than is known.
  [[nodiscard]] bool too_few() const { return positives < 50 || negatives < 50; }
};

// Ties count half. `seed` draws the resamples.
[[nodiscard]] Auc area_under_curve(std::span<const Scored> rows, std::uint64_t seed,
                                   int resamples = 1000);

}  // namespace hone::evaluate
