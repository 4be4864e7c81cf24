// Direct preference optimisation (Rafailov et al. 2023, arXiv 2305.18290, eq. 7): with y_w the
// answer that people preferred over y_l, and the policy before training as reference,
//
//   L = - log sigmoid( beta [ log pi(y_w|x)/ref(y_w|x) - log pi(y_l|x)/ref(y_l|x) ] )
//
// averaged over the step's pairs by weight (other losses: loss/dpo.h), plus, as in Llama 3 (arXiv
// 2407.21783, section 4.1.4), sft_weight times the mean NLL of the preferred answers' tokens, which
// keeps their likelihood from falling while the margin grows. The reference is the model with its
// adapter off. A pair's prompt goes through the model once, whatever its answers are.
#include <ATen/ops/tensor.h>

#include "engine/train/examples.h"
#include "engine/train/loss/dpo.h"
#include "engine/train/loss/sequences.h"
#include "engine/train/methods.h"
#include "engine/train/pairs.h"
#include "engine/train/plan.h"

namespace hone::engine {
namespace {

PairLogprobs pair_logprobs(const Policy& policy, std::span<const Sequence* const> sequences,
                           const TrainedTokens& tokens) {
  const auto count = static_cast<std::int64_t>(sequences.size());
  const auto halves = [&](const TrainedTokens& from) {
    return sums_by_sequence(from.logprobs, from.sequence, count).chunk(2);
  };
  std::vector<double> lengths;
  for (const Sequence* sequence : sequences)
    lengths.push_back(static_cast<double>(sequence->trained()));
  const auto policy_sums = halves(tokens);
  const auto reference_sums = halves(answer_logprobs(policy, Whose::kReference, sequences));
  const auto counts = at::tensor(lengths, at::TensorOptions(at::kFloat)).chunk(2);
  return {policy_sums[0],    policy_sums[1], reference_sums[0],
          reference_sums[1], counts[0],      counts[1]};
}

}  // namespace

Result<Ending> train_dpo(Session& session) {
  const RunSpec& spec = session.spec();
  auto dataset = read_preferences(spec.dataset, session.chat(), spec.max_tokens);
  if (!dataset) return fail(dataset.error());
  const std::vector<Preference>& examples = dataset->examples;
  const std::vector<std::size_t> lengths = pair_lengths(examples);
  const auto plan = session.begin(examples.size(), dataset->too_long);
  if (!plan) return fail(plan.error());

  while (session.step() < plan->steps) {
    if (session.asked_to_stop()) return session.suspend();
    const std::vector<std::size_t> chosen = plan->at(session.step());
    StepReport report = report_on(examples, chosen);
    const double weight = total_weight(examples, chosen);
    const double total_tokens = chosen_tokens(examples, chosen);
    PairFigures figures;
    for (const auto& members : session.micro_batches(chosen, lengths)) {
      const auto sequences = answers_of(examples, members);
      const TrainedTokens tokens = answer_logprobs(session.policy(), Whose::kPolicy, sequences);
      const PairLogprobs pairs = pair_logprobs(session.policy(), sequences, tokens);
      const at::Tensor losses = dpo_losses(pairs, spec.dpo) * weights_of(examples, members);
      at::Tensor loss = losses.sum() / weight;
      if (spec.dpo.sft_weight > 0.0)
        loss = loss - spec.dpo.sft_weight * pairs.chosen.sum() / total_tokens;
      descend(report, loss, examples, members);
      figures.add(spec.dpo.beta * (pairs.chosen - pairs.reference_chosen),
                  spec.dpo.beta * (pairs.rejected - pairs.reference_rejected));
    }
    report.means = figures.means();
    if (auto done = session.finish_step(std::move(report)); !done) return fail(done.error());
  }
  return session.finish();
}

}  // namespace hone::engine
