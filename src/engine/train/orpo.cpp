// Odds ratio preference optimisation (Hong et al. 2024, arXiv 2403.07691, eqs. 6 and 7): supervised
// fine-tuning on the preferred answer, and a term that makes its odds greater than the other's,
//
//   L = NLL(x, y_w) - beta log sigmoid( log odds(y_w|x) - log odds(y_l|x) )
//
// The NLL is per token, over prompts and preferred answers of the whole step; the odds are those of
// the answers' mean token probability. Both are weighted by the pairs' weights. There is no
// reference model.
#include "engine/train/loss/orpo.h"

#include <ATen/ops/tensor.h>

#include "engine/train/loss/sequences.h"
#include "engine/train/methods.h"
#include "engine/train/pairs.h"
#include "engine/train/plan.h"

namespace hone::engine {
namespace {

// Of some pairs, all chosen conversations from their second token on, then all rejected answers.
struct Tokens {
  Selection selection;
  at::Tensor answer;  // [tokens] 1 where the token is an answer's, 0: a prompt's
  at::Tensor nll;     // [tokens] what it weighs in the NLL; 0: it is a rejected answer's
};

Tokens select(const std::vector<Preference>& pairs, const std::vector<std::size_t>& members) {
  Tokens tokens;
  std::vector<double> answer;
  std::vector<double> nll;
  const auto add = [&](const Sequence& sequence, std::size_t first, double weight) {
    tokens.selection.add(sequence.ids, first);
    const std::size_t before = answer.size();
    answer.resize(before + sequence.ids.size() - first, 0.0);
    nll.resize(answer.size(), weight);
    for (const std::size_t position : sequence.positions()) answer[before + position - first] = 1.0;
  };
  for (const std::size_t i : members) add(pairs[i].chosen, 1, pairs[i].weight);
  for (const std::size_t i : members) add(pairs[i].rejected, pairs[i].rejected.answer, 0.0);
  tokens.answer = at::tensor(answer, at::TensorOptions(at::kFloat));
  tokens.nll = at::tensor(nll, at::TensorOptions(at::kFloat));
  return tokens;
}

// Means over each answer's tokens, whatever else is selected.
AnswerMeans means_of(const TrainedTokens& logprobs, const Tokens& tokens) {
  const auto count = static_cast<std::int64_t>(tokens.selection.ids.size());
  const auto sums = [&](const at::Tensor& values) {
    return sums_by_sequence(values, logprobs.sequence, count);
  };
  const auto halves = (sums(logprobs.logprobs * tokens.answer) / sums(tokens.answer)).chunk(2);
  return {halves[0], halves[1]};
}

}  // namespace

Result<Ending> train_orpo(Session& session) {
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
    double nll_tokens = 0;
    for (const std::size_t i : chosen)
      nll_tokens += pairs[i].weight * static_cast<double>(pairs[i].chosen.ids.size() - 1);
    PairFigures figures;
    for (const auto& members : session.micro_batches(chosen, lengths)) {
      const Tokens tokens = select(pairs, members);
      const TrainedTokens logprobs =
          selected_logprobs(session.policy(), Whose::kPolicy, tokens.selection);
      const AnswerMeans means = means_of(logprobs, tokens);
      const at::Tensor odds = orpo_losses(means.chosen, means.rejected, spec.orpo);
      const at::Tensor loss = (odds * weights_of(pairs, members)).sum() / weight -
                              (logprobs.logprobs * tokens.nll).sum() / nll_tokens;
      descend(report, loss, pairs, members);
      figures.add(spec.orpo.beta * means.chosen, spec.orpo.beta * means.rejected);
    }
    report.means = figures.means();
    if (auto done = session.finish_step(std::move(report)); !done) return fail(done.error());
  }
  return session.finish();
}

}  // namespace hone::engine
