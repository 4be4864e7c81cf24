// The training methods: one file each, a straight loop that reads like its paper.
#pragma once

#include "engine/train/session.h"

namespace hone::engine {

[[nodiscard]] Result<Ending> train_sft(Session& session);
[[nodiscard]] Result<Ending> train_dpo(Session& session);
[[nodiscard]] Result<Ending> train_kto(Session& session);
[[nodiscard]] Result<Ending> train_orpo(Session& session);
[[nodiscard]] Result<Ending> train_simpo(Session& session);
[[nodiscard]] Result<Ending> train_reward(Session& session);
[[nodiscard]] Result<Ending> train_grpo(Session& session);

}  // namespace hone::engine
