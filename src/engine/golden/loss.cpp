// loss/: TRL's losses, metrics and gradients on fixed batches, one case an entry of cases.json. The
// method is what the case's name begins with, its fields are those of `hone-engine loss`.
#include <ATen/ATen.h>

#include "engine/golden/groups.h"
#include "engine/golden/loss_outputs.h"
#include "engine/golden/models.h"
#include "engine/train/batch/loss_of_batch.h"

namespace hone::engine::golden {
namespace {

constexpr Bound kLoss{"loss", 2e-5};
constexpr Bound kMetrics{"metrics", 1e-4};

std::string method_of(const std::string& name) {
  return name.substr(0, name.find('_'));
}

Result<bool> swapped(const json::object& config) {
  auto flag = optional_field<bool>(config, "swapped_models");
  if (!flag) return fail(flag.error());
  return flag->value_or(false);
}

// Read anew for each case, whose gradients stay in it.
Result<Policy> load_models(const std::string& folder, bool swap) {
  auto weights = load_llama(folder + (swap ? "reference" : "policy"), at::kFloat);
  if (!weights) return fail(weights.error());
  auto reference = load_llama(folder + (swap ? "policy" : "reference"), at::kFloat);
  if (!reference) return fail(reference.error());
  Policy policy =
      make_policy(std::move(*weights), std::nullopt, at::kFloat, /*keep_reference=*/false);
  policy.frozen = std::move(*reference);
  return policy;
}

// A number, or a list of them: one for each pair.
Result<void> compare_metric(Case& checked, const json::value& ours, const json::value& expected,
                            const std::string& name) {
  if (!expected.is_array()) {
    const auto want = as<double>(expected, name);
    if (!want) return fail(want.error());
    const auto got = as<double>(ours, name);
    if (!got) return fail(got.error().with("our metric"));
    checked.near(kMetrics, *got, *want, name);
    return {};
  }
  const json::array& want = expected.get_array();
  const auto got = as<json::array>(ours, name);
  if (!got) return fail(got.error().with("our metric"));
  if (got->size() != want.size()) {
    return fail(ErrorCode::kInvalid, name + ": " + std::to_string(got->size()) +
                                         " numbers instead of " + std::to_string(want.size()));
  }
  for (std::size_t i = 0; i < want.size(); ++i) {
    const std::string place = name + " " + std::to_string(i);
    if (auto done = compare_metric(checked, (*got)[i], want[i], place); !done) return done;
  }
  return {};
}

Result<void> compare_metrics(Case& checked, const json::object& ours, const json::object& entry) {
  const auto expected = field<json::object>(entry, "metrics");
  if (!expected) return fail(expected.error());
  for (const auto& [key, value] : *expected) {
    const json::value* mine = ours.if_contains(key);
    if (mine == nullptr) {
      checked.fault("metric '" + std::string(key) + "': we have none");
    } else if (auto done = compare_metric(checked, *mine, value, std::string(key)); !done) {
      checked.fault(done.error().message);
    }
  }
  return {};
}

// A gradient that is a multiple of another case's is not stored twice.
Result<Tensors> read_gradients(const std::string& folder, const std::string& name,
                               const json::object& entry) {
  auto of = optional_field<std::string>(entry, "grads_of");
  if (!of) return fail(of.error());
  auto scale = optional_field<double>(entry, "grads_scale");
  if (!scale) return fail(scale.error());
  const std::string source = of->value_or(name);
  if (source.find('/') != std::string::npos) {
    return fail(ErrorCode::kInvalid, "field 'grads_of' names no case");
  }
  auto gradients = read_tensors(folder + source + ".grads.safetensors");
  if (!gradients) return fail(gradients.error());
  if (!scale->has_value()) return gradients;
  for (auto& [key, tensor] : *gradients) tensor = tensor * **scale;
  return gradients;
}

Result<void> check_gradients(Case& checked, const std::string& folder, const std::string& name,
                             const json::object& entry, const std::vector<NamedTensor>& ours) {
  const auto norm = field<double>(entry, "grad_norm");
  if (!norm) return fail(norm.error());
  checked.along(kGradients, gradient_norm(ours), *norm, "grad_norm");
  const auto expected = read_gradients(folder, name, entry);
  if (!expected) return fail(expected.error());
  compare_gradients(checked, ours, *expected);
  return {};
}

Result<void> check_case(Case& checked, const std::string& folder, const std::string& name,
                        const json::value& value) {
  const auto entry = as<json::object>(value, name);
  if (!entry) return fail(entry.error());
  auto known = only_fields(
      *entry, {"loss", "metrics", "config", "made_by", "grad_norm", "grads_of", "grads_scale"});
  if (!known) return known;
  const auto config = field<json::object>(*entry, "config");
  if (!config) return fail(config.error());
  const auto loss = field<double>(*entry, "loss");
  if (!loss) return fail(loss.error());
  const auto swap = swapped(*config);
  if (!swap) return fail(swap.error());
  const auto policy = load_models(folder, *swap);
  if (!policy) return fail(policy.error());
  const std::string path = folder + name + ".safetensors";
  const auto batch = read_batch(path);
  if (!batch) return fail(batch.error());
  const auto result = loss_of_batch(*policy, method_of(name), *config, *batch);
  if (!result) return fail(result.error());
  checked.near(kLoss, result->loss.item<double>(), *loss, "loss");
  if (auto done = compare_metrics(checked, result->metrics, *entry); !done)
    checked.fault(done.error().message);
  if (auto done = compare_outputs(checked, path, *policy, *config, *batch); !done)
    checked.fault(done.error().message);
  result->loss.backward();
  return check_gradients(checked, folder, name, *entry, named_gradients(*policy, *result));
}

}  // namespace

GroupReport check_losses(const Place& place) {
  Group group("loss");
  const std::string folder = place.folder + "/loss/";
  const std::string path = folder + "cases.json";
  if (is_file(path)) {
    const auto cases = read_json(path);
    if (!cases) {
      group.run("cases.json", [&](Case&) -> Result<void> { return fail(cases.error()); });
    } else {
      for (const auto& [key, value] : *cases) {
        const std::string name(key);
        group.run(name, [&](Case& checked) { return check_case(checked, folder, name, value); });
      }
    }
  }
  return std::move(group).finish("absent: there is no case in loss/cases.json");
}

}  // namespace hone::engine::golden
