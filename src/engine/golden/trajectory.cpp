// trajectory/: whole trainings, step by step: the loss, the norm of the gradients before clipping,
// the learning rate, and the weights at the end. TAG.json says how it was trained. TAG begins with
// the method, sft or dpo; what is trained is the adapter in TAG.init.safetensors, where that is
// there, and otherwise all weights.
#include <ATen/ATen.h>

#include <optional>
#include <set>
#include <utility>

#include "engine/golden/files.h"
#include "engine/golden/groups.h"
#include "engine/train/batch/loss_of_batch.h"
#include "engine/train/optimizer.h"

namespace hone::engine::golden {
namespace {

constexpr Bound kLoss{"loss", 1e-4};
constexpr Bound kRate{"lr", 1e-9};
constexpr Bound kNorm{"gradient norm", 1e-3};
constexpr Bound kWeights{"weights", 1e-3};

struct Plan {
  std::string method;
  double beta = 0.1;   // of dpo
  double scale = 2.0;  // of the adapter
  std::int64_t steps = 0;
  std::int64_t warmup = 0;
  double peak = 0;
  double clip = 0;
  AdamWOptions optimizer;
  json::array log;
};

Result<AdamWOptions> read_optimizer(const json::object& document) {
  AdamWOptions options;
  const auto betas = field<json::array>(document, "betas");
  if (!betas) return fail(betas.error());
  if (betas->size() != 2) return fail(ErrorCode::kInvalid, "field 'betas' must be two numbers");
  for (const auto& [place, into] : {std::pair(0U, &options.beta1), std::pair(1U, &options.beta2)}) {
    const auto beta = as<double>((*betas)[place], "betas");
    if (!beta) return fail(beta.error());
    *into = *beta;
  }
  for (const auto& [name, into] :
       {std::pair("eps", &options.eps), std::pair("weight_decay", &options.weight_decay)}) {
    const auto number = field<double>(document, name);
    if (!number) return fail(number.error());
    *into = *number;
  }
  return options;
}

// `method`, `beta` and `scale` need not be there: the tag and the layout say them.
Result<Plan> read_plan(const json::object& document, const std::string& tag) {
  auto known = only_fields(document, {"steps", "warmup", "peak_lr", "betas", "eps", "weight_decay",
                                      "clip", "log", "method", "beta", "scale"});
  if (!known) return fail(known.error());
  Plan plan;
  auto method = optional_field<std::string>(document, "method");
  if (!method) return fail(method.error());
  plan.method = method->value_or(tag.substr(0, tag.find('_')));
  if (plan.method != "sft" && plan.method != "dpo") {
    return fail(ErrorCode::kInvalid, "method '" + plan.method +
                                         "' is not one of sft, dpo; the tag begins with it, or "
                                         "field 'method' says it");
  }
  for (const auto& [name, into] :
       {std::pair("beta", &plan.beta), std::pair("scale", &plan.scale)}) {
    const auto number = optional_field<double>(document, name);
    if (!number) return fail(number.error());
    *into = number->value_or(*into);
  }
  for (const auto& [name, into] :
       {std::pair("peak_lr", &plan.peak), std::pair("clip", &plan.clip)}) {
    const auto number = field<double>(document, name);
    if (!number) return fail(number.error());
    *into = *number;
  }
  for (const auto& [name, into] :
       {std::pair("steps", &plan.steps), std::pair("warmup", &plan.warmup)}) {
    const auto number = field<std::int64_t>(document, name);
    if (!number) return fail(number.error());
    *into = *number;
  }
  auto optimizer = read_optimizer(document);
  if (!optimizer) return fail(optimizer.error());
  plan.optimizer = *optimizer;
  auto log = field<json::array>(document, "log");
  if (!log) return fail(log.error());
  plan.log = std::move(*log);
  if (std::cmp_not_equal(plan.log.size(), plan.steps)) {
    return fail(ErrorCode::kInvalid, "field 'log' must have an entry for each of the steps");
  }
  return plan;
}

// PEFT's files of a run may nest the prefix once more.
const at::Tensor* find_tensor(const Tensors& tensors, const std::string& name) {
  auto found = tensors.find(name);
  if (found == tensors.end()) found = tensors.find("base_model.model." + name);
  return found == tensors.end() ? nullptr : &found->second;
}

// An adapter of what the file adapts, with its matrices.
Result<LoraAdapter> read_adapter(const std::string& path, double scale, const LlamaConfig& model) {
  const auto init = read_tensors(path);
  if (!init) return fail(init.error());
  LoraConfig config;
  config.targets.clear();
  for (const Projection which : kProjections) {
    const at::Tensor* a =
        find_tensor(*init, "base_model.model." + module_name(0, which) + ".lora_A.weight");
    if (a == nullptr || a->dim() != 2 || a->size(0) < 1) continue;
    config.targets.push_back(which);
    config.r = a->size(0);
  }
  config.alpha = scale * static_cast<double>(config.r);
  LoraAdapter adapter = make_lora(model, config, Random(1));
  const auto named = named_tensors(adapter);
  for (const NamedTensor& matrix : named) {
    const at::Tensor* given = find_tensor(*init, matrix.name);
    if (given == nullptr || given->sizes() != matrix.tensor.sizes()) {
      return fail(ErrorCode::kInvalid, path + ": tensor '" + matrix.name +
                                           "' is missing, or does not have the model's shape");
    }
    matrix.tensor.copy_(*given);
  }
  if (named.empty() || named.size() != init->size()) {
    return fail(ErrorCode::kInvalid, path + ": holds what is not a matrix of one adapter");
  }
  return adapter;
}

// `root` is the golden folder.
Result<Policy> start_policy(const std::string& root, const std::string& tag, const Plan& plan) {
  auto weights = load_llama(root + "/loss/policy", at::kFloat);
  if (!weights) return fail(weights.error());
  const std::string init = root + "/trajectory/" + tag + ".init.safetensors";
  std::optional<LoraAdapter> adapter;
  if (is_file(init)) {
    auto read = read_adapter(init, plan.scale, weights->config);
    if (!read) return fail(read.error());
    adapter = std::move(*read);
  }
  // Without an adapter to switch off, the reference is a copy of the weights as they begin.
  return make_policy(std::move(*weights), std::move(adapter), at::kFloat,
                     /*keep_reference=*/plan.method == "dpo");
}

// Steps go around a few batches, as a method's loss wants them.
Result<std::vector<BatchTensors>> read_batches(const std::string& folder,
                                               const std::string& method) {
  const std::string path = folder + "/batches.safetensors";
  const auto tensors = read_tensors(path);
  if (!tensors) return fail(tensors.error());
  std::vector<BatchTensors> batches;
  while (true) {
    const std::string prefix = method + "." + std::to_string(batches.size()) + ".";
    if (!batches.empty() && !tensors->contains(prefix + "input_ids")) return batches;
    const auto ids = tensor_named(*tensors, prefix + "input_ids", path);
    if (!ids) return fail(ids.error());
    const auto mask = tensor_named(*tensors, prefix + "attention_mask", path);
    if (!mask) return fail(mask.error());
    const auto trained = tensor_named(*tensors, prefix + "train_mask", path);
    if (!trained) return fail(trained.error());
    BatchTensors batch{{"input_ids", *ids}, {"attention_mask", *mask}};
    if (method == "sft") {
      batch["labels"] = ids->masked_fill(trained->eq(0), -100);
    } else {
      batch["completion_mask"] = *trained;
    }
    batches.push_back(std::move(batch));
  }
}

struct Step {
  double loss = 0;
  double rate = 0;
  double norm = 0;
};

Result<Step> read_step(const json::value& entry, std::int64_t number) {
  const auto object = as<json::object>(entry, "log");
  if (!object) return fail(object.error());
  const auto step = field<std::int64_t>(*object, "step");
  if (!step) return fail(step.error());
  if (*step != number) return fail(ErrorCode::kInvalid, "field 'step' must count from 0");
  Step read;
  for (const auto& [name, into] : {std::pair("loss", &read.loss), std::pair("lr", &read.rate),
                                   std::pair("grad_norm", &read.norm)}) {
    const auto value = field<double>(*object, name);
    if (!value) return fail(value.error());
    *into = *value;
  }
  return read;
}

Result<void> train(Case& checked, const Plan& plan, const Policy& policy,
                   const std::vector<BatchTensors>& batches) {
  AdamW optimizer(policy.parameters(), plan.optimizer);
  json::object config;
  if (plan.method == "dpo") config["beta"] = plan.beta;
  for (std::int64_t step = 0; step < plan.steps; ++step) {
    const std::string where = "step " + std::to_string(step) + ": ";
    const auto want = read_step(plan.log[static_cast<std::size_t>(step)], step);
    if (!want) return fail(want.error().with("log: step " + std::to_string(step)));
    const BatchTensors& batch = batches[static_cast<std::size_t>(step) % batches.size()];
    const auto result = loss_of_batch(policy, plan.method, config, batch);
    if (!result) return fail(result.error().with("step " + std::to_string(step)));
    checked.near(kLoss, result->loss.item<double>(), want->loss, where + "loss");
    result->loss.backward();
    const auto norm = optimizer.clip_gradients(plan.clip);
    if (!norm) return fail(norm.error());
    checked.near(kNorm, *norm, want->norm, where + "grad_norm");
    const double rate = learning_rate(Schedule::kCosine, plan.peak, step, plan.warmup, plan.steps);
    checked.near(kRate, rate, want->rate, where + "lr");
    if (auto moved = optimizer.update(rate); !moved) return moved;
  }
  return {};
}

void compare_weights(Case& checked, const Policy& policy, const Tensors& expected) {
  const auto ours = policy.adapter ? named_tensors(*policy.adapter) : named_tensors(policy.weights);
  for (const NamedTensor& weight : ours) {
    const at::Tensor* want = find_tensor(expected, weight.name);
    if (want == nullptr) {
      checked.fault(weight.name + ": is not among the final weights");
    } else {
      checked.along(kWeights, weight.tensor, *want, "final " + weight.name);
    }
  }
  if (expected.size() != ours.size()) {
    checked.fault("there are " + std::to_string(expected.size()) + " final weights, we train " +
                  std::to_string(ours.size()));
  }
}

Result<void> check_trajectory(Case& checked, const std::string& root, const std::string& tag) {
  const std::string folder = root + "/trajectory";
  const std::string path = folder + "/" + tag + ".json";
  const auto document = read_json(path);
  if (!document) return fail(document.error());
  const auto plan = read_plan(*document, tag);
  if (!plan) return fail(plan.error().with(path));
  const auto batches = read_batches(folder, plan->method);
  if (!batches) return fail(batches.error());
  const auto expected = read_tensors(folder + "/" + tag + ".final.safetensors");
  if (!expected) return fail(expected.error());
  const auto policy = start_policy(root, tag, *plan);
  if (!policy) return fail(policy.error());
  if (auto done = train(checked, *plan, *policy, *batches); !done)
    return fail(done.error().with(path));
  compare_weights(checked, *policy, *expected);
  return {};
}

}  // namespace

GroupReport check_trajectories(const Place& place) {
  Group group("trajectory");
  std::set<std::string> tags;
  for (const std::string& name : names_in(place.folder + "/trajectory")) {
    for (const std::string_view ending : {".json", ".final.safetensors"}) {
      if (name.ends_with(ending)) tags.insert(name.substr(0, name.size() - ending.size()));
    }
  }
  for (const std::string& tag : tags) {
    group.run(tag, [&](Case& checked) { return check_trajectory(checked, place.folder, tag); });
  }
  return std::move(group).finish("absent: there is no trajectory/TAG.json");
}

}  // namespace hone::engine::golden
