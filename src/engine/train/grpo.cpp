// Group relative policy optimisation (Shao et al. 2024, arXiv 2402.03300, eqs. 3 and 4): to each
// prompt the policy samples a group of G answers, a verifier rewards them, and an answer's
// advantage is its reward against its group's,
//
//   A_i = ( R_i - mean(R) ) / std(R)
//
// Each step descends the clipped loss of loss/grpo.h over all tokens of the answers; which sum over
// tokens is divided by what is `loss` (DAPO: Yu et al. 2025, arXiv 2503.14476, eq. 8; Dr. GRPO: Liu
// et al. 2025, arXiv 2503.20783, which leaves std out too; GSPO: arXiv 2507.18071). With
// `iterations` above 1 a batch of answers is used that many times, and the ratios are against the
// log-probabilities of the first time, which are the trainer's own and of the same micro-batches:
// the sampler's arithmetic is another, and would move them.
//
// A group whose answers are all worth the same has no advantage. It is counted, and without a KL
// term it is not computed; `dynamic_sampling` draws other tasks in its place (DAPO, section 3.2).
#include <ATen/core/grad_mode.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <cmath>

#include "base/random.h"
#include "engine/model/llama_forward.h"
#include "engine/serve/end_tokens.h"
#include "engine/train/examples.h"
#include "engine/train/loss/grpo.h"
#include "engine/train/methods.h"
#include "engine/train/plan.h"
#include "engine/train/rollouts.h"

namespace hone::engine {
namespace {

// Streams of chance; Session has 1 and 2.
constexpr std::uint64_t kAnswerStream = 3;
constexpr std::uint64_t kDynamicStream = 4;

struct Rollout {
  Sequence sequence;
  double reward = 0;
  double advantage = 0;
  bool truncated = false;
  bool counted = true;  // its tokens are in the loss
};

struct Group {
  std::size_t task = 0;
  std::vector<Rollout> answers;
  bool spread = false;
};

// DAPO's soft punishment of length (eq. 13): 0 up to `buffer` tokens before the limit, then down to
// -1 at it.
double overlong_penalty(const SampledAnswer& answer, const GrpoRunOptions& options) {
  if (options.overlong_buffer == 0) return 0.0;
  const auto buffer = static_cast<double>(options.overlong_buffer);
  const auto over = static_cast<double>(answer.ids.size()) -
                    (static_cast<double>(options.max_new_tokens) - buffer);
  if (answer.truncated) return -1.0;
  return over <= 0 ? 0.0 : -over / buffer;
}

// Samples and rewards answers to some tasks. `random` is this batch's and round's.
class Rollouts {
 public:
  Rollouts(Session& session, const std::vector<Task>& tasks)
      : session_(session),
        tasks_(tasks),
        options_(session.spec().grpo),
        sampler_(session.policy(), sampling_arithmetic(session.spec().dtype),
                 session.spec().max_tokens),
        sampling_{.temperature = options_.temperature,
                  .max_new_tokens = options_.max_new_tokens,
                  .end_tokens = end_tokens_of(session.policy().weights.config, session.chat())} {}

  Result<std::vector<Group>> roll_out(const std::vector<std::size_t>& chosen,
                                      const Random& random) {
    std::vector<SampleRequest> requests;
    for (const std::size_t task : chosen) {
      requests.push_back({tasks_[task].prompt, static_cast<std::size_t>(options_.group_size),
                          random.fork(task).next()});
    }
    auto sampled = sampler_.sample(requests, sampling_);
    if (!sampled) return fail(sampled.error());
    std::vector<Group> groups;
    for (std::size_t i = 0; i < chosen.size(); ++i) {
      auto group = reward_group(chosen[i], (*sampled)[i]);
      if (!group) return fail(group.error().with("task '" + tasks_[chosen[i]].id + "'"));
      groups.push_back(std::move(*group));
    }
    return groups;
  }

