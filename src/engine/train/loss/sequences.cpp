#include "engine/train/loss/sequences.h"

#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>

namespace hone::engine {

at::Tensor sums_by_sequence(const at::Tensor& values, const at::Tensor& sequence,
                            std::int64_t count) {
  return at::zeros({count}, values.options()).index_add(0, sequence, values);
}

at::Tensor means_by_sequence(const at::Tensor& values, const at::Tensor& sequence,
                             std::int64_t count) {
  return sums_by_sequence(values, sequence, count) /
         tokens_by_sequence(sequence, count).clamp_min(1.0);
}

at::Tensor tokens_by_sequence(const at::Tensor& sequence, std::int64_t count) {
  return sums_by_sequence(at::ones({sequence.size(0)}, at::TensorOptions(at::kFloat)), sequence,
                          count);
}

}  // namespace hone::engine
