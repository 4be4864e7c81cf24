// What the methods of this folder share: the policy's and the reference's word on selected tokens,
// and means for metrics.
#pragma once

#include "base/result.h"
#include "engine/train/batch/token_statistics.h"
#include "engine/train/policy.h"

namespace hone::engine {

struct Answers {
  at::Tensor logprobs;  // [tokens], with their graph
  at::Tensor sequence;  // [tokens]
  std::int64_t sequences = 0;
  TokenStatistics statistics;
};

// `temperature` divides the logits, as it does in sampling.
[[nodiscard]] Answers policy_answers(const Policy& policy, const Selection& selection,
                                     double temperature = 1.0);
// [tokens], without a graph.
[[nodiscard]] at::Tensor reference_logprobs(const Policy& policy, const Selection& selection,
                                            double temperature = 1.0);
// kInvalid where the policy has neither a reference model nor an adapter to switch off.
[[nodiscard]] Result<void> need_reference(const Policy& policy);

[[nodiscard]] double mean_of(const at::Tensor& values);
// Of those values whose `flags` are set; 0 where none is.
[[nodiscard]] double mean_where(const at::Tensor& values, const at::Tensor& flags);

}  // namespace hone::engine
