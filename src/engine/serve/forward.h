// The forward pass of the server: many sequences in one call, each with some new tokens (a prompt
// or a part of it, or the one token it chose last) and a cache of those before. Without gradients.
// A sequence's result does not depend on its neighbours, up to rounding.
#pragma once

#include <ATen/core/Tensor.h>

#include <span>
#include <vector>

#include "engine/serve/kv_cache.h"
#include "engine/serve/serving_model.h"

namespace hone::engine {

// New tokens of one sequence; its cache must have room for them and is advanced.
struct Extension {
  std::span<const std::int64_t> ids;
  KvCache* cache = nullptr;
  const ServingAdapter* adapter = nullptr;  // null: the base model
};

// The state after the final norm of every new token, [tokens, hidden], fp32, in the order given.
// Fastest where extensions with one adapter stand together.
[[nodiscard]] at::Tensor forward(const ServingModel& model, std::span<const Extension> extensions);

// [rows, vocab], fp32.
[[nodiscard]] at::Tensor logits_of(const ServingModel& model, const at::Tensor& states);

}  // namespace hone::engine
