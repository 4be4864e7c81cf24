// Kahneman-Tversky optimisation (Ethayarajh et al. 2024, arXiv 2402.01306, eqs. 6 to 8): answers
// that people judged one by one. With r = log pi(y|x)/ref(y|x) and z how far the policy has moved
// from the reference altogether,
//
//   L = w_D (1 - sigmoid(beta (r - z)))   of a desirable answer
//   L = w_U (1 - sigmoid(beta (z - r)))   of an undesirable one
//
// averaged over the step's answers by weight. z is the mean of log pi(y'|x)/ref(y'|x), never below
// 0, over the step's prompts with each other's answers, and no gradient goes through it: it is
// found first, for the whole step over all ranks, so that micro-batches change memory and nothing
// else. The reference is the model with its adapter off.
#include "engine/train/loss/kto.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/tensor.h>

#include "engine/train/loss/sequences.h"
#include "engine/train/methods.h"
#include "engine/train/plan.h"

namespace hone::engine {
namespace {

// log pi(y|x) / ref(y|x) of each answer, [sequences].
at::Tensor log_ratios(const Policy& policy, std::span<const Sequence* const> sequences) {
  const TrainedTokens now = answer_logprobs(policy, Whose::kPolicy, sequences);
  const TrainedTokens before = answer_logprobs(policy, Whose::kReference, sequences);
  return sums_by_sequence(now.logprobs - before.logprobs, now.sequence,
                          static_cast<std::int64_t>(sequences.size()));
}

// One example's prompt with another's answer.
Sequence mismatched(const Sequence& prompt, const Sequence& answer) {
  Sequence joined{
      {prompt.ids.begin(), prompt.ids.begin() + static_cast<std::ptrdiff_t>(prompt.answer)},
      prompt.answer};
  joined.ids.insert(joined.ids.end(),
                    answer.ids.begin() + static_cast<std::ptrdiff_t>(answer.answer),
                    answer.ids.end());
  for (const std::size_t position : answer.passed_over)
    joined.passed_over.push_back(position - answer.answer + prompt.answer);
  return joined;
}

// Each prompt of the step with the answer before it; a step of one borrows its neighbour's in the
// dataset.
std::vector<Sequence> mismatched_pairs(const std::vector<Judgement>& examples,
                                       const std::vector<std::size_t>& chosen) {
  std::vector<Sequence> pairs;
  for (std::size_t k = 0; k < chosen.size(); ++k) {
    const std::size_t other = chosen.size() > 1 ? chosen[(k + chosen.size() - 1) % chosen.size()]
                                                : (chosen[k] + 1) % examples.size();
    pairs.push_back(mismatched(examples[chosen[k]].sequence, examples[other].sequence));
  }
  return pairs;
}

// Each rank computes its share of the pairs; all get all log-ratios, and so the same z.
Result<at::Tensor> reference_point(const Session& session, const std::vector<Sequence>& pairs) {
  const at::NoGradGuard off;
  std::vector<std::size_t> order;
  std::vector<std::size_t> lengths;
  for (const Sequence& pair : pairs) {
    order.push_back(order.size());
    lengths.push_back(pair.ids.size());
  }
  std::vector<double> ratios(pairs.size(), 0.0);
  for (const auto& members : session.micro_batches(order, lengths)) {
    std::vector<const Sequence*> sequences;
    for (const std::size_t i : members) sequences.push_back(&pairs[i]);
    const at::Tensor found = log_ratios(session.policy(), sequences);
    for (std::size_t k = 0; k < members.size(); ++k)
      ratios[members[k]] = found[static_cast<std::int64_t>(k)].item<double>();
  }
  if (auto added = session.ranks().all_reduce(ratios); !added) return fail(added.error());
  return kto_reference_point(at::tensor(ratios, at::TensorOptions(at::kFloat)));
}

// Implicit rewards by label, over this rank's share of a step.
struct Figures {
  Mean desirable{"chosen_reward"};
  Mean undesirable{"rejected_reward"};

  void add(const at::Tensor& rewards, const at::Tensor& flags) {
    const auto count = [](Mean& side, const at::Tensor& own) {
      side.sum += own.sum().item<double>();
      side.count += static_cast<double>(own.size(0));
    };
    count(desirable, rewards.detach().masked_select(flags));
    count(undesirable, rewards.detach().masked_select(flags.logical_not()));
  }
  [[nodiscard]] std::vector<Mean> means() const { return {desirable, undesirable}; }
};

}  // namespace

Result<Ending> train_kto(Session& session) {
  const RunSpec& spec = session.spec();
  auto dataset = read_judgements(spec.dataset, session.chat(), spec.max_tokens);
  if (!dataset) return fail(dataset.error());
  const std::vector<Judgement>& examples = dataset->examples;
  if (examples.size() < 2)
    return fail(ErrorCode::kInvalid, "dataset " + spec.dataset +
                                         ": method kto needs at least two examples, because it "
                                         "compares prompts with each other's answers");
  std::vector<std::size_t> lengths;
  for (const Judgement& example : examples) lengths.push_back(example.sequence.ids.size());
  const auto plan = session.begin(examples.size(), dataset->too_long);
  if (!plan) return fail(plan.error());

  while (session.step() < plan->steps) {
    if (session.asked_to_stop()) return session.suspend();
    const std::vector<std::size_t> chosen = plan->at(session.step());
    StepReport report;
    double total_weight = 0;
    for (const std::size_t i : chosen) {
      total_weight += examples[i].weight;
      report.tokens += static_cast<std::int64_t>(lengths[i]);
      report.examples.push_back(examples[i].id);
    }
    const auto z = reference_point(session, mismatched_pairs(examples, chosen));
    if (!z) return fail(z.error());
    Figures figures;
    for (const auto& members : session.micro_batches(chosen, lengths)) {
      std::vector<const Sequence*> sequences;
      std::vector<double> weights;
      std::vector<double> labels;
      for (const std::size_t i : members) {
        sequences.push_back(&examples[i].sequence);
        weights.push_back(examples[i].weight);
        labels.push_back(examples[i].desirable ? 1.0 : 0.0);
      }
      const at::Tensor desirable = at::tensor(labels, at::TensorOptions(at::kFloat)).ne(0.0);
      const at::Tensor ratios = log_ratios(session.policy(), sequences);
      const at::Tensor losses = kto_losses(ratios, desirable, *z, spec.kto);
      const at::Tensor weight = at::tensor(weights, at::TensorOptions(at::kFloat));
      const at::Tensor loss = (losses * weight).sum() / total_weight;
      descend(report, loss, examples, members);
      figures.add(spec.kto.beta * ratios, desirable);
    }
    report.means = figures.means();
    report.more["kl"] = z->item<double>();
    if (auto done = session.finish_step(std::move(report)); !done) return fail(done.error());
  }
  return session.finish();
}

}  // namespace hone::engine
