// model/: logits, log-probabilities, loss and gradients of small models, through the trainer's
// forward and backward pass and through the server's. Weights of any type are computed with in
// fp32.
#include <ATen/ATen.h>

#include "engine/golden/groups.h"
#include "engine/golden/models.h"

namespace hone::engine::golden {
namespace {

// The row of packed documents, cut where they begin; their positions must begin again there.
Result<std::vector<TokenIds>> read_packed(const Expected& expected) {
  const auto whole = [&](const std::string& name) -> Result<TokenIds> {
    auto tensor = expected.named(name);
    if (!tensor) return fail(tensor.error());
    if (tensor->is_floating_point() || tensor->dim() != 1) {
      return fail(ErrorCode::kInvalid,
                  expected.path + ": tensor '" + name + "' must be a row of whole numbers");
    }
    const at::Tensor row = tensor->to(at::kLong).contiguous();
    return TokenIds(row.const_data_ptr<std::int64_t>(),
                    row.const_data_ptr<std::int64_t>() + row.numel());
  };
  const auto ids = whole("packed_ids");
  if (!ids) return fail(ids.error());
  const auto positions = whole("packed_position_ids");
  if (!positions) return fail(positions.error());
  const auto ends = whole("packed_cu_seqlens");
  if (!ends) return fail(ends.error());
  const auto invalid = [&] {
    return fail(ErrorCode::kInvalid,
                expected.path +
                    ": packed_position_ids and packed_cu_seqlens do not cut packed_ids "
                    "into documents whose positions begin at 0");
  };
  const auto size = static_cast<std::int64_t>(ids->size());
  if (positions->size() != ids->size() || ends->size() < 2 || ends->front() != 0 ||
      ends->back() != size) {
    return invalid();
  }
  std::vector<TokenIds> documents;
  for (std::size_t i = 1; i < ends->size(); ++i) {
    const std::int64_t begin = (*ends)[i - 1];
    const std::int64_t end = (*ends)[i];
    if (begin >= end || end > size) return invalid();
    for (std::int64_t at = begin; at < end; ++at) {
      if ((*positions)[static_cast<std::size_t>(at)] != at - begin) return invalid();
    }
    documents.emplace_back(ids->begin() + begin, ids->begin() + end);
  }
  return documents;
}

Result<void> check_logits(Case& checked, const LlamaWeights& weights, const ServingModel& served,
                          const Expected& expected) {
  const Batch batch = pack(expected.sequences);
  std::vector<at::Tensor> both;
  for (const auto& [name, place] : {std::pair("logits_a", 0U), std::pair("logits_b", 1U)}) {
    const auto want = expected.named(name);
    if (!want) return fail(want.error());
    both.push_back(*want);
    checked.near(kLogits, trained_logits(weights, nullptr, batch, place), *want, name);
    const auto ours = served_logits(served, nullptr, expected.sequences[place]);
    if (!ours) return fail(ours.error());
    checked.near(kLogits, *ours, *want, std::string(name) + " of the server");
  }

  const auto documents = read_packed(expected);
  if (!documents) return fail(documents.error());
  const Batch packed = pack(*documents);
  std::vector<at::Tensor> logits;
  for (std::size_t i = 0; i < documents->size(); ++i)
    logits.push_back(trained_logits(weights, nullptr, packed, i));
  checked.near(kLogits, at::cat(logits), at::cat(both), "packed logits");
  return {};
}

Result<void> check_gradients(Case& checked, LlamaWeights weights, const Expected& expected,
                             const std::string& folder) {
  const Policy policy =
      make_policy(std::move(weights), std::nullopt, at::kFloat, /*keep_reference=*/false);
  const MeanLoss ours = descend(policy, expected.sequences);
  for (const auto& [name, place] : {std::pair("logprobs_a", 0U), std::pair("logprobs_b", 1U)}) {
    const auto want = expected.named(name);
    if (!want) return fail(want.error());
    checked.near(kLogprobs, ours.logprobs[place], *want, name);
  }
  const auto loss = expected.named("mean_ce_loss");
  if (!loss) return fail(loss.error());
  checked.near(kMeanLoss, ours.loss, loss->item().toDouble(), "mean_ce_loss");
  const auto gradients = read_tensors(folder + "/grads.safetensors");
  if (!gradients) return fail(gradients.error());
  compare_gradients(checked, ours.gradients, *gradients);
  return {};
}

Result<void> check_model(Case& checked, const std::string& folder) {
  auto weights = load_llama(folder, at::kFloat);
  if (!weights) return fail(weights.error());
  const auto served = load_serving_model(folder, Arithmetic::kFp32, kContext);
  if (!served) return fail(served.error());
  const auto expected = read_expected(folder, weights->config.vocab_size);
  if (!expected) return fail(expected.error());
  // What is wrong with some of the numbers keeps no other from being looked at.
  if (auto done = check_logits(checked, *weights, *served, *expected); !done)
    checked.fault(done.error().message);
  return check_gradients(checked, std::move(*weights), *expected, folder);
}

}  // namespace

GroupReport check_models(const Place& place) {
  Group group("model");
  const std::string models = place.folder + "/model/";
  for (const std::string& name : names_in(models)) {
    const std::string folder = models + name;
    if (!is_folder(folder)) continue;
    group.run(name, [&](Case& checked) { return check_model(checked, folder); });
  }
  return std::move(group).finish("absent: there is no model/VARIANT/");
}

}  // namespace hone::engine::golden
