// One weight matrix, kept in the form that this processor multiplies fastest.
#pragma once

#include <ATen/core/Tensor.h>

#include <optional>
#include <string_view>

#include "engine/model/llama.h"
#include "engine/serve/packed_product.h"

namespace hone::engine {

enum class Arithmetic {
  kFp32,         // everything in fp32; weights that were stored in bf16 stay as they are
  kBf16,         // products in bf16, for processors that have them (AVX512-BF16, AMX)
  kFp16Weights,  // weights packed in fp16, products in fp32 (FBGEMM, AVX2): twice as fast as kFp32
                 // for a handful of rows, and exact for weights that were stored in bf16 or fp16
};

[[nodiscard]] std::string_view name(Arithmetic arithmetic);  // "fp32", …
[[nodiscard]] std::optional<Arithmetic> arithmetic_named(std::string_view name);
// Emulated bf16 is tens of times slower than fp32, so that the processor decides.
[[nodiscard]] Arithmetic fastest_arithmetic();
// The type of what is multiplied with the weights, and of cached keys and values.
[[nodiscard]] at::ScalarType activation_type(Arithmetic arithmetic);

class ServingLinear {
 public:
  ServingLinear() = default;
  ServingLinear(const Linear& linear, Arithmetic arithmetic);
  // x W^T + bias, for x [rows, in] of the arithmetic's activation type.
  [[nodiscard]] at::Tensor operator()(const at::Tensor& x) const;

 private:
  at::Tensor weight_;  // [out, in], or undefined where one of the next two has it
  at::Tensor packed_;  // FBGEMM's
  std::optional<PackedMatrix> matrix_;
  at::Tensor bias_;  // undefined, or [out]
};

}  // namespace hone::engine
