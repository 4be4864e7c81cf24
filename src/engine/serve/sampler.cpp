#include "engine/serve/sampler.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>

namespace hone::engine {
namespace {

// Likeliest tokens that are looked at first. A nucleus seldom has more.
constexpr std::size_t kFirstCandidates = 256;

// Indices of the likeliest tokens, in order, until their weights reach `wanted`.
std::vector<std::size_t> nucleus(const std::vector<double>& weights, double wanted) {
  std::vector<std::size_t> order(weights.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto likelier = [&](std::size_t a, std::size_t b) {
    return weights[a] != weights[b] ? weights[a] > weights[b] : a < b;
  };
  for (std::size_t count = std::min(kFirstCandidates, order.size());; count = order.size()) {
    std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(count),
                      order.end(), likelier);
    double sum = 0;
    for (std::size_t i = 0; i < count; ++i) {
      sum += weights[order[i]];
      if (sum >= wanted || i + 1 == order.size()) {
        order.resize(i + 1);
        return order;
      }
    }
  }
}

std::size_t draw(const std::vector<double>& weights, double top_p, Random& random) {
  const double total = std::accumulate(weights.begin(), weights.end(), 0.0);
  if (top_p >= 1) {
    double left = random.uniform() * total;
    for (std::size_t i = 0; i < weights.size(); ++i) {
      left -= weights[i];
      if (left < 0) return i;
    }
    return static_cast<std::size_t>(std::max_element(weights.begin(), weights.end()) -
                                    weights.begin());
  }
  const auto kept = nucleus(weights, top_p * total);
  double kept_total = 0;
  for (const std::size_t i : kept) kept_total += weights[i];
  double left = random.uniform() * kept_total;
  for (const std::size_t i : kept) {
    left -= weights[i];
    if (left < 0) return i;
  }
  return kept.front();
}

Choice choose_of(std::span<const float> values, double temperature, double top_p, Random& random) {
  // NaN compares false with everything, so that it must be looked for where it would win.
  std::size_t best = 0;
  for (std::size_t i = 1; i < values.size(); ++i) {
    if (values[i] > values[best] || std::isnan(values[i])) best = i;
  }
  const Choice greedy{static_cast<std::int64_t>(best), values[best]};
  if (temperature <= 0 || !std::isfinite(greedy.logit)) return greedy;
  std::vector<double> weights(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    weights[i] = std::exp((static_cast<double>(values[i]) - greedy.logit) / temperature);
  }
  const std::size_t drawn = draw(weights, top_p, random);
  return {static_cast<std::int64_t>(drawn), values[drawn]};
}

std::span<const float> values_of(const at::Tensor& logits) {
  return {logits.const_data_ptr<float>(), static_cast<std::size_t>(logits.numel())};
}

}  // namespace

Choice choose(const at::Tensor& logits, double temperature, double top_p, Random& random) {
  return choose_of(values_of(logits), temperature, top_p, random);
}

Choice choose_among(const TokenMask& allowed, const at::Tensor& logits, double temperature,
                    double top_p, Random& random) {
  const auto values = values_of(logits);
  const auto ids = allowed.ids(values.size());
  if (ids.empty()) return {.id = -1};
  std::vector<float> left;
  left.reserve(ids.size());
  for (const std::int64_t id : ids) left.push_back(values[static_cast<std::size_t>(id)]);
  const Choice chosen = choose_of(left, temperature, top_p, random);
  return {ids[static_cast<std::size_t>(chosen.id)], chosen.logit};
}

std::vector<TokenLogprob> logprobs_of(const at::Tensor& logits,
                                      const std::vector<std::int64_t>& ids, int likeliest) {
  std::vector<TokenLogprob> entries(ids.size());
  if (ids.empty()) return entries;
  const at::Tensor index = at::tensor(ids, at::kLong).unsqueeze(1);
  const at::Tensor own = logits.gather(1, index);
  const at::Tensor normaliser = at::logsumexp(logits, {1}, true);
  const at::Tensor logprob = (own - normaliser).contiguous();
  const at::Tensor rank = logits.gt(own).sum(1).contiguous();
  at::Tensor top_values;
  at::Tensor top_ids;
  if (likeliest > 0) {
    std::tie(top_values, top_ids) = logits.topk(likeliest, 1);
    top_values = (top_values - normaliser).contiguous();
    top_ids = top_ids.contiguous();
  }
  for (std::size_t i = 0; i < ids.size(); ++i) {
    entries[i].id = ids[i];
    entries[i].logprob = logprob.const_data_ptr<float>()[i];
    entries[i].rank = rank.const_data_ptr<std::int64_t>()[i] + 1;
    for (std::size_t j = 0; j < static_cast<std::size_t>(std::max(likeliest, 0)); ++j) {
      const std::size_t at = i * static_cast<std::size_t>(likeliest) + j;
      entries[i].likeliest.push_back(
          {top_ids.const_data_ptr<std::int64_t>()[at], top_values.const_data_ptr<float>()[at]});
    }
  }
  return entries;
}

}  // namespace hone::engine
