// The differentiable steps of a Llama layer, each with a backward pass that computes only what a
// caller needs: frozen weights get no gradient, and a low-rank adapter is added in place instead of
// through tensors of its own. All take one row a token.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "engine/model/llama.h"
#include "engine/model/lora.h"

namespace hone::engine {

// x / sqrt(mean(x^2) + eps) * weight, computed in fp32 (Zhang and Sennrich 2019, arXiv 1910.07467).
[[nodiscard]] at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps);

// silu(gate) * up, of a fused [rows, 2 n] whose first half is gate.
[[nodiscard]] at::Tensor swiglu(const at::Tensor& gate_up);

// The adapters of a fused matrix: each adds to its own columns of the result.
struct FusedLora {
  struct Part {
    std::int64_t column = 0;
    at::Tensor a;  // [r, in]
    at::Tensor b;  // [columns, r]
  };
  std::vector<Part> parts;
  double scale = 1.0;
};
// The adapters of `parts`, which stand in this order in one matrix. None where `adapter` is null.
[[nodiscard]] FusedLora fused_lora(const LoraAdapter* adapter, const LlamaConfig& config,
                                   std::size_t layer, std::initializer_list<Projection> parts);

// x W^T + bias, plus scale * x A^T B^T in the columns of each part. Weights of another type than x
// are rounded to it for the product; gradients have the weights' own.
[[nodiscard]] at::Tensor linear(const at::Tensor& x, const Linear& layer, const FusedLora& lora);

}  // namespace hone::engine
