#include "engine/train/batch/loss_of_batch.h"

#include <array>
#include <cmath>
#include <exception>

#include "engine/train/batch/methods.h"

namespace hone::engine {
namespace {

using OfBatch = Result<LossOfBatch> (*)(const Policy&, const json::object&, const BatchTensors&);

struct Method {
  std::string_view name;
  OfBatch run;
};

constexpr std::array kMethods = {Method{"sft", sft_of_batch},     Method{"dpo", dpo_of_batch},
                                 Method{"kto", kto_of_batch},     Method{"orpo", orpo_of_batch},
                                 Method{"simpo", simpo_of_batch}, Method{"reward", reward_of_batch},
                                 Method{"grpo", grpo_of_batch}};

// libtorch throws where memory is short or an operator refuses its input.
Result<LossOfBatch> run_safely(OfBatch run, const Policy& policy, const json::object& config,
                               const BatchTensors& batch) {
  try {
    return run(policy, config, batch);
  } catch (const std::exception& error) {
    return fail(ErrorCode::kInternal, error.what());
  }
}

}  // namespace

Result<LossOfBatch> loss_of_batch(const Policy& policy, const std::string& method,
                                  const json::object& config, const BatchTensors& batch) {
  std::string known;
  for (const Method& candidate : kMethods) {
    known += (known.empty() ? "" : ", ") + std::string(candidate.name);
    if (candidate.name != method) continue;
    auto result = run_safely(candidate.run, policy, config, batch);
    if (!result) return fail(result.error().with("method '" + method + "'"));
    if (!std::isfinite(result->loss.item<double>()))
      return fail(ErrorCode::kInvalid, "method '" + method + "': the loss is not finite");
    return result;
  }
  return fail(ErrorCode::kInvalid, "method '" + method + "' is not one of " + known);
}

std::vector<NamedTensor> named_gradients(const Policy& policy, const LossOfBatch& result) {
  std::vector<NamedTensor> all = named_gradients(policy);
  if (result.score.defined() && result.score.grad().defined())
    all.push_back({"score.weight", result.score.grad()});
  return all;
}

}  // namespace hone::engine
