// Simple preference optimisation (Meng et al. 2024, arXiv 2405.14734, eq. 6): with r(y) the mean
// log-probability of an answer's tokens,
//
//   L = - log sigmoid( beta [ r(y_w) - r(y_l) ] - gamma )
//
// averaged over the step's pairs by weight, plus sft_weight times the mean NLL of the preferred
// answers' tokens. There is no reference model, so that a step is one pass.
#include "engine/train/loss/simpo.h"

#include "engine/train/methods.h"
#include "engine/train/pairs.h"
#include "engine/train/plan.h"

namespace hone::engine {

Result<Ending> train_simpo(Session& session) {
  const RunSpec& spec = session.spec();
  auto dataset = read_preferences(spec.dataset, session.chat(), spec.max_tokens);
  if (!dataset) return fail(dataset.error());
  const std::vector<Preference>& pairs = dataset->examples;
  const std::vector<std::size_t> lengths = pair_lengths(pairs);
  const auto plan = session.begin(pairs.size(), dataset->too_long);
  if (!plan) return fail(plan.error());

  while (session.step() < plan->steps) {
    if (session.asked_to_stop()) return session.suspend();
    const std::vector<std::size_t> chosen = plan->at(session.step());
    StepReport report = report_on(pairs, chosen);
    const double weight = total_weight(pairs, chosen);
    const double nll_tokens = chosen_tokens(pairs, chosen);
    PairFigures figures;
    for (const auto& members : session.micro_batches(chosen, lengths)) {
      const auto sequences = answers_of(pairs, members);
      const TrainedTokens tokens = answer_logprobs(session.policy(), Whose::kPolicy, sequences);
      const AnswerMeans means = answer_means(tokens, sequences.size());
      const at::Tensor losses = simpo_losses(means.chosen, means.rejected, spec.simpo);
      at::Tensor loss = (losses * weights_of(pairs, members)).sum() / weight;
      if (spec.simpo.nll_weight > 0.0) {
        const auto of_chosen = tokens.sequence.lt(static_cast<std::int64_t>(members.size()));
        const at::Tensor logprobs = tokens.logprobs.masked_select(of_chosen);
        loss = loss - spec.simpo.nll_weight * logprobs.sum() / nll_tokens;
      }
      descend(report, loss, pairs, members);
      figures.add(spec.simpo.beta * means.chosen, spec.simpo.beta * means.rejected);
    }
    report.means = figures.means();
    if (auto done = session.finish_step(std::move(report)); !done) return fail(done.error());
  }
  return session.finish();
}

}  // namespace hone::engine