 private:
  Result<Group> reward_group(std::size_t index, const SampledGroup& answers) const {
    const Task& task = tasks_[index];
    Group group{index, {}, false};
    for (const SampledAnswer& answer : answers) {
      const std::string text = session_.tokenizer().decode(answer.ids, /*skip_specials=*/true);
      auto verdict = task.verifier->check(text, {options_.allow_unsandboxed});
      if (!verdict) return fail(verdict.error());
      Rollout rollout{.sequence = {task.prompt, task.prompt.size()},
                      .reward = verdict->reward + overlong_penalty(answer, options_),
                      .truncated = answer.truncated,
                      .counted = !(answer.truncated && options_.mask_truncated)};
      rollout.sequence.ids.insert(rollout.sequence.ids.end(), answer.ids.begin(), answer.ids.end());
      if (!group.answers.empty() && rollout.reward != group.answers.front().reward)
        group.spread = true;
      group.answers.push_back(std::move(rollout));
    }
    return group;
  }

  Session& session_;
  const std::vector<Task>& tasks_;
  const GrpoRunOptions& options_;
  PolicySampler sampler_;
  SamplingOptions sampling_;
};

// The batch's tasks, and in place of groups without spread up to `dynamic_sampling` rounds of
// others, drawn anew: what was sampled, and which of it is learnt from.
struct RolledOut {
  std::vector<Group> sampled;
  std::vector<Group*> kept;
};

Result<RolledOut> roll_out_batch(Rollouts& rollouts, const RunSpec& spec,
                                 const std::vector<std::size_t>& chosen, std::size_t tasks,
                                 std::int64_t batch) {
  const Random random =
      Random(spec.seed).fork(kAnswerStream).fork(static_cast<std::uint64_t>(batch));
  Random draws = Random(spec.seed).fork(kDynamicStream).fork(static_cast<std::uint64_t>(batch));
  RolledOut result;
  std::vector<std::size_t> wanted = chosen;
  for (std::int64_t round = 0;; ++round) {
    auto groups = rollouts.roll_out(wanted, random.fork(static_cast<std::uint64_t>(round)));
    if (!groups) return fail(groups.error());
    std::move(groups->begin(), groups->end(), std::back_inserter(result.sampled));
    const auto with =
        static_cast<std::size_t>(std::count_if(result.sampled.begin(), result.sampled.end(),
                                               [](const Group& group) { return group.spread; }));
    if (with >= chosen.size() || round >= spec.grpo.dynamic_sampling) break;
    wanted.clear();
    while (wanted.size() < std::min(chosen.size() - with, tasks)) {
      const std::size_t task = draws.below(tasks);
      if (std::find(wanted.begin(), wanted.end(), task) == wanted.end()) wanted.push_back(task);
    }
  }
  for (Group& group : result.sampled) {
    const bool keep = group.spread || spec.grpo.dynamic_sampling == 0;
    if (keep && result.kept.size() < chosen.size()) result.kept.push_back(&group);
  }
  return result;
}

// Each answer's advantage, times its task's weight against the mean weight.
void set_advantages(const std::vector<Group*>& groups, const std::vector<Task>& tasks,
                    const GrpoRunOptions& options) {
  if (groups.empty()) return;
  std::vector<double> rewards;
  double weight = 0;
  for (const Group* group : groups) {
    weight += tasks[group->task].weight;
    for (const Rollout& answer : group->answers) rewards.push_back(answer.reward);
  }
  const double mean_weight = weight / static_cast<double>(groups.size());
  const at::Tensor advantages = group_advantages(at::tensor(rewards, at::TensorOptions(at::kFloat)),
                                                 options.group_size, options.scale);
  const float* next = advantages.const_data_ptr<float>();
  for (Group* group : groups) {
    for (Rollout& answer : group->answers)
      answer.advantage = *next++ * tasks[group->task].weight / mean_weight;
  }
}

// The answers that have a gradient, cut into micro-batches. Answers to one prompt stand together,
// so that it is computed once in each.
struct Batches {
  std::vector<const Rollout*> answers;
  std::vector<std::vector<std::size_t>> micro;  // indices of `answers`
  double all_answers = 0;                       // of the step, whether or not they have a gradient
  double all_tokens = 0;
};

Batches cut(const std::vector<Group*>& groups, bool has_kl) {
  Batches batches;
  std::vector<std::size_t> order;
  std::vector<std::size_t> lengths;
  for (const Group* group : groups) {
    bool prompt_counted = false;
    for (const Rollout& answer : group->answers) {
      ++batches.all_answers;
      if (!answer.counted) continue;
      batches.all_tokens += static_cast<double>(answer.sequence.trained());
      if (!group->spread && !has_kl) continue;
      order.push_back(order.size());
      lengths.push_back(answer.sequence.ids.size() - (prompt_counted ? answer.sequence.answer : 0));
      batches.answers.push_back(&answer);
      prompt_counted = true;
    }
  }
  batches.micro = micro_batches(order, lengths, kMicroBatchTokens);
  return batches;
}

// Log-probabilities of the answers' tokens at the temperature that they were sampled at.
TrainedTokens tempered_logprobs(const Policy& policy, Whose whose, const Selection& selection,
                                double temperature) {
  Predictions predicted = predictions(policy, whose, selection);
  if (temperature != 1.0) predicted.hidden = predicted.hidden.to(at::kFloat) / temperature;
  return {target_logprobs(predicted.hidden, weights_of(policy, whose).lm_head, predicted.targets),
          predicted.sequence};
}

Selection selection_of(const Batches& batches, const std::vector<std::size_t>& members) {
  Selection selection;
  for (const std::size_t member : members) {
    const Sequence& sequence = batches.answers[member]->sequence;
    selection.add(sequence.ids, sequence.answer);
  }
  return selection;
}

at::Tensor advantages_of(const Batches& batches, const std::vector<std::size_t>& members) {
  std::vector<double> advantages;
  for (const std::size_t member : members) advantages.push_back(batches.answers[member]->advantage);
  return at::tensor(advantages, at::TensorOptions(at::kFloat));
}

// What stays the same while a batch is used again.
struct Before {
  at::Tensor old_logprobs;
  at::Tensor reference_logprobs;
};

// What progress.jsonl tells of a step's loss, over the tokens that have a gradient.
struct Figures {
  double tokens = 0;
  double kl = 0;
  double low = 0;
  double high = 0;

