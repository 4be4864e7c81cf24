// The losses against TRL's, through the same model code that trains: values, metrics and gradients.
#include "engine/train/losses.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "base/json.h"
#include "engine/model/golden_test_support.h"
#include "engine/train/policy.h"

namespace hone::engine {
namespace {

std::string golden(const std::string& name) {
  return shared_file("golden/loss/" + name).value_or("");
}

Policy load_policy(const std::string& name, bool trained) {
  auto weights = load_llama(golden(name), at::kFloat);
  if (!weights) ADD_FAILURE() << weights.error().message;
  if (!trained) return Policy{.weights = std::move(*weights)};
  return make_policy(std::move(*weights), std::nullopt, at::kFloat, false);
}

TokenIds to_ids(const at::Tensor& row, std::int64_t count) {
  const at::Tensor flat = row.narrow(0, 0, count).to(at::kLong).contiguous();
  return {flat.const_data_ptr<std::int64_t>(), flat.const_data_ptr<std::int64_t>() + count};
}

// A padded batch's row as the trainer has it: up to the last trained token.
Sequence to_sequence(const at::Tensor& ids, const at::Tensor& trained) {
  const at::Tensor where = trained.nonzero();
  const auto first = where.min().item<std::int64_t>();
  const auto last = where.max().item<std::int64_t>();
  return {to_ids(ids, last + 1), static_cast<std::size_t>(first)};
}

struct GoldenBatch {
  std::vector<Sequence> sequences;
  [[nodiscard]] std::vector<const Sequence*> pointers() const {
    std::vector<const Sequence*> all;
    for (const Sequence& sequence : sequences) all.push_back(&sequence);
    return all;
  }
};

void expect_gradients(const Policy& policy, const std::string& file, double scale,
                      const std::string& what) {
  Tensors want = read_tensors(golden(file));
  for (const auto& [name, tensor] : named_tensors(gradients_of(policy.weights)))
    expect_same_direction(tensor, want[name] * scale, 1e-4, what + " " + name);
}

// Which file holds a case's gradients, and the factor on them.
std::pair<std::string, double> gradient_source(const std::string& name, const json::object& entry) {
  const std::string of =
      entry.contains("grads_of") ? std::string(entry.at("grads_of").as_string()) : name;
  const double scale =
      entry.contains("grads_scale") ? entry.at("grads_scale").to_number<double>() : 1;
  return {of + ".grads.safetensors", scale};
}

TEST(SftLoss, MatchesGolden) {
  if (golden("cases.json").empty()) GTEST_SKIP();
  const json::object cases = *parse_json_object(read_all(golden("cases.json")));
  for (const std::string name : {"sft_assistant_only", "sft_num_items_100", "sft_dft"}) {
    const json::object& entry = cases.at(name).as_object();
    const json::object& config = entry.at("config").as_object();
    Tensors in = read_tensors(golden(name + ".safetensors"));
    const at::Tensor labels = in["in.labels"];
    const Policy policy = load_policy("policy", true);
    // A conversation with several assistant turns is trained on one at a time here, so that the
    // turns of these rows are sequences of their own; shared beginnings make that cheap.
    GoldenBatch batch;
    double kept = 0;
    for (std::int64_t row = 0; row < labels.size(0); ++row) {
      const at::Tensor trained = labels[row].ne(-100);
      std::int64_t begin = 0;
      for (std::int64_t i = 1; i <= labels.size(1); ++i) {
        const bool now = i < labels.size(1) && trained[i].item<bool>();
        const bool before = trained[i - 1].item<bool>() && i - 1 > 0;
        if (now && !before) begin = i;
        if (!now && before) {
          batch.sequences.push_back(
              {to_ids(in["in.input_ids"][row], i), static_cast<std::size_t>(begin)});
          kept += static_cast<double>(i - begin);
        }
      }
    }
    const double items = config.contains("num_items_in_batch")
                             ? config.at("num_items_in_batch").to_number<double>()
                             : kept;
    const TrainedTokens tokens = answer_logprobs(policy, Whose::kPolicy, batch.pointers());
    const SftOptions options{name == "sft_dft" ? SftLoss::kDft : SftLoss::kNll};
    const at::Tensor loss =
        sft_loss(tokens.logprobs, at::ones_like(tokens.logprobs).detach(), items, options);
    EXPECT_NEAR(loss.item<double>(), entry.at("loss").to_number<double>(), 2e-5) << name;
    loss.backward();
    const auto [file, scale] = gradient_source(name, entry);
    expect_gradients(policy, file, scale, name);
  }
}

DpoOptions options_of(const json::object& config, const std::string& name) {
  DpoOptions options;
  options.beta = config.at("beta").to_number<double>();
  if (config.contains("label_smoothing"))
    options.label_smoothing = config.at("label_smoothing").to_number<double>();
  if (name == "dpo_ipo") options.loss = DpoLoss::kIpo;
  if (name == "dpo_hinge") options.loss = DpoLoss::kHinge;
  if (name == "dpo_robust") options.loss = DpoLoss::kRobust;
  if (name == "dpo_sigmoid_norm") options.loss = DpoLoss::kSigmoidNorm;
  if (name == "dpo_sft_mix") options.sft_weight = 0.2;
  return options;
}

PairLogprobs golden_pairs(const Policy& policy, const GoldenBatch& batch, const Tensors& in) {
  const auto count = static_cast<std::int64_t>(batch.sequences.size());
  const TrainedTokens tokens = answer_logprobs(policy, Whose::kPolicy, batch.pointers());
  const auto sums = sums_by_sequence(tokens.logprobs, tokens.sequence, count).chunk(2);
  const Policy reference = load_policy("reference", false);
  const TrainedTokens other = answer_logprobs(reference, Whose::kReference, batch.pointers());
  const at::Tensor reference_sums = sums_by_sequence(other.logprobs, other.sequence, count);
  expect_near(reference_sums, in.at("out.ref_logps"), 2e-5, "reference");
  const auto references = reference_sums.chunk(2);
  const auto lengths =
      sums_by_sequence(at::ones_like(tokens.logprobs).detach(), tokens.sequence, count).chunk(2);
  return {sums[0], sums[1], references[0], references[1], lengths[0], lengths[1]};
}

void expect_metric(const json::object& metrics, const char* name, double got,
                   const std::string& what) {
  const json::value* want = metrics.if_contains(name);
  if (want == nullptr) return;
  EXPECT_NEAR(got, want->to_number<double>(), 1e-4) << what << " " << name;
}

TEST(DpoLoss, MatchesGolden) {
  if (golden("cases.json").empty()) GTEST_SKIP();
  const json::object cases = *parse_json_object(read_all(golden("cases.json")));
  int seen = 0;
  for (const auto& [key, value] : cases) {
    const std::string name(key);
    if (!name.starts_with("dpo_")) continue;
    ++seen;
    const json::object& entry = value.as_object();
    const DpoOptions options = options_of(entry.at("config").as_object(), name);
    Tensors in = read_tensors(golden(name + ".safetensors"));
    const Policy policy = load_policy("policy", true);
    GoldenBatch batch;
    for (std::int64_t row = 0; row < 8; ++row)
      batch.sequences.push_back(
          to_sequence(in["in.input_ids"][row], in["in.completion_mask"][row]));
    const PairLogprobs pairs = golden_pairs(policy, batch, in);
    at::Tensor loss = dpo_losses(pairs, options).mean();
    if (options.sft_weight > 0)
      loss = loss - options.sft_weight * pairs.chosen.sum() / pairs.chosen_tokens.sum();
    EXPECT_NEAR(loss.item<double>(), entry.at("loss").to_number<double>(), 2e-5) << name;
    const DpoMetrics metrics = dpo_metrics(pairs, options);
    const json::object& want = entry.at("metrics").as_object();
    expect_metric(want, "rewards/chosen", metrics.chosen_reward, name);
    expect_metric(want, "rewards/rejected", metrics.rejected_reward, name);
    expect_metric(want, "rewards/margins", metrics.margin, name);
    expect_metric(want, "rewards/accuracies", metrics.accuracy, name);
    loss.backward();
    const auto [file, scale] = gradient_source(name, entry);
    expect_gradients(policy, file, scale, name);
  }
  EXPECT_EQ(seen, 8);
}

TEST(DpoLoss, StartsAtTheKnownValues) {
  const at::Tensor zero = at::zeros({3});
  const at::Tensor ones = at::ones({3});
  const PairLogprobs pairs{zero, zero, zero, zero, ones, ones};
  const auto at_start = [&pairs](DpoLoss loss, double smoothing = 0.0) {
    return dpo_losses(pairs, {.loss = loss, .beta = 0.1, .label_smoothing = smoothing})
        .mean()
        .item<double>();
  };
  EXPECT_NEAR(at_start(DpoLoss::kSigmoid), 0.693147, 1e-5);
  EXPECT_NEAR(at_start(DpoLoss::kSigmoid, 0.2), 0.693147, 1e-5);
  EXPECT_NEAR(at_start(DpoLoss::kRobust, 0.2), 0.693147, 1e-5);
  EXPECT_NEAR(at_start(DpoLoss::kIpo), 25.0, 1e-4);
  EXPECT_NEAR(at_start(DpoLoss::kHinge), 1.0, 1e-6);
}

TEST(DpoLoss, SmoothedOptimumIsWhereTheoryPutsIt) {
  // cDPO's gradient on one pair vanishes at h = logit(1 - e) / beta.
  const at::Tensor h = at::full({1}, 13.8629F).requires_grad_(true);
  const at::Tensor zero = at::zeros({1});
  const at::Tensor one = at::ones({1});
  dpo_losses({h, zero, zero, zero, one, one}, {.beta = 0.1, .label_smoothing = 0.2})
      .sum()
      .backward();
  EXPECT_NEAR(h.grad().item<double>(), 0.0, 1e-6);
}

}  // namespace
}  // namespace hone::engine
