#include "engine/train/rollouts.h"

#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <cmath>

#include "base/random.h"
#include "engine/serve/forward.h"
#include "engine/serve/sampler.h"

namespace hone::engine {
namespace {

// Prompt tokens that go through the model in one pass (one prompt may have more).
constexpr std::size_t kPromptTokens = 2048;

// One answer on its way.
struct Running {
  SampledAnswer* answer = nullptr;
  KvCache cache;
  Random random;
};

class Sampling {
 public:
  Sampling(const ServingModel& model, const ServingAdapter* adapter,
           std::span<const SampleRequest> requests, const SamplingOptions& options)
      : model_(model), adapter_(adapter), requests_(requests), options_(options) {
    for (const SampleRequest& request : requests) groups_.emplace_back(request.answers);
  }

  Result<std::vector<SampledGroup>> run() {
    while (next_ < requests_.size() || !running_.empty()) {
      if (!admit() || !step()) {
        return fail(ErrorCode::kInvalid,
                    "the logits of a sampled answer are not finite: the policy broke down");
      }
    }
    return std::move(groups_);
  }

 private:
  // Takes in groups, in order, as far as there is room. False: a logit is not finite.
  bool admit() {
    while (next_ < requests_.size()) {
      std::size_t last = next_;
      std::size_t tokens = 0;
      std::size_t answers = running_.size();
      while (last < requests_.size()) {
        tokens += requests_[last].prompt.size();
        answers += requests_[last].answers;
        const bool first = last == next_;
        if (answers > kMaxRunning && !(first && running_.empty())) break;
        if (tokens > kPromptTokens && !first) break;
        ++last;
      }
      if (last == next_) return true;
      if (!read_prompts(next_, last)) return false;
      next_ = last;
    }
    return true;
  }

  // The first token of each answer comes from its prompt's last state.
  bool read_prompts(std::size_t first, std::size_t end) {
    std::vector<KvCache> caches(end - first, KvCache(model_));
    std::vector<Extension> extensions;
    std::vector<std::int64_t> last_rows;
    std::int64_t row = -1;
    for (std::size_t i = first; i < end; ++i) {
      const auto count = static_cast<std::int64_t>(requests_[i].prompt.size());
      HONE_ASSERT(count > 0 && count + options_.max_new_tokens <= model_.context);
      caches[i - first].reserve(count);
      extensions.push_back({requests_[i].prompt, &caches[i - first], adapter_});
      row += count;
      last_rows.push_back(row);
    }
    const at::Tensor states = forward(model_, extensions);
    const at::Tensor logits = logits_of(
        model_, states.index_select(0, at::tensor(last_rows, at::TensorOptions(at::kLong))));
    for (std::size_t i = first; i < end; ++i) {
      const at::Tensor own = logits[static_cast<std::int64_t>(i - first)];
      const Random random(requests_[i].seed);
      for (std::size_t member = 0; member < requests_[i].answers; ++member) {
        Running answer{&groups_[i][member], KvCache(model_), random.fork(member)};
        const Choice choice = choose(own, options_.temperature, options_.top_p, answer.random);
        if (!std::isfinite(choice.logit)) return false;
        if (accept(answer, choice)) continue;
        answer.cache.copy_beginning(caches[i - first], caches[i - first].length());
        running_.push_back(std::move(answer));
      }
    }
    return true;
  }

  // One token more for each. False: a logit is not finite.
  bool step() {
    if (running_.empty()) return true;
    std::vector<Extension> extensions;
    for (Running& each : running_) {
      each.cache.reserve(each.cache.length() + 1);
      extensions.push_back({std::span(each.answer->ids).last(1), &each.cache, adapter_});
    }
    const at::Tensor logits = logits_of(model_, forward(model_, extensions));
    std::vector<Choice> choices(running_.size());
    at::parallel_for(0, static_cast<std::int64_t>(running_.size()), 1,
                     [&](std::int64_t begin, std::int64_t end) {
                       for (std::int64_t i = begin; i < end; ++i) {
                         const auto at = static_cast<std::size_t>(i);
                         choices[at] = choose(logits[i], options_.temperature, options_.top_p,
                                              running_[at].random);
                       }
                     });
    std::vector<Running> left;
    for (std::size_t i = 0; i < running_.size(); ++i) {
      if (!std::isfinite(choices[i].logit)) return false;
      if (!accept(running_[i], choices[i])) left.push_back(std::move(running_[i]));
    }
    running_ = std::move(left);
    return true;
  }

  // True: the answer has ended.
  bool accept(Running& running, const Choice& choice) {
    TokenIds& ids = running.answer->ids;
    ids.push_back(choice.id);
    const auto& ends = options_.end_tokens;
    if (std::find(ends.begin(), ends.end(), choice.id) != ends.end()) return true;
    running.answer->truncated = static_cast<std::int64_t>(ids.size()) >= options_.max_new_tokens;
    return running.answer->truncated;
  }

  const ServingModel& model_;
  const ServingAdapter* adapter_;
  std::span<const SampleRequest> requests_;
  const SamplingOptions& options_;
  std::vector<SampledGroup> groups_;
  std::vector<Running> running_;
  std::size_t next_ = 0;  // request that is not taken in yet
};

}  // namespace

PolicySampler::PolicySampler(const Policy& policy, Arithmetic arithmetic, std::int64_t context)
    : policy_(policy), arithmetic_(arithmetic), context_(context) {
  if (policy.adapter) base_ = make_serving_model(policy.weights, arithmetic, context);
}

Result<std::vector<SampledGroup>> PolicySampler::sample(std::span<const SampleRequest> requests,
                                                        const SamplingOptions& options) {
  const at::NoGradGuard off;
  if (base_) {
    const auto adapter = make_serving_adapter(*policy_.adapter, *base_);
    return Sampling(*base_, adapter.get(), requests, options).run();
  }
  const ServingModel model = make_serving_model(policy_.weights, arithmetic_, context_);
  return Sampling(model, nullptr, requests, options).run();
}

Arithmetic sampling_arithmetic(const std::string& dtype) {
  return dtype == "bf16" ? fastest_arithmetic() : Arithmetic::kFp32;
}

}  // namespace hone::engine
