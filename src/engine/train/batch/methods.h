// One function a method, each in its own file: it reads config and tensors, asks the policy (and
// the reference) for log-probabilities, and puts the paper's loss together.
#pragma once

#include "engine/train/batch/loss_of_batch.h"

namespace hone::engine {

[[nodiscard]] Result<LossOfBatch> sft_of_batch(const Policy& policy, const json::object& config,
                                               const BatchTensors& batch);
[[nodiscard]] Result<LossOfBatch> dpo_of_batch(const Policy& policy, const json::object& config,
                                               const BatchTensors& batch);
[[nodiscard]] Result<LossOfBatch> kto_of_batch(const Policy& policy, const json::object& config,
                                               const BatchTensors& batch);
[[nodiscard]] Result<LossOfBatch> orpo_of_batch(const Policy& policy, const json::object& config,
                                                const BatchTensors& batch);
[[nodiscard]] Result<LossOfBatch> simpo_of_batch(const Policy& policy, const json::object& config,
                                                 const BatchTensors& batch);
[[nodiscard]] Result<LossOfBatch> reward_of_batch(const Policy& policy, const json::object& config,
                                                  const BatchTensors& batch);
[[nodiscard]] Result<LossOfBatch> grpo_of_batch(const Policy& policy, const json::object& config,
                                                const BatchTensors& batch);

}  // namespace hone::engine
