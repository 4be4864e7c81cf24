// Values of tokens, laid out one sequence after the other, brought together by sequence.
// `sequence` says which sequence each token belongs to (int64, as long as `values`); `count` is how
// many sequences there are. Gradients flow into `values`.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace hone::engine {

// [count] sums.
[[nodiscard]] at::Tensor sums_by_sequence(const at::Tensor& values, const at::Tensor& sequence,
                                          std::int64_t count);

// [count] means; 0 for a sequence without tokens.
[[nodiscard]] at::Tensor means_by_sequence(const at::Tensor& values, const at::Tensor& sequence,
                                           std::int64_t count);

// [count] how many tokens each has, fp32.
[[nodiscard]] at::Tensor tokens_by_sequence(const at::Tensor& sequence, std::int64_t count);

}  // namespace hone::engine
