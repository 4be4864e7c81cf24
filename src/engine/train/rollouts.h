// Answers sampled from the policy as it is now, by the serving side's arithmetic (serve/forward.h),
// in groups that share a prompt: the prompt goes through the model once, whatever the number of its
// answers. What is sampled depends on the weights, the requests and their seeds, and on nothing
// else, not even on timing: answers stand in one order in every pass, so that a resumed run samples
// bit by bit what an uninterrupted one does.
//
//   PolicySampler sampler(policy, sampling_arithmetic("bf16"), 1024);
//   auto groups = sampler.sample(requests, options);   // after each update of the policy, again
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/serve/serving_model.h"
#include "engine/train/policy.h"

namespace hone::engine {

struct SampleRequest {
  std::span<const std::int64_t> prompt;  // at least one token
  std::size_t answers = 1;
  std::uint64_t seed = 0;  // answer i draws from its fork i
};

struct SamplingOptions {
  double temperature = 1.0;  // 0: greedy
  double top_p = 1.0;
  std::int64_t max_new_tokens = 256;  // prompt and answer must fit the sampler's context
  std::vector<std::int64_t> end_tokens;
};

struct SampledAnswer {
  TokenIds ids;            // with the end token, where it came
  bool truncated = false;  // max_new_tokens came before an end token
};
using SampledGroup = std::vector<SampledAnswer>;

// Answers that run at once. More at once are faster, and take more memory.
inline constexpr std::size_t kMaxRunning = 64;

class PolicySampler {
 public:
  // Borrows `policy`. Under an adapter its weights are prepared once, here; otherwise each time.
  PolicySampler(const Policy& policy, Arithmetic arithmetic, std::int64_t context);

  // A group a request, in order. kInvalid where the logits are not finite.
  [[nodiscard]] Result<std::vector<SampledGroup>> sample(std::span<const SampleRequest> requests,
                                                         const SamplingOptions& options);

 private:
  const Policy& policy_;
  Arithmetic arithmetic_;
  std::int64_t context_;
  std::optional<ServingModel> base_;  // under an adapter
};

// bf16 lets the processor's fastest arithmetic sample, fp32 is exact.
[[nodiscard]] Arithmetic sampling_arithmetic(const std::string& dtype);

}  // namespace hone::engine
