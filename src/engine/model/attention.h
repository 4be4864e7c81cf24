// Causal grouped-query attention over the segments of a packed batch, with rotary positions, and
// its gradient. Rows stay where they are: nothing is padded, and the keys of a shared beginning are
// read by every segment below it. Scores are recomputed in the backward pass, as in FlashAttention
// (Dao et al. 2022, arXiv 2205.14135), so that memory does not grow with the square of the length.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/core/ivalue.h>

#include <vector>

#include "engine/model/config.h"
#include "engine/model/llama_batch.h"
#include "engine/model/rope.h"

namespace hone::engine {

// What every layer's attention needs to know about a batch; made once per forward pass.
struct AttentionPlan : torch::CustomClassHolder {
  struct Reader {            // a segment, as the reader of keys
    std::int64_t begin = 0;  // its own rows
    std::int64_t count = 0;
    std::vector<std::int64_t> keys;  // rows of its ancestors' tokens and its own, by position
    std::int64_t key_offset = 0;     // where its part of a buffer over all readers' keys begins
    std::vector<std::size_t> descendants;  // readers, itself among them
  };
  std::vector<Reader> readers;
  std::int64_t key_count = 0;  // over all readers
  std::int64_t query_heads = 0;
  std::int64_t key_heads = 0;
  std::int64_t head_dim = 0;
  RopeTable rope;
};

using AttentionPlanPtr = c10::intrusive_ptr<AttentionPlan>;

[[nodiscard]] AttentionPlanPtr plan_attention(const LlamaConfig& config, const Batch& batch);

// qkv: [rows, (query_heads + 2 key_heads) * head_dim] before rotation. Gives
// [rows, query_heads * head_dim] in the same type. Computes in fp32.
[[nodiscard]] at::Tensor attention(const at::Tensor& qkv, const AttentionPlanPtr& plan);

}  // namespace hone::engine
