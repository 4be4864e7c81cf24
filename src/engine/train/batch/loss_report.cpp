#include "engine/train/batch/loss_report.h"

#include <ATen/ops/empty.h>

#include <array>
#include <cmath>
#include <exception>

#include "base/file.h"
#include "engine/model/safetensors.h"
#include "engine/train/batch/loss_of_batch.h"
#include "engine/train/reward_model.h"

namespace hone::engine {
namespace {

constexpr const char* kScore = "score.weight";

Result<json::object> read_config_argument(const std::string& argument) {
  const auto first = argument.find_first_not_of(" \t\r\n");
  if (first != std::string::npos && argument[first] == '{') {
    auto config = parse_json_object(argument);
    if (!config) return fail(config.error().with("--config"));
    return config;
  }
  auto text = read_file(posix_files(), argument);
  if (!text) return fail(text.error().with("--config"));
  auto config = parse_json_object(*text);
  if (!config) return fail(config.error().with(argument));
  return config;
}

Result<Policy> load_models(const LossOptions& options) {
  auto loaded = load_policy(options.policy, options.adapter, at::kFloat);
  if (!loaded) return fail(loaded.error());
  Policy policy = make_policy(std::move(loaded->weights), std::move(loaded->adapter), at::kFloat,
                              /*keep_reference=*/false);
  if (options.reference.empty()) return policy;
  auto reference = load_llama(options.reference, at::kFloat);
  if (!reference) return fail(reference.error());
  if (reference->config.vocab_size != policy.weights.config.vocab_size) {
    return fail(ErrorCode::kInvalid, options.reference + " has another vocabulary than " +
                                         options.policy + ", so that they cannot be compared");
  }
  policy.frozen = std::move(*reference);
  return policy;
}

// A trained reward model has its head beside its adapter or its weights (docs/formats/run.md), or
// among the weights, as Hugging Face has it; a batch's own comes first.
Result<void> add_score(BatchTensors& batch, const LossOptions& options, std::int64_t hidden_size) {
  if (batch.contains(kScore)) return {};
  auto head = read_reward_head(std::array{options.adapter, options.policy}, hidden_size);
  if (head) {
    batch[kScore] = *head;
    return {};
  }
  if (head.error().code != ErrorCode::kNotFound) return fail(head.error());
  auto files = Checkpoint::open(options.policy);
  if (!files) return fail(files.error());
  const TensorView* view = files->find(kScore);
  if (view == nullptr) return {};
  at::Tensor score = at::empty({1, hidden_size}, at::TensorOptions(at::kFloat));
  if (auto copied = copy_into(score, *view); !copied) return copied;
  batch[kScore] = score;
  return files->still_whole();
}

Result<json::object> report(const LossOptions& options, const json::object& config,
                            const Policy& policy, const BatchTensors& batch) {
  auto result = loss_of_batch(policy, options.method, config, batch);
  if (!result) return fail(result.error());
  result->loss.backward();
  const std::vector<NamedTensor> gradients = named_gradients(policy, *result);
  const double norm = gradient_norm(gradients);
  if (!std::isfinite(norm)) return fail(ErrorCode::kInvalid, "the gradient is not finite");
  if (!options.grads.empty()) {
    if (auto saved = save_tensors(options.grads, gradients, at::kFloat); !saved)
      return fail(saved.error());
  }
  return json::object{
      {"loss", result->loss.item<double>()}, {"metrics", result->metrics}, {"grad_norm", norm}};
}

}  // namespace

Result<json::object> loss_report(const LossOptions& options) {
  auto config = read_config_argument(options.config);
  if (!config) return fail(config.error());
  auto batch = read_batch(options.batch);
  if (!batch) return fail(batch.error());
  auto policy = load_models(options);
  if (!policy) return fail(policy.error());
  if (options.method == "reward") {
    auto added = add_score(*batch, options, policy->weights.config.hidden_size);
    if (!added) return fail(added.error());
  }
  try {
    return report(options, *config, *policy, *batch);
  } catch (const std::exception& error) {  // libtorch, where memory is short
    return fail(ErrorCode::kInternal, error.what());
  }
}

}  // namespace hone::engine
