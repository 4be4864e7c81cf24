#include "evaluate/auc.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "base/random.h"

namespace hone::evaluate {
namespace {

struct Weighted {
  double score;
  double weight;
  bool positive;
};

// Over rows sorted by score: positives above each negative, ties half, weights multiplied.
double sorted_auc(const std::vector<Weighted>& rows) {
  double below = 0;  // weight of negatives with a lower score
  double pairs_won = 0;
  double positives = 0;
  for (std::size_t i = 0; i < rows.size();) {
    double tied_positive = 0;
    double tied_negative = 0;
    std::size_t end = i;
    for (; end < rows.size() && rows[end].score == rows[i].score; ++end) {
      (rows[end].positive ? tied_positive : tied_negative) += rows[end].weight;
    }
    pairs_won += tied_positive * (below + tied_negative / 2);
    below += tied_negative;
    positives += tied_positive;
    i = end;
  }
  return positives > 0 && below > 0 ? pairs_won / (positives * below) : std::nan("");
}

}  // namespace

Auc area_under_curve(std::span<const Scored> rows, std::uint64_t seed, int resamples) {
  std::map<std::string, std::size_t> number_of;
  for (const auto& row : rows) number_of.try_emplace(row.person, number_of.size());
  std::vector<Weighted> sorted;
  std::vector<std::size_t> owner(rows.size());
  std::vector<std::size_t> order(rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return rows[a].score < rows[b].score; });
  Auc auc;
  for (std::size_t i = 0; i < order.size(); ++i) {
    const auto& row = rows[order[i]];
    sorted.push_back({row.score, 1, row.positive});
    owner[i] = number_of.at(row.person);
    ++(row.positive ? auc.positives : auc.negatives);
  }
  auc.people = static_cast<std::int64_t>(number_of.size());
  const double whole = sorted_auc(sorted);
  if (std::isnan(whole)) return auc;
  auc.value = whole;
  Random random(seed);
  std::vector<double> values;
  for (int i = 0; i < resamples; ++i) {
    std::vector<double> weight(number_of.size(), 0);
    for (std::size_t j = 0; j < weight.size(); ++j) weight[random.below(weight.size())] += 1;
    for (std::size_t j = 0; j < sorted.size(); ++j) sorted[j].weight = weight[owner[j]];
    const double value = sorted_auc(sorted);
    if (!std::isnan(value)) values.push_back(value);
  }
  std::sort(values.begin(), values.end());
  if (values.size() >= 40) {
    const auto at = [&](double share) {
      return values[static_cast<std::size_t>(share * static_cast<double>(values.size() - 1))];
    };
    auc.low = at(0.025);
    auc.high = at(0.975);
  }
  return auc;
}

}  // namespace hone::evaluate
