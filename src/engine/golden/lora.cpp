// model/VARIANT/ADAPTER/: logits, loss and gradients under PEFT's adapters: as the trainer and the
// server apply them, and merged into the weights.
#include "engine/golden/groups.h"
#include "engine/golden/models.h"

namespace hone::engine::golden {
namespace {

struct Models {
  std::string base;
  std::string adapter;
};

Result<void> check_logits(Case& checked, const Models& folders, const Policy& policy,
                          const Expected& base, const Expected& expected) {
  const auto served = load_serving_model(folders.base, Arithmetic::kFp32, kContext);
  if (!served) return fail(served.error());
  const auto served_adapter = load_serving_adapter("golden", folders.adapter, *served);
  if (!served_adapter) return fail(served_adapter.error());
  auto merged = load_llama(folders.base, at::kFloat);
  if (!merged) return fail(merged.error());
  merge_lora(*merged, *policy.adapter);

  if (!expected.tensors.contains("logits_b")) return fail(expected.named("logits_b").error());
  const Batch batch = pack(base.sequences);
  for (const auto& [name, place] : {std::pair("logits_a", 0U), std::pair("logits_b", 1U)}) {
    if (!expected.tensors.contains(name)) continue;
    const at::Tensor& want = expected.tensors.at(name);
    const std::string what = name;
    checked.near(kLogits, trained_logits(policy.weights, &*policy.adapter, batch, place), want,
                 what);
    const auto ours = served_logits(*served, served_adapter->get(), base.sequences[place]);
    if (!ours) return fail(ours.error());
    checked.near(kLogits, *ours, want, what + " of the server");
    checked.near(kLogits, trained_logits(*merged, nullptr, batch, place), want,
                 what + " of the merged model");
  }
  return {};
}

Result<void> check_adapter(Case& checked, const Models& folders) {
  auto loaded = load_policy(folders.base, folders.adapter, at::kFloat);
  if (!loaded) return fail(loaded.error());
  const Policy policy = make_policy(std::move(loaded->weights), std::move(loaded->adapter),
                                    at::kFloat, /*keep_reference=*/false);
  const auto base = read_expected(folders.base, policy.weights.config.vocab_size);
  if (!base) return fail(base.error());
  Expected expected{folders.adapter + "/expected.safetensors", {}, {}};
  auto tensors = read_tensors(expected.path);
  if (!tensors) return fail(tensors.error());
  expected.tensors = std::move(*tensors);
  if (auto done = check_logits(checked, folders, policy, *base, expected); !done)
    checked.fault(done.error().message);

  const auto loss = expected.named("mean_ce_loss");
  if (!loss) return fail(loss.error());
  const MeanLoss ours = descend(policy, base->sequences);
  checked.near(kMeanLoss, ours.loss, loss->item().toDouble(), "mean_ce_loss");
  constexpr std::string_view kGradient = "grad.";
  Tensors gradients;
  for (const auto& [name, tensor] : expected.tensors) {
    if (name.starts_with(kGradient)) gradients.emplace(name.substr(kGradient.size()), tensor);
  }
  compare_gradients(checked, ours.gradients, gradients);
  return {};
}

}  // namespace

GroupReport check_adapters(const Place& place) {
  Group group("lora");
  const std::string models = place.folder + "/model/";
  for (const std::string& model : names_in(models)) {
    for (const std::string& name : names_in(models + model)) {
      const Models folders{models + model, models + model + "/" + name};
      if (!is_folder(folders.adapter)) continue;
      group.run(model + "/" + name, [&](Case& checked) { return check_adapter(checked, folders); });
    }
  }
  return std::move(group).finish("absent: there is no model/VARIANT/ADAPTER/");
}

}  // namespace hone::engine::golden
