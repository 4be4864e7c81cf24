// Pairs as the methods without a reference have them: chosen and rejected conversations in tensors
// of their own, with labels where an answer stands.
#pragma once

#include "base/json.h"
#include "engine/train/batch/answers.h"
#include "engine/train/batch/inputs.h"

namespace hone::engine {

struct PairRows {
  Selection selection;  // all chosen, then all rejected
  at::Tensor answer;    // fp32 [selected tokens]: 1 where it is an answer's, 0: a prompt's
  std::int64_t pairs = 0;
  at::Tensor chosen_ids;   // [pairs, columns], padded as wide as the rejected
  at::Tensor chosen_real;  // bool
  at::Tensor rejected_ids;
  at::Tensor rejected_real;
};
// With `whole_chosen` the chosen conversations' prompts are selected too.
[[nodiscard]] PairRows read_pairs(BatchReader& reader, bool whole_chosen);

// Means over each answer's tokens, [pairs].
struct PairMeans {
  at::Tensor chosen;
  at::Tensor rejected;
};
[[nodiscard]] PairMeans answer_means(const Answers& answers, const PairRows& rows);

// The metrics of both methods. Rewards are beta times the means; logits are over the first
// `logit_columns` columns, padding included (padded_logits.h).
[[nodiscard]] json::object pair_metrics(const Policy& policy, const PairMeans& means,
                                        const PairRows& rows, double beta,
                                        std::int64_t logit_columns);

}  // namespace hone::engine
