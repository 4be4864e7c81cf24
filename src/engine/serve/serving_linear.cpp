#include "engine/serve/serving_linear.h"

#include <ATen/ATen.h>
#include <c10/util/Exception.h>

#include <array>

namespace hone::engine {
namespace {

constexpr std::array<std::pair<Arithmetic, std::string_view>, 3> kNames{
    {{Arithmetic::kFp32, "fp32"}, {Arithmetic::kBf16, "bf16"}, {Arithmetic::kFp16Weights, "fp16"}}};

// FBGEMM's own range; a larger weight would be cut.
constexpr float kLargestFp16 = 65504.0F;

// libtorch says once that these operators are old. There are no newer ones for this, and nobody who
// reads the log can do anything about it.
class Silent final : public c10::WarningHandler {
 public:
  void process(const c10::Warning&) override {}
};

// The packed form, or undefined where libtorch has no FBGEMM or the weights do not fit fp16.
at::Tensor pack_fp16(const at::Tensor& weight, const at::Tensor& bias) {
  if (weight.abs().max().item<float>() > kLargestFp16) return {};
  Silent silent;
  const c10::WarningUtils::WarningHandlerGuard guard(&silent);
  try {
    const at::Tensor packed = at::fbgemm_pack_gemm_matrix_fp16(weight);
    (void)at::fbgemm_linear_fp16_weight_fp32_activation(at::zeros({1, weight.size(1)}), packed,
                                                        bias);
    return packed;
  } catch (const c10::Error&) {
    return {};
  }
}

}  // namespace

std::string_view name(Arithmetic arithmetic) {
  for (const auto& [value, text] : kNames) {
    if (value == arithmetic) return text;
  }
  return "";
}

std::optional<Arithmetic> arithmetic_named(std::string_view name) {
  for (const auto& [value, text] : kNames) {
    if (text == name) return value;
  }
  return std::nullopt;
}

Arithmetic fastest_arithmetic() {
  if (__builtin_cpu_supports("avx512bf16") != 0) return Arithmetic::kBf16;
  return __builtin_cpu_supports("avx2") != 0 ? Arithmetic::kFp16Weights : Arithmetic::kFp32;
}

at::ScalarType activation_type(Arithmetic arithmetic) {
  return arithmetic == Arithmetic::kBf16 ? at::kBFloat16 : at::kFloat;
}

ServingLinear::ServingLinear(const Linear& linear, Arithmetic arithmetic) {
  const at::ScalarType type = activation_type(arithmetic);
  if (linear.bias.defined()) bias_ = linear.bias.to(type);
  if (arithmetic != Arithmetic::kFp16Weights) {
    matrix_ =
        PackedMatrix::of(arithmetic == Arithmetic::kBf16 ? linear.weight.to(type) : linear.weight);
    if (!matrix_) weight_ = linear.weight.to(type);
    return;
  }
  weight_ = linear.weight.to(type);
  const at::Tensor bias = bias_.defined() ? bias_ : at::zeros({weight_.size(0)});
  packed_ = pack_fp16(weight_, bias);
  if (!packed_.defined()) return;
  weight_ = at::Tensor();
  bias_ = bias;  // the operator wants one
}

at::Tensor ServingLinear::operator()(const at::Tensor& x) const {
  if (matrix_) {
    at::Tensor y = matrix_->times(x);
    return bias_.defined() ? y.add_(bias_) : y;
  }
  if (packed_.defined()) {
    return at::fbgemm_linear_fp16_weight_fp32_activation(x.contiguous(), packed_, bias_);
  }
  return at::linear(x, weight_, bias_);
}

}  // namespace hone::engine
