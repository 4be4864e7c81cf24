#include "engine/train/pairs.h"

#include <ATen/ops/tensor.h>

#include "engine/train/loss/sequences.h"

namespace hone::engine {

std::vector<std::size_t> pair_lengths(const std::vector<Preference>& pairs) {
  std::vector<std::size_t> lengths;
  for (const Preference& pair : pairs)
    lengths.push_back(pair.chosen.ids.size() + pair.rejected.ids.size());
  return lengths;
}

std::vector<const Sequence*> answers_of(const std::vector<Preference>& pairs,
                                        const std::vector<std::size_t>& members) {
  std::vector<const Sequence*> sequences;
  for (const std::size_t i : members) sequences.push_back(&pairs[i].chosen);
  for (const std::size_t i : members) sequences.push_back(&pairs[i].rejected);
  return sequences;
}

at::Tensor weights_of(const std::vector<Preference>& pairs,
                      const std::vector<std::size_t>& members) {
  std::vector<double> weights;
  for (const std::size_t i : members) weights.push_back(pairs[i].weight);
  return at::tensor(weights, at::TensorOptions(at::kFloat));
}

double chosen_tokens(const std::vector<Preference>& pairs,
                     const std::vector<std::size_t>& members) {
  double count = 0;
  for (const std::size_t i : members) count += static_cast<double>(pairs[i].chosen.trained());
  return count;
}

double total_weight(const std::vector<Preference>& pairs, const std::vector<std::size_t>& members) {
  double total = 0;
  for (const std::size_t i : members) total += pairs[i].weight;
  return total;
}

StepReport report_on(const std::vector<Preference>& pairs,
                     const std::vector<std::size_t>& members) {
  StepReport report;
  for (const std::size_t i : members) {
    report.tokens +=
        static_cast<std::int64_t>(pairs[i].chosen.ids.size() + pairs[i].rejected.ids.size());
    report.examples.push_back(pairs[i].id);
  }
  return report;
}

AnswerMeans answer_means(const TrainedTokens& tokens, std::size_t sequences) {
  const auto halves =
      means_by_sequence(tokens.logprobs, tokens.sequence, static_cast<std::int64_t>(sequences))
          .chunk(2);
  return {halves[0], halves[1]};
}

void PairFigures::add(const at::Tensor& chosen_rewards, const at::Tensor& rejected_rewards) {
  const at::Tensor chosen = chosen_rewards.detach();
  const at::Tensor rejected = rejected_rewards.detach();
  pairs_ += static_cast<double>(chosen.size(0));
  chosen_ += chosen.sum().item<double>();
  rejected_ += rejected.sum().item<double>();
  right_ += chosen.gt(rejected).sum().item<double>();
}

std::vector<Mean> PairFigures::means() const {
  return {{"chosen_reward", chosen_, pairs_},
          {"rejected_reward", rejected_, pairs_},
          {"margin", chosen_ - rejected_, pairs_},
          {"accuracy", right_, pairs_}};
}

}  // namespace hone::engine
