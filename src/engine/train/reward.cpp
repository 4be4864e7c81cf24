// A reward model (Ouyang et al. 2022, arXiv 2203.02155, eq. 1): a linear head reads a number r from
// the state of an answer's end token, and the model and the head learn to give the preferred answer
// more, by the margin m that it was rated better where that is known:
//
//   L = - log sigmoid( r(x, y_w) - r(x, y_l) - m )  +  centring (r(x, y_w) + r(x, y_l))^2
//
// averaged over the step's pairs by weight. The head is written beside the model, as
// score.safetensors.
#include "engine/train/loss/reward.h"

#include <ATen/ops/tensor.h>

#include "engine/train/methods.h"
#include "engine/train/pairs.h"
#include "engine/train/plan.h"
#include "engine/train/reward_model.h"

namespace hone::engine {
namespace {

at::Tensor margins_of(const std::vector<Preference>& pairs,
                      const std::vector<std::size_t>& members) {
  std::vector<double> margins;
  for (const std::size_t i : members) margins.push_back(pairs[i].margin);
  return at::tensor(margins, at::TensorOptions(at::kFloat));
}

}  // namespace

Result<Ending> train_reward(Session& session) {
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
    PairFigures figures;
    for (const auto& members : session.micro_batches(chosen, lengths)) {
      const auto halves = sequence_rewards(session.policy(), answers_of(pairs, members)).chunk(2);
      const at::Tensor losses =
          reward_losses(halves[0], halves[1], margins_of(pairs, members), spec.reward);
      const at::Tensor loss = (losses * weights_of(pairs, members)).sum() / weight;
      descend(report, loss, pairs, members);
      figures.add(halves[0], halves[1]);
    }
    report.means = figures.means();
    if (auto done = session.finish_step(std::move(report)); !done) return fail(done.error());
  }
  return session.finish();
}

}  // namespace hone::engine