  void add(const GrpoTerms& terms, const GrpoMetrics& clipped) {
    const auto count = static_cast<double>(terms.losses.size(0));
    tokens += count;
    low += count * clipped.low_mean;
    high += count * clipped.high_mean;
    if (terms.kl.defined()) kl += terms.kl.sum().item<double>();
  }
  void tell(json::object& more, bool has_kl) const {
    const double count = std::max(tokens, 1.0);
    more["clip_low"] = low / count;
    more["clip_high"] = high / count;
    if (has_kl) more["kl"] = kl / count;
  }
};

// Backward passes of a whole step. Gives the loss.
double descend(const Session& session, const Batches& batches, std::vector<Before>& before,
               Figures& figures) {
  const GrpoRunOptions& options = session.spec().grpo;
  const bool first = before.empty();
  if (first) before.resize(batches.micro.size());
  double total = 0;
  for (std::size_t i = 0; i < batches.micro.size(); ++i) {
    const std::vector<std::size_t>& members = batches.micro[i];
    const Selection selection = selection_of(batches, members);
    if (first && options.loss.beta > 0.0) {
      const at::NoGradGuard off;
      before[i].reference_logprobs =
          tempered_logprobs(session.policy(), Whose::kReference, selection, options.temperature)
              .logprobs;
    }
    const TrainedTokens now =
        tempered_logprobs(session.policy(), Whose::kPolicy, selection, options.temperature);
    if (first) before[i].old_logprobs = now.logprobs.detach();
    const GrpoTokens tokens{.logprobs = now.logprobs,
                            .old_logprobs = before[i].old_logprobs,
                            .reference_logprobs = before[i].reference_logprobs,
                            .sequence = now.sequence,
                            .advantages = advantages_of(batches, members)};
    const GrpoTerms terms = grpo_terms(tokens, options.loss);
    // DAPO divides by the step's tokens already; the others' means are over this part's answers.
    const double share = options.loss.loss == GrpoLoss::kDapo
                             ? 1.0
                             : static_cast<double>(members.size()) / batches.all_answers;
    const at::Tensor loss = grpo_loss(terms, tokens, batches.all_tokens, options.loss) * share;
    loss.backward();
    total += loss.item<double>();
    figures.add(terms, grpo_metrics(terms, tokens, options.loss));
  }
  return total;
}

// What the answers were worth. The standard error is that of the groups' means, because answers to
// one prompt are alike.
StepReport report_on(const RolledOut& rolled, const std::vector<Task>& tasks) {
  StepReport report;
  double rewards = 0;
  double answers = 0;
  double length = 0;
  double truncated = 0;
  double flat = 0;
  std::vector<double> means;
  for (const Group& group : rolled.sampled) {
    double sum = 0;
    for (const Rollout& answer : group.answers) {
      sum += answer.reward;
      length += static_cast<double>(answer.sequence.trained());
      truncated += answer.truncated ? 1.0 : 0.0;
      report.tokens += static_cast<std::int64_t>(answer.sequence.ids.size());
    }
    rewards += sum;
    answers += static_cast<double>(group.answers.size());
    flat += group.spread ? 0.0 : 1.0;
    means.push_back(sum / static_cast<double>(group.answers.size()));
    report.examples.push_back(tasks[group.task].id);
  }
  const auto groups = static_cast<double>(rolled.sampled.size());
  const double mean = rewards / answers;
  report.more = {{"reward", mean},
                 {"completion_tokens", length / answers},
                 {"truncated", truncated / answers},
                 {"groups", groups},
                 {"groups_without_spread", flat / groups}};
  if (means.size() > 1) {
    double squares = 0;
    for (const double each : means) squares += (each - mean) * (each - mean);
    report.more["reward_standard_error"] = std::sqrt(squares / (groups - 1.0) / groups);
  }
  return report;
}

Result<void> check_tasks(const Session& session, const std::vector<Task>& tasks) {
  const RunSpec& spec = session.spec();
  if (session.ranks().world() > 1)  // each would sample all of the answers, and add their gradients
    return fail(ErrorCode::kInvalid, "method grpo trains in one process only, not in " +
                                         std::to_string(session.ranks().world()));
  if (spec.max_tokens > session.policy().weights.config.max_position_embeddings)
    return fail(ErrorCode::kInvalid,
                "max_tokens = " + std::to_string(spec.max_tokens) + " is more than the model's " +
                    std::to_string(session.policy().weights.config.max_position_embeddings) +
                    " positions");
  for (const Task& task : tasks) {
    if (!task.verifier)
      return fail(ErrorCode::kInvalid, "dataset " + spec.dataset + ": task '" + task.id +
                                           "' has no field 'verifier', which method grpo needs");
  }
  return {};
}

}  // namespace

Result<Ending> train_grpo(Session& session) {
  const RunSpec& spec = session.spec();
  const GrpoRunOptions& options = spec.grpo;
  const bool has_kl = options.loss.beta > 0.0;
  auto dataset = read_tasks(spec.dataset, session.chat(), spec.max_tokens - options.max_new_tokens);
  if (!dataset) return fail(dataset.error());
  const std::vector<Task>& tasks = dataset->examples;
  if (auto good = check_tasks(session, tasks); !good) return fail(good.error());
  const auto plan = session.begin(tasks.size(), dataset->too_long, options.iterations);
  if (!plan) return fail(plan.error());
  Rollouts rollouts(session, tasks);

  while (session.step() < plan->steps * options.iterations) {
    if (session.asked_to_stop()) return session.suspend();
    const std::int64_t batch = session.step() / options.iterations;
    const auto chosen = plan->at(batch);
    auto rolled = roll_out_batch(rollouts, spec, chosen, tasks.size(), batch);
    if (!rolled) return fail(rolled.error());
    set_advantages(rolled->kept, tasks, options);
    const Batches batches = cut(rolled->kept, has_kl);
    std::vector<Before> before;
    for (std::int64_t iteration = 0; iteration < options.iterations; ++iteration) {
      StepReport report = report_on(*rolled, tasks);
      Figures figures;
      report.loss = descend(session, batches, before, figures);
      report.has_gradient = !batches.micro.empty();
      figures.tell(report.more, has_kl);
      if (auto done = session.finish_step(std::move(report)); !done) return fail(done.error());
    }
  }
  return session.finish();
}

}  // namespace hone::engine
