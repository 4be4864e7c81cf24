// Averaged adapters change the model by the weighted sum of what each changes.
#include "engine/export/average.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "engine/export/export_test_support.h"
#include "engine/model/llama.h"
#include "engine/model/lora.h"

namespace hone::engine {
namespace {

// s B A of one module; zero where the adapter has none.
at::Tensor change_of(const LoraAdapter& adapter, std::size_t layer, Projection which,
                     const LlamaConfig& model) {
  const LoraPair& pair = adapter.layers[layer][static_cast<std::size_t>(which)];
  const Shape shape = shape_of(model, which);
  if (!pair.a.defined()) return at::zeros({shape.out, shape.in}, at::TensorOptions(at::kDouble));
  return at::matmul(pair.b.to(at::kDouble), pair.a.to(at::kDouble)) * adapter.config.scale();
}

// ||got - sum_i w_i s_i B_i A_i|| by the sum's norm, over all modules.
double error_of_average(const LoraAdapter& got, const std::vector<LoraAdapter>& adapters,
                        const std::vector<double>& weights) {
  double lost = 0;
  double whole = 0;
  for (std::size_t layer = 0; layer < got.layers.size(); ++layer) {
    for (const Projection which : kProjections) {
      at::Tensor sum = change_of(adapters[0], layer, which, small_config()) * weights[0];
      for (std::size_t i = 1; i < adapters.size(); ++i) {
        sum = sum + change_of(adapters[i], layer, which, small_config()) * weights[i];
      }
      lost += (change_of(got, layer, which, small_config()) - sum).square().sum().item<double>();
      whole += sum.square().sum().item<double>();
    }
  }
  return std::sqrt(lost / whole);
}

struct Averaged {
  TempFolder temp;
  std::vector<LoraAdapter> adapters;
  AverageOptions options;

  // A model, and an adapter on it for each configuration.
  explicit Averaged(const std::vector<LoraConfig>& configs) {
    write_small_model(temp.path("model"), small_config(), at::kFloat);
    for (std::size_t i = 0; i < configs.size(); ++i) {
      const std::string folder = temp.path("a" + std::to_string(i));
      adapters.push_back(write_small_adapter(folder, temp.path("model"), configs[i], 20 + i));
      options.adapters.push_back(folder);
    }
    options.folder = temp.path("out");
  }
  LoraAdapter result() const {
    auto adapter = load_lora(temp.path("out"), small_config());
    if (!adapter) ADD_FAILURE() << adapter.error().message;
    return adapter ? std::move(*adapter) : LoraAdapter();
  }
};

TEST(Average, IsTheSumOfProductsWhateverRankScaleAndModules) {
  Averaged averaged({{.r = 4, .alpha = 8},
                     {.r = 2, .alpha = 3, .rs = true, .targets = {Projection::kQ, Projection::kUp}},
                     {.r = 3, .alpha = 1}});
  averaged.options.weights = {0.5, 2, -0.25};
  const auto report = average_adapters(averaged.options);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->method, "concatenated");
  EXPECT_EQ(report->rank, 9);
  EXPECT_EQ(report->relative_error, 0);
  const LoraAdapter result = averaged.result();
  EXPECT_EQ(result.config.r, 9);
  EXPECT_EQ(result.config.scale(), 1);
  EXPECT_LT(error_of_average(result, averaged.adapters, averaged.options.weights), 1e-6);
}

TEST(Average, WithOneAKeepsTheRank) {
  Averaged averaged({{.r = 4, .alpha = 8}, {.r = 4, .alpha = 2}});
  for (std::size_t layer = 0; layer < 2; ++layer) {
    for (std::size_t which = 0; which < kProjections.size(); ++which) {
      averaged.adapters[1].layers[layer][which].a = averaged.adapters[0].layers[layer][which].a;
    }
  }
  ASSERT_TRUE(save_lora(averaged.adapters[1], averaged.options.adapters[1], "base"));
  const auto report = average_adapters(averaged.options);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->method, "shared A");
  EXPECT_EQ(report->rank, 4);
  EXPECT_LT(error_of_average(averaged.result(), averaged.adapters, {0.5, 0.5}), 1e-6);
  ASSERT_EQ(report->notes.size(), 1U);  // they name two bases
  EXPECT_NE(report->notes[0].find("'base'"), std::string::npos);
}

