#include "engine/train/rejection.h"

#include <algorithm>
#include <exception>
#include <vector>

#include "base/file.h"
#include "base/random.h"
#include "engine/serve/end_tokens.h"
#include "engine/train/examples.h"
#include "engine/train/reward_model.h"
#include "engine/train/rollouts.h"

namespace hone::engine {
namespace {

struct Candidate {
  std::string text;
  std::int64_t tokens = 0;
  bool truncated = false;
  double reward = 0;  // the reward model's where there is one, else the verifier's
  std::string reason;
  bool passed = false;
};

struct Counts {
  std::int64_t written = 0;
  std::int64_t none_passed = 0;
  std::int64_t ties = 0;
  std::int64_t answers = 0;
  std::int64_t truncated = 0;
  double rewards = 0;
  double best = 0;
};

class BestOfN {
 public:
  BestOfN(const RejectionOptions& options, const Policy& policy, const Tokenizer& tokenizer,
          const Chat& chat, std::optional<RewardModel> reward_model)
      : options_(options),
        tokenizer_(tokenizer),
        reward_model_(std::move(reward_model)),
        sampler_(policy, sampling_arithmetic(options.dtype), options.max_tokens),
        sampling_{.temperature = options.temperature,
                  .top_p = options.top_p,
                  .max_new_tokens = options.max_new_tokens,
                  .end_tokens = end_tokens_of(policy.weights.config, chat)} {}

  // Tasks that fit a pass go through the model together. `first` is the place of the first in the
  // dataset, of which its chance depends.
  Result<void> take(std::span<const Task> tasks, std::size_t first) {
    std::vector<SampleRequest> requests;
    for (std::size_t i = 0; i < tasks.size(); ++i) {
      requests.push_back({tasks[i].prompt, static_cast<std::size_t>(options_.n),
                          Random(options_.seed).fork(first + i).next()});
    }
    auto sampled = sampler_.sample(requests, sampling_);
    if (!sampled) return fail(sampled.error());
    for (std::size_t i = 0; i < tasks.size(); ++i) {
      if (auto done = choose_best(tasks[i], (*sampled)[i]); !done)
        return fail(done.error().with("task '" + tasks[i].id + "'"));
    }
    return {};
  }

  [[nodiscard]] const Counts& counts() const { return counts_; }
  [[nodiscard]] const std::string& demonstrations() const { return demonstrations_; }
  [[nodiscard]] const std::string& all() const { return all_; }

 private:
  Result<void> choose_best(const Task& task, const SampledGroup& answers) {
    std::vector<Candidate> candidates;
    for (const SampledAnswer& answer : answers) {
      auto candidate = judge(task, answer);
      if (!candidate) return fail(candidate.error());
      candidates.push_back(std::move(*candidate));
    }
    if (auto ranked = rank(task, candidates); !ranked) return ranked;
    const Candidate* best = nullptr;
    bool tied = false;
    for (const Candidate& candidate : candidates) {
      note(task, candidate);
      const bool enough = !options_.min_reward || candidate.reward >= *options_.min_reward;
      if (!candidate.passed || !enough) continue;
      // Of equals the first: answers are drawn alike, so that this is a fair draw among them.
      if (best == nullptr || candidate.reward > best->reward) {
        best = &candidate;
        tied = false;
      } else if (candidate.reward == best->reward) {
        tied = true;
      }
    }
    if (best == nullptr) {
      ++counts_.none_passed;
      return {};
    }
    if (tied) ++counts_.ties;
    write(task, *best);
    return {};
  }

  // An answer that hit the limit is no whole answer, and one that says nothing is none.
  Result<Candidate> judge(const Task& task, const SampledAnswer& answer) const {
    Candidate candidate{.text = tokenizer_.decode(answer.ids, /*skip_specials=*/true),
                        .tokens = static_cast<std::int64_t>(answer.ids.size()),
                        .truncated = answer.truncated};
    candidate.passed = !answer.truncated && !candidate.text.empty();
    if (!task.verifier) return candidate;
    auto verdict = task.verifier->check(candidate.text, {options_.allow_unsandboxed});
    if (!verdict) return fail(verdict.error());
    candidate.reward = verdict->reward;
    candidate.reason = std::move(verdict->reason);
    candidate.passed = candidate.passed && candidate.reward > 0.0;
    return candidate;
  }

  // The reward model's word on every answer.
  Result<void> rank(const Task& task, std::vector<Candidate>& candidates) const {
    if (!reward_model_) return {};
    std::vector<Sequence> sequences;
    for (const Candidate& candidate : candidates) {
      std::vector<ChatMessage> messages = task.messages;
      messages.push_back({"assistant", candidate.text});
      auto sequence = encode_for_training(messages, reward_model_->chat);
      if (!sequence) return fail(sequence.error());
      sequences.push_back(std::move(*sequence));
    }
    std::vector<const Sequence*> pointers;
    for (const Sequence& sequence : sequences) pointers.push_back(&sequence);
    const std::vector<double> rewards = answer_rewards(reward_model_->policy, pointers);
    for (std::size_t i = 0; i < candidates.size(); ++i) candidates[i].reward = rewards[i];
    return {};
  }

