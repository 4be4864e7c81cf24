// Products of a bf16 matrix with rows of activations, for processors with AVX512-BF16. The matrix
// is laid out once so that one register holds a pair of inputs for sixteen outputs: nothing is
// summed across a register, and for one row a product is as fast as the weights come from memory.
// (libtorch lays a matrix out anew in each call, which for a handful of rows is most of the work.)
//
//   if (auto packed = PackedMatrix::of(weight)) y = packed->times(x);
//
// Sums are fp32; an output depends on its row alone, whatever else stands in the batch. Immutable;
// any thread may use it.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>

namespace hone::engine {

class PackedMatrix {
 public:
  // Of [out, in] in bf16. Nothing where this processor cannot, where AMX is there (with it
  // libtorch's product is the faster one), or where `in` is odd.
  [[nodiscard]] static std::optional<PackedMatrix> of(const at::Tensor& weight);

  // x W^T: [rows, out] in x's type, which is bf16, or fp32 for products that are not rounded.
  [[nodiscard]] at::Tensor times(const at::Tensor& x) const;

 private:
  PackedMatrix(at::Tensor blocks, std::int64_t out) : blocks_(std::move(blocks)), out_(out) {}

  at::Tensor blocks_;  // [out / 16 rounded up, in / 2, 16, 2], 64 bytes aligned
  std::int64_t out_ = 0;
};

}  // namespace hone::engine
