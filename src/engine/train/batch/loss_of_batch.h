// The loss that a method gives to one batch of tensors, with its metrics by TRL's names: for
// holding ours against other trainers', and for training on losses that are computed elsewhere. It
// goes through the model code and the losses that `train` uses, so that what is checked is what
// trains. Methods, config fields and tensors: docs/formats/engine.md.
//
//   auto batch = read_batch("batch.safetensors");
//   auto result = loss_of_batch(policy, "dpo", config, *batch);
//   result->loss.backward();
//   for (const NamedTensor& gradient : named_gradients(policy, *result)) …
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "engine/train/batch/inputs.h"
#include "engine/train/policy.h"

namespace hone::engine {

struct LossOfBatch {
  at::Tensor loss;       // a scalar with its graph
  json::object metrics;  // numbers, and "h" of DPO, one a pair
  at::Tensor score;      // the reward head, [1, hidden], a leaf; of method "reward" only
};

// Errors name the method, the field or the tensor; a loss that is not finite is one.
[[nodiscard]] Result<LossOfBatch> loss_of_batch(const Policy& policy, const std::string& method,
                                                const json::object& config,
                                                const BatchTensors& batch);

// After a backward pass: the policy's gradients (policy.h), and "score.weight" where there is one.
[[nodiscard]] std::vector<NamedTensor> named_gradients(const Policy& policy,
                                                       const LossOfBatch& result);

}  // namespace hone::engine