  void note(const Task& task, const Candidate& candidate) {
    ++counts_.answers;
    counts_.truncated += candidate.truncated ? 1 : 0;
    counts_.rewards += candidate.reward;
    if (options_.all.empty()) return;
    all_ += json::serialize(json::object{{"id", task.id},
                                         {"answer", candidate.text},
                                         {"reward", candidate.reward},
                                         {"reason", candidate.reason},
                                         {"passed", candidate.passed},
                                         {"tokens", candidate.tokens},
                                         {"truncated", candidate.truncated}}) +
            "\n";
  }

  void write(const Task& task, const Candidate& best) {
    ++counts_.written;
    counts_.best += best.reward;
    json::array messages;
    for (const ChatMessage& message : task.messages)
      messages.push_back(json::object{{"role", message.role}, {"content", message.content}});
    messages.push_back(json::object{{"role", "assistant"}, {"content", best.text}});
    demonstrations_ += json::serialize(json::object{{"id", task.id},
                                                    {"messages", std::move(messages)},
                                                    {"weight", task.weight},
                                                    {"reward", best.reward}}) +
                       "\n";
  }

  const RejectionOptions& options_;
  const Tokenizer& tokenizer_;
  std::optional<RewardModel> reward_model_;
  PolicySampler sampler_;
  SamplingOptions sampling_;
  Counts counts_;
  std::string demonstrations_;
  std::string all_;
};

Result<void> check(const RejectionOptions& options, const Policy& policy,
                   const Dataset<Task>& dataset) {
  if (options.max_tokens > policy.weights.config.max_position_embeddings)
    return fail(ErrorCode::kInvalid,
                "--max-tokens " + std::to_string(options.max_tokens) +
                    " is more than the model's " +
                    std::to_string(policy.weights.config.max_position_embeddings) + " positions");
  if (!options.reward_model.empty()) return {};
  for (const Task& task : dataset.examples) {
    if (!task.verifier)
      return fail(ErrorCode::kInvalid, options.tasks + ": task '" + task.id +
                                           "' has no field 'verifier'; without one, --reward must "
                                           "name a reward model");
  }
  return {};
}

Result<json::object> sample_tasks(const RejectionOptions& options) {
  auto policy = load_policy(options.model, options.adapter, compute_type(options.dtype));
  if (!policy) return fail(policy.error());
  auto tokenizer = Tokenizer::load(options.model);
  if (!tokenizer) return fail(tokenizer.error());
  auto chat = Chat::load(options.model, *tokenizer);
  if (!chat) return fail(chat.error());
  auto dataset = read_tasks(options.tasks, *chat, options.max_tokens - options.max_new_tokens);
  if (!dataset) return fail(dataset.error());
  if (auto good = check(options, *policy, *dataset); !good) return fail(good.error());
  std::optional<RewardModel> reward_model;
  if (!options.reward_model.empty()) {
    auto loaded = load_reward_model(options.reward_model, options.reward_base, options.dtype);
    if (!loaded) return fail(loaded.error());
    reward_model.emplace(std::move(*loaded));
  }

  const std::vector<Task>& tasks = dataset->examples;
  const std::size_t together =
      std::max<std::size_t>(1, kMaxRunning / static_cast<std::size_t>(options.n));
  BestOfN best(options, *policy, *tokenizer, *chat, std::move(reward_model));
  for (std::size_t first = 0; first < tasks.size(); first += together) {
    const std::size_t count = std::min(together, tasks.size() - first);
    if (auto done = best.take(std::span(tasks).subspan(first, count), first); !done)
      return fail(done.error());
  }
  if (!options.all.empty()) {
    auto written = write_file_atomically(posix_files(), options.all, best.all());
    if (!written) return fail(written.error());
  }
  auto written = write_file_atomically(posix_files(), options.out, best.demonstrations());
  if (!written) return fail(written.error());
  const Counts& counts = best.counts();
  json::object summary = {{"tasks", tasks.size()},
                          {"written", counts.written},
                          {"none_passed", counts.none_passed},
                          {"ties", counts.ties},
                          {"left_out", dataset->too_long},
                          {"answers", counts.answers},
                          {"truncated", counts.truncated},
                          {"mean_reward", counts.rewards / static_cast<double>(counts.answers)}};
  if (counts.written > 0) summary["mean_best"] = counts.best / static_cast<double>(counts.written);
  return summary;
}

}  // namespace

Result<json::object> sample_best(const RejectionOptions& options) {
  if (options.max_new_tokens >= options.max_tokens)
    return fail(ErrorCode::kInvalid,
                "--max-new-tokens must leave room for a prompt in --max-tokens");
  try {
    return sample_tasks(options);
  } catch (const std::exception& error) {  // libtorch, where memory is short
    return fail(ErrorCode::kInternal, error.what());
  }
}

}  // namespace hone::engine