TEST(Average, CompressesToTheNearestOfARankAndSaysHowNear) {
  Averaged averaged({{.r = 4, .alpha = 8}, {.r = 3, .alpha = 6}});
  const std::vector<double> halves{0.5, 0.5};
  double before = 2;
  for (const std::int64_t rank : {1, 3, 6}) {
    averaged.options.rank = rank;
    averaged.options.replace = true;
    const auto report = average_adapters(averaged.options);
    ASSERT_TRUE(report) << report.error().message;
    EXPECT_EQ(report->method, "svd");
    const LoraAdapter result = averaged.result();
    EXPECT_EQ(result.config.r, rank);
    EXPECT_NEAR(error_of_average(result, averaged.adapters, halves), report->relative_error, 1e-5);
    EXPECT_LT(report->relative_error, before);
    EXPECT_GE(report->worst_relative_error, report->relative_error);
    EXPECT_NE(report->worst_module.find("model.layers."), std::string::npos);
    before = report->relative_error;
  }
  EXPECT_GT(before, 1e-3);
  for (const std::int64_t rank : {7, 100}) {  // 100 is more than the narrowest matrix has
    averaged.options.rank = rank;
    const auto report = average_adapters(averaged.options);
    ASSERT_TRUE(report) << report.error().message;
    EXPECT_LT(report->relative_error, 1e-6);
    EXPECT_LT(error_of_average(averaged.result(), averaged.adapters, halves), 1e-6);
  }
}

TEST(Average, LosesExactlyTheSingularValuesBeyondTheRank) {
  // Two rank-one changes of 3 and 4 at right angles: rank 1 keeps the 4, and loses 3 of 5.
  Averaged averaged({{.r = 1, .alpha = 1}, {.r = 1, .alpha = 1}});
  for (int i = 0; i < 2; ++i) {
    for (LoraLayer& layer : averaged.adapters[static_cast<std::size_t>(i)].layers) {
      for (LoraPair& pair : layer) {
        pair.a.zero_();
        pair.b.zero_();
        pair.a[0][i].fill_(1);
        pair.b[i][0].fill_(3 + i);
      }
    }
    ASSERT_TRUE(save_lora(averaged.adapters[static_cast<std::size_t>(i)],
                          averaged.options.adapters[static_cast<std::size_t>(i)], ""));
  }
  averaged.options.rank = 1;
  const auto report = average_adapters(averaged.options);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_NEAR(report->relative_error, 0.6, 1e-12);
  EXPECT_NEAR(report->worst_relative_error, 0.6, 1e-12);
}

TEST(Average, RefusesAdaptersOfAnotherBaseByName) {
  Averaged averaged({{.r = 4, .alpha = 8}, {.r = 4, .alpha = 8}});
  LlamaConfig other = small_config();
  other.intermediate_size = 80;
  write_small_model(averaged.temp.path("other"), other, at::kFloat);
  std::filesystem::remove_all(averaged.options.adapters[1]);
  write_small_adapter(averaged.options.adapters[1], averaged.temp.path("other"),
                      {.r = 4, .alpha = 8}, 9);
  std::string error = error_of(average_adapters(averaged.options));
  EXPECT_NE(error.find("80 rows of gate_proj and up_proj, there 48"), std::string::npos) << error;
  other = small_config();
  other.num_hidden_layers = 3;
  write_small_model(averaged.temp.path("deeper"), other, at::kFloat);
  write_small_adapter(averaged.options.adapters[1], averaged.temp.path("deeper"),
                      {.r = 4, .alpha = 8}, 9);
  error = error_of(average_adapters(averaged.options));
  EXPECT_NE(error.find("3 layers, there 2"), std::string::npos) << error;
  EXPECT_FALSE(std::filesystem::exists(averaged.temp.path("out")));
}

TEST(Average, WantsAWeightForEachOrNone) {
  Averaged averaged({{.r = 4, .alpha = 8}, {.r = 4, .alpha = 8}});
  averaged.options.weights = {1};
  EXPECT_NE(error_of(average_adapters(averaged.options)).find("1 weights for 2 adapters"),
            std::string::npos);
  averaged.options.weights = {};
  averaged.options.adapters.pop_back();
  EXPECT_NE(error_of(average_adapters(averaged.options)).find("not 1"), std::string::npos);
}

}  // namespace
}  // namespace hone::engine
