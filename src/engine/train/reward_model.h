// A trained reward model (method "reward"), as it was left: an adapter over its base, or a whole
// model, with score.safetensors beside it. It gives an answer one number; only differences between
// answers to the same prompt mean anything.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/model/chat.h"
#include "engine/model/tokenizer.h"
#include "engine/train/examples.h"
#include "engine/train/policy.h"

namespace hone::engine {

struct RewardModel {
  Policy policy;                               // with its head
  std::unique_ptr<const Tokenizer> tokenizer;  // at one place, because chat borrows it
  Chat chat;
};

// `folder` is an adapter's or a model's; an adapter's base is `base`, or where that is empty the
// folder that the adapter names.
[[nodiscard]] Result<RewardModel> load_reward_model(const std::string& folder,
                                                    const std::string& base,
                                                    const std::string& dtype);

// score.safetensors of the first of `folders` that has one, [1, hidden]. kNotFound names them.
[[nodiscard]] Result<at::Tensor> read_reward_head(std::span<const std::string> folders,
                                                  std::int64_t hidden_size);

// [sequences], with gradients, of what goes through the model at once.
[[nodiscard]] at::Tensor sequence_rewards(const Policy& policy,
                                          std::span<const Sequence* const> sequences);

// Of sequences that end with the answer's end token, in order.
[[nodiscard]] std::vector<double> answer_rewards(const Policy& policy,
                                                 std::span<const Sequence* const> sequences);

}  // namespace hone::engine
