#include "engine/serve/packed_product.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <utility>

namespace hone::engine {
namespace {

at::Tensor random_matrix(std::int64_t rows, std::int64_t columns, std::uint64_t seed) {
  at::manual_seed(seed);
  return at::randn({rows, columns});
}

class PackedProduct : public ::testing::TestWithParam<std::pair<std::int64_t, std::int64_t>> {};
INSTANTIATE_TEST_SUITE_P(Shapes, PackedProduct,
                         ::testing::Values(std::pair(1, 2), std::pair(15, 6), std::pair(16, 64),
                                           std::pair(17, 2), std::pair(47, 130),
                                           std::pair(96, 576)));

TEST_P(PackedProduct, IsTheProductForAnyNumberOfRows) {
  const auto [out, in] = GetParam();
  const at::Tensor weight = random_matrix(out, in, 1).to(at::kBFloat16);
  const auto packed = PackedMatrix::of(weight);
  if (!packed) GTEST_SKIP() << "this processor has no products of bf16, or AMX";
  for (const std::int64_t rows : {1, 2, 3, 4, 5, 6, 7, 8, 9, 16, 21}) {
    const at::Tensor x = random_matrix(rows, in, 2);
    const at::Tensor exact = at::linear(x.to(at::kDouble), weight.to(at::kDouble));
    const at::Tensor sums = packed->times(x);
    ASSERT_EQ(sums.sizes(), exact.sizes());
    EXPECT_LE((sums - exact).abs().max().item<double>(), 1e-4) << rows;

    const at::Tensor rounded = x.to(at::kBFloat16);
    const at::Tensor of_rounded = at::linear(rounded.to(at::kDouble), weight.to(at::kDouble));
    const at::Tensor in_bf16 = packed->times(rounded);
    ASSERT_EQ(in_bf16.scalar_type(), at::kBFloat16);
    const at::Tensor off = (in_bf16 - of_rounded).abs();
    EXPECT_LE((off - of_rounded.abs() / 256).max().item<double>(), 1e-4) << rows;
  }
}

// Whoever is served beside others gets what he would get alone.
TEST(PackedProductRows, DoNotDependOnEachOther) {
  const at::Tensor weight = random_matrix(80, 64, 3).to(at::kBFloat16);
  const auto packed = PackedMatrix::of(weight);
  if (!packed) GTEST_SKIP() << "this processor has no products of bf16, or AMX";
  for (const auto type : {at::kFloat, at::kBFloat16}) {
    const at::Tensor x = random_matrix(19, 64, 4).to(type);
    const at::Tensor together = packed->times(x);
    for (std::int64_t row = 0; row < x.size(0); ++row) {
      EXPECT_TRUE(at::equal(packed->times(x.narrow(0, row, 1)), together.narrow(0, row, 1))) << row;
    }
  }
}

TEST(PackedProductRows, AreOnlyOfWhatIsStoredInBf16) {
  EXPECT_FALSE(PackedMatrix::of(random_matrix(16, 16, 5)));
  EXPECT_FALSE(PackedMatrix::of(random_matrix(16, 15, 5).to(at::kBFloat16)));
}

}  // namespace
}  // namespace hone::engine
