// Group relative policy optimisation (Shao et al. 2024, arXiv 2402.03300, eqs. 3 and 4): to
// each prompt the policy samples a group of G answers, a verifier rewards them, and an answer's
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
//
// Of several ranks each learns from the groups that it sampled, a share of the step's; advantages
// and divisors are the whole step's.
#include <ATen/core/grad_mode.h>
#include <ATen/ops/tensor.h>

#include "engine/model/llama_forward.h"
#include "engine/train/answer_groups.h"
#include "engine/train/examples.h"
#include "engine/train/loss/grpo.h"
#include "engine/train/methods.h"
#include "engine/train/plan.h"

namespace hone::engine {
namespace {

// Each answer's advantage, times its task's weight against the mean weight.
void set_advantages(const std::vector<RewardedGroup*>& groups, const std::vector<Task>& tasks,
                    const GrpoRunOptions& options) {
  if (groups.empty()) return;
  std::vector<double> rewards;
  double weight = 0;
  for (const RewardedGroup* group : groups) {
    weight += tasks[group->task].weight;
    for (const RewardedAnswer& answer : group->answers) rewards.push_back(answer.reward);
  }
  const double mean_weight = weight / static_cast<double>(groups.size());
  const at::Tensor advantages = group_advantages(at::tensor(rewards, at::TensorOptions(at::kFloat)),
                                                 options.group_size, options.scale);
  const float* next = advantages.const_data_ptr<float>();
  for (RewardedGroup* group : groups) {
    for (RewardedAnswer& answer : group->answers)
      answer.advantage = *next++ * tasks[group->task].weight / mean_weight;
  }
}

// This rank's answers that have a gradient, cut into micro-batches. Answers to one prompt stand
// together, so that it is computed once in each.
struct Batches {
  std::vector<const RewardedAnswer*> answers;
  std::vector<std::vector<std::size_t>> micro;  // indices of `answers`
  // Of the whole step, on all ranks, whether or not they have a gradient:
  double all_answers = 0;
  double all_tokens = 0;
  bool has_gradient = false;
};

Batches cut(const std::vector<RewardedGroup*>& groups, bool has_kl) {
  Batches batches;
  std::vector<std::size_t> lengths;
  for (const RewardedGroup* group : groups) {
    bool prompt_counted = false;
    for (const RewardedAnswer& answer : group->answers) {
      ++batches.all_answers;
      if (!answer.counted) continue;
      batches.all_tokens += answer.tokens;
      if (!group->spread && !has_kl) continue;
      batches.has_gradient = true;
      if (!group->own) continue;
      lengths.push_back(answer.sequence.ids.size() - (prompt_counted ? answer.sequence.answer : 0));
      batches.answers.push_back(&answer);
      prompt_counted = true;
    }
  }
  batches.micro = micro_batches(lengths, kMicroBatchTokens);
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

// What progress.jsonl tells of a step's loss, over the tokens that have a gradient; this rank's.
struct GrpoFigures {
  Mean low{"clip_low"};
  Mean high{"clip_high"};
  Mean kl{"kl"};

  void add(const GrpoTerms& terms, const GrpoMetrics& clipped) {
    const auto count = static_cast<double>(terms.losses.size(0));
    for (Mean* mean : {&low, &high, &kl}) mean->count += count;
    low.sum += count * clipped.low_mean;
    high.sum += count * clipped.high_mean;
    if (terms.kl.defined()) kl.sum += terms.kl.sum().item<double>();
  }
  [[nodiscard]] std::vector<Mean> means(bool has_kl) const {
    return has_kl ? std::vector{low, high, kl} : std::vector{low, high};
  }
};

// Backward passes of this rank's part of a step. Gives its part of the loss.
double descend(const Session& session, const Batches& batches, std::vector<Before>& before,
               GrpoFigures& figures) {
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

Result<void> check_tasks(const Session& session, const std::vector<Task>& tasks) {
  const RunSpec& spec = session.spec();
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
  GroupSampler sampler(session, tasks);

  while (session.step() < plan->steps * options.iterations) {
    if (session.asked_to_stop()) return session.suspend();
    const std::int64_t batch = session.step() / options.iterations;
    auto rolled = sampler.sample(plan->at(batch), batch);
    if (!rolled) return fail(rolled.error());
    set_advantages(rolled->kept, tasks, options);
    const Batches batches = cut(rolled->kept, has_kl);
    std::vector<Before> before;
    for (std::int64_t iteration = 0; iteration < options.iterations; ++iteration) {
      StepReport report = report_on(*rolled, tasks);
      GrpoFigures figures;
      report.loss = descend(session, batches, before, figures);
      report.has_gradient = batches.has_gradient;
      report.means = figures.means(has_kl);
      if (auto done = session.finish_step(std::move(report)); !done) return fail(done.error());
    }
  }
  return session.finish();
}

}  // namespace hone::engine
