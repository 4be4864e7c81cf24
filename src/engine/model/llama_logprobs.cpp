// log p(target) from hidden states, without ever holding more than a bounded block of logits. Where
// all rows fit in one block, its softmax is kept for the backward pass; otherwise a block is
// computed again there.
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/logsumexp.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/zeros_like.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>

#include "engine/model/llama_forward.h"

namespace hone::engine {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr std::int64_t kLogitBytes = 256 << 20;

std::int64_t block_rows(const at::Tensor& lm_head) {
  return std::max<std::int64_t>(1, kLogitBytes / (lm_head.size(0) * 4));
}

// Turns logits into log-probabilities' two parts: returns log p(target), leaves softmax in
// `logits`.
at::Tensor pick_and_normalise(at::Tensor& logits, const at::Tensor& targets) {
  const at::Tensor normaliser = at::logsumexp(logits, -1, true);
  at::Tensor picked = logits.gather(1, targets.unsqueeze(1)).sub_(normaliser).squeeze(1);
  logits.sub_(normaliser).exp_();
  return picked;
}

class TargetLogprobs : public torch::autograd::Function<TargetLogprobs> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& hidden,
                            const at::Tensor& lm_head, const at::Tensor& targets) {
    const at::Tensor h = hidden.to(at::kFloat);
    const at::Tensor head = lm_head.to(at::kFloat);
    const std::int64_t block = block_rows(head);
    at::Tensor result = at::empty({h.size(0)}, h.options());
    at::Tensor softmax;
    for (std::int64_t first = 0; first < h.size(0); first += block) {
      const std::int64_t count = std::min(block, h.size(0) - first);
      softmax = at::linear(h.narrow(0, first, count), head);
      result.narrow(0, first, count)
          .copy_(pick_and_normalise(softmax, targets.narrow(0, first, count)));
    }
    if (h.size(0) > block) softmax = at::Tensor();
    context->save_for_backward({hidden, lm_head, targets, softmax});
    return result;
  }

  // dL/dlogits = dL/dlogp (onehot - softmax).
  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    const auto saved = context->get_saved_variables();
    const at::Tensor h = saved[0].to(at::kFloat);
    const at::Tensor head = saved[1].to(at::kFloat);
    const at::Tensor& targets = saved[2];
    const std::int64_t block = block_rows(head);
    const at::Tensor d_hidden = at::empty_like(h);
    at::Tensor d_head;
    if (context->needs_input_grad(1)) d_head = at::zeros_like(head);
    for (std::int64_t first = 0; first < h.size(0); first += block) {
      const std::int64_t count = std::min(block, h.size(0) - first);
      const at::Tensor rows = h.narrow(0, first, count);
      const at::Tensor target = targets.narrow(0, first, count);
      at::Tensor d_logits;
      if (saved[3].defined()) {
        d_logits = saved[3].detach();
      } else {
        d_logits = at::linear(rows, head);
        pick_and_normalise(d_logits, target);
      }
      const at::Tensor weight = grads[0].narrow(0, first, count).unsqueeze(1);
      d_logits.mul_(weight.neg()).scatter_add_(1, target.unsqueeze(1), weight);
      d_hidden.narrow(0, first, count).copy_(at::mm(d_logits, head));
      if (d_head.defined()) d_head.addmm_(d_logits.t(), rows);
    }
    return {d_hidden.to(saved[0].scalar_type()), d_head, at::Tensor()};
  }
};

}  // namespace

at::Tensor target_logprobs(const at::Tensor& hidden, const at::Tensor& lm_head,
                           const at::Tensor& targets) {
  return TargetLogprobs::apply(hidden, lm_head, targets);
}

}  // namespace hone::engine
