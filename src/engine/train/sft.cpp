// Supervised fine-tuning: maximise the likelihood of the answers people wanted (Ouyang et al. 2022,
// arXiv 2203.02155, section 3.5). With x a conversation, y its last assistant message and its end
// token, and w the example's weight, a step descends
//
//   L = - sum_i w_i sum_t log pi(y_it | x_i, y_i<t)  /  sum_i w_i |y_i|
//
// over all examples of the step, however they are cut into micro-batches.
#include <ATen/ops/index_select.h>
#include <ATen/ops/tensor.h>

#include "engine/train/examples.h"
#include "engine/train/loss/sft.h"
#include "engine/train/methods.h"
#include "engine/train/plan.h"

namespace hone::engine {

Result<Ending> train_sft(Session& session) {
  const RunSpec& spec = session.spec();
  auto dataset = read_demonstrations(spec.dataset, session.chat(), spec.max_tokens);
  if (!dataset) return fail(dataset.error());
  const std::vector<Demonstration>& examples = dataset->examples;
  std::vector<std::size_t> lengths;
  for (const Demonstration& example : examples) lengths.push_back(example.sequence.ids.size());
  const auto plan = session.begin(examples.size(), dataset->too_long);
  if (!plan) return fail(plan.error());

  while (session.step() < plan->steps) {
    if (session.asked_to_stop()) return session.suspend();
    const std::vector<std::size_t> chosen = plan->at(session.step());
    StepReport report;
    double items = 0;
    for (const std::size_t i : chosen) {
      items += examples[i].weight * static_cast<double>(examples[i].sequence.trained());
      report.tokens += static_cast<std::int64_t>(lengths[i]);
      report.examples.push_back(examples[i].id);
    }
    for (const auto& members : session.micro_batches(chosen, lengths)) {
      std::vector<const Sequence*> sequences;
      std::vector<double> weights;
      for (const std::size_t i : members) {
        sequences.push_back(&examples[i].sequence);
        weights.push_back(examples[i].weight);
      }
      const TrainedTokens tokens = answer_logprobs(session.policy(), Whose::kPolicy, sequences);
      const at::Tensor token_weights =
          at::tensor(weights, at::TensorOptions(at::kFloat)).index_select(0, tokens.sequence);
      const at::Tensor loss = sft_loss(tokens.logprobs, token_weights, items, spec.sft);
      descend(report, loss, examples, members);
    }
    if (auto done = session.finish_step(std::move(report)); !done) return fail(done.error());
  }
  return session.finish();
}

}  // namespace hone::engine
