// What the methods that learn from pairs of answers share: the step's sequences, their lengths and
// weights, and the figures for progress.jsonl.
#pragma once

#include <string>
#include <vector>

#include "engine/train/examples.h"
#include "engine/train/policy.h"
#include "engine/train/session.h"

namespace hone::engine {

// Tokens of both answers of each pair.
[[nodiscard]] std::vector<std::size_t> pair_lengths(const std::vector<Preference>& pairs);

// Of some pairs: all chosen answers, then all rejected.
[[nodiscard]] std::vector<const Sequence*> answers_of(const std::vector<Preference>& pairs,
                                                      const std::vector<std::size_t>& members);

// Of some pairs, [members], fp32.
[[nodiscard]] at::Tensor weights_of(const std::vector<Preference>& pairs,
                                    const std::vector<std::size_t>& members);

// How many tokens the chosen answers of some pairs have: what their NLL is divided by.
[[nodiscard]] double chosen_tokens(const std::vector<Preference>& pairs,
                                   const std::vector<std::size_t>& members);

// The sum of weights of a step's pairs, and a report that names them and counts their tokens.
[[nodiscard]] double total_weight(const std::vector<Preference>& pairs,
                                  const std::vector<std::size_t>& members);
[[nodiscard]] StepReport report_on(const std::vector<Preference>& pairs,
                                   const std::vector<std::size_t>& members);

// Means over each answer's tokens, [members] each, of sequences as `answers_of` orders them.
struct AnswerMeans {
  at::Tensor chosen;
  at::Tensor rejected;
};
[[nodiscard]] AnswerMeans answer_means(const TrainedTokens& tokens, std::size_t sequences);

// Rewards of this rank's share of a step's pairs, gathered over its micro-batches.
class PairFigures {
 public:
  void add(const at::Tensor& chosen_rewards, const at::Tensor& rejected_rewards);
  // "chosen_reward", "rejected_reward", "margin", "accuracy": means over the pairs.
  [[nodiscard]] std::vector<Mean> means() const;

 private:
  double pairs_ = 0;
  double chosen_ = 0;
  double rejected_ = 0;
  double right_ = 0;  // where the chosen answer's reward is higher
};

}  // namespace hone::engine
