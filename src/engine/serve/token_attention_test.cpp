#include "engine/serve/token_attention.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <tuple>

namespace hone::engine {
namespace {

constexpr std::int64_t kCapacity = 96;

struct Shape {
  std::int64_t heads;
  std::int64_t kv_heads;
  std::int64_t width;
};

at::Tensor rotated(const at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin) {
  const std::int64_t half = x.size(-1) / 2;
  const at::Tensor low = x.narrow(-1, 0, half);
  const at::Tensor high = x.narrow(-1, half, half);
  return at::cat({low * cos - high * sin, high * cos + low * sin}, -1);
}

// The largest difference from libtorch's attention in double, after `before` tokens.
template <typename T>
double off_by(const Shape& shape, std::int64_t before, double size) {
  const auto type = c10::CppTypeToScalarType<T>::value;
  at::manual_seed(7);
  const at::Tensor qkv =
      (size * at::randn({shape.heads + 2 * shape.kv_heads, shape.width})).to(type);
  const at::Tensor angle = at::rand({shape.width / 2}) * 6.28;
  const at::Tensor cos = angle.cos();
  const at::Tensor sin = angle.sin();
  const at::Tensor keys = at::randn({shape.kv_heads, kCapacity, shape.width}).to(type);
  const at::Tensor values = at::randn({shape.kv_heads, kCapacity, shape.width}).to(type);
  const at::Tensor out = at::empty({shape.heads, shape.width}, qkv.options());
  for (std::int64_t head = 0; head < shape.kv_heads; ++head) {
    attend_to_tokens<T>({.qkv = qkv.const_data_ptr<T>(),
                         .cos = cos.const_data_ptr<float>(),
                         .sin = sin.const_data_ptr<float>(),
                         .keys = keys.mutable_data_ptr<T>(),
                         .values = values.mutable_data_ptr<T>(),
                         .head_stride = keys.stride(0),
                         .before = before,
                         .out = out.mutable_data_ptr<T>(),
                         .heads = shape.heads,
                         .kv_heads = shape.kv_heads,
                         .width = shape.width},
                        head);
  }
  const at::Tensor turned =
      rotated(qkv.narrow(0, 0, shape.heads + shape.kv_heads).to(at::kFloat), cos, sin).to(type);
  EXPECT_TRUE(at::allclose(keys.select(1, before).to(at::kFloat),
                           turned.narrow(0, shape.heads, shape.kv_heads).to(at::kFloat), 1e-2,
                           1e-5));
  EXPECT_TRUE(at::equal(values.select(1, before),
                        qkv.narrow(0, shape.heads + shape.kv_heads, shape.kv_heads)));
  const auto every = [&](const at::Tensor& of) {
    return of.narrow(1, 0, before + 1)
        .to(at::kDouble)
        .repeat_interleave(shape.heads / shape.kv_heads, 0);
  };
  const at::Tensor expected = at::scaled_dot_product_attention(
      turned.narrow(0, 0, shape.heads).to(at::kDouble).unsqueeze(1), every(keys), every(values));
  return (out.to(at::kDouble) - expected.squeeze(1)).abs().max().item<double>();
}

TEST(TokenAttention, IsTheReferencesForAnyNumberOfTokens) {
  if (!attends_to_tokens(64)) GTEST_SKIP() << "this processor has no AVX-512";
  for (const Shape& shape : {Shape{9, 3, 64}, Shape{4, 4, 16}, Shape{8, 1, 128}}) {
    for (const std::int64_t before : {0, 1, 14, 15, 16, 63, 95}) {
      EXPECT_LE(off_by<float>(shape, before, 1), 2e-6) << before;
      EXPECT_LE(off_by<c10::BFloat16>(shape, before, 1), 1.6e-2) << before;
    }
  }
}

// One score far above all others: what is far below it must not become a NaN.
TEST(TokenAttention, HoldsLargeScores) {
  if (!attends_to_tokens(64)) GTEST_SKIP() << "this processor has no AVX-512";
  EXPECT_LE(off_by<float>({2, 1, 64}, 40, 1000), 1e-3);
}

TEST(TokenAttention, IsNotForWidthsThatNoRegisterFits) {
  EXPECT_FALSE(attends_to_tokens(24));
  EXPECT_FALSE(attends_to_tokens(512));
}

}  // namespace
}  // namespace hone::engine
