// `hone-engine grad` against transformers' and PEFT's gradients of every golden model.
#include "engine/train/gradient.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <sstream>

#include "engine/model/golden_test_support.h"
#include "engine/train/tiny_model_support.h"

namespace hone::engine {
namespace {

namespace fs = std::filesystem;

// The golden model's two sequences, without padding, as lines.
std::string golden_lines(Tensors& expected) {
  std::string lines;
  const at::Tensor lengths = expected["attention_mask"].sum(1);
  for (std::int64_t i = 0; i < 2; ++i) {
    json::array ids;
    for (std::int64_t t = 0; t < lengths[i].item<std::int64_t>(); ++t)
      ids.emplace_back(expected["input_ids"][i][t].item<std::int64_t>());
    lines += json::serialize(json::object{{"ids", std::move(ids)}}) + "\n";
  }
  return lines;
}

void expect_gradient(const std::string& lines, const GradientOptions& options, double loss,
                     const Tensors& want) {
  SCOPED_TRACE(options.model + " " + options.adapter);
  std::istringstream in(lines);
  const auto report = write_gradient(in, options);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_NEAR(report->at("loss").as_double(), loss, 1e-5 * (1.0 + loss));
  const Tensors got = read_tensors(options.out);
  EXPECT_EQ(got.size(), want.size());
  double squares = 0;
  for (const auto& [name, tensor] : got) {
    ASSERT_TRUE(want.contains(name)) << name;
    expect_same_direction(tensor, want.at(name), 1e-4, name);
    squares += tensor.square().sum().item<double>();
  }
  EXPECT_NEAR(report->at("grad_norm").as_double(), std::sqrt(squares), 1e-4 * std::sqrt(squares));
}

TEST(Gradient, MatchesEveryGoldenModelAndAdapter) {
  const auto models = shared_file("golden/model");
  if (!models) GTEST_SKIP();
  const TempFolder temp;
  int seen_models = 0;
  int seen_adapters = 0;
  for (const auto& model : fs::directory_iterator(*models)) {
    const std::string folder = model.path().string();
    Tensors expected = read_tensors(folder + "/expected.safetensors");
    const std::string lines = golden_lines(expected);
    expect_gradient(lines, {.model = folder, .adapter = "", .out = temp.path("grads.safetensors")},
                    expected["mean_ce_loss"].item<double>(),
                    read_tensors(folder + "/grads.safetensors"));
    ++seen_models;
    for (const auto& adapter : fs::directory_iterator(model.path())) {
      if (!adapter.is_directory()) continue;
      Tensors adapted = read_tensors(adapter.path().string() + "/expected.safetensors");
      Tensors want;
      for (const auto& [name, tensor] : adapted) {
        if (name.starts_with("grad.")) want[name.substr(5)] = tensor;
      }
      expect_gradient(lines,
                      {.model = folder,
                       .adapter = adapter.path().string(),
                       .out = temp.path("grads.safetensors")},
                      adapted["mean_ce_loss"].item<double>(), want);
      ++seen_adapters;
    }
  }
  EXPECT_EQ(seen_models, 4);
  EXPECT_EQ(seen_adapters, 10);
}

TEST(Gradient, ReadsConversationsAndCountsTheirAnswers) {
  const TempFolder temp;
  write_tiny_model(temp.path("model"));
  std::istringstream in(
      R"({"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "Hi!"}]})"
      "\n\n{\"ids\": [1, 2, 3]}\n");
  const auto report = write_gradient(
      in, {.model = temp.path("model"), .adapter = "", .out = temp.path("g.safetensors")});
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->at("tokens").to_number<int>(), 4 + 2);  // H i ! and the end; 2 and 3
}

TEST(Gradient, NamesABadLine) {
  const TempFolder temp;
  write_tiny_model(temp.path("model"));
  const auto error_of = [&](const std::string& lines) {
    std::istringstream in(lines);
    const auto report = write_gradient(
        in, {.model = temp.path("model"), .adapter = "", .out = temp.path("g.safetensors")});
    return report ? std::string() : report.error().message;
  };
  EXPECT_NE(error_of("{\"ids\": [1, 2]}\n{\"ids\": [1]}\n").find("line 2"), std::string::npos);
  EXPECT_NE(error_of("").find("no lines"), std::string::npos);
  EXPECT_FALSE(fs::exists(temp.path("g.safetensors")));
}

}  // namespace
}  // namespace hone::engine
