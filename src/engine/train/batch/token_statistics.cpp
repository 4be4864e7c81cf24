#include "engine/train/batch/token_statistics.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/log_softmax.h>

#include <algorithm>

namespace hone::engine {
namespace {

constexpr std::int64_t kLogitBytes = 64 << 20;

}  // namespace

TokenStatistics token_statistics(const at::Tensor& hidden, const at::Tensor& lm_head,
                                 const at::Tensor& targets) {
  const at::NoGradGuard off;
  const at::Tensor states = hidden.detach().to(at::kFloat);
  const at::Tensor head = lm_head.detach().to(at::kFloat);
  const std::int64_t tokens = states.size(0);
  const std::int64_t block = std::max<std::int64_t>(1, kLogitBytes / (head.size(0) * 4));
  const auto values = [tokens] { return at::empty({tokens}, at::TensorOptions(at::kFloat)); };
  TokenStatistics statistics{values(), values(), values()};
  for (std::int64_t first = 0; first < tokens; first += block) {
    const std::int64_t count = std::min(block, tokens - first);
    const at::Tensor logits = at::linear(states.narrow(0, first, count), head);
    const at::Tensor log_p = at::log_softmax(logits, 1);
    statistics.entropy.narrow(0, first, count).copy_(-(log_p.exp() * log_p).sum(1));
    statistics.mean_logit.narrow(0, first, count).copy_(logits.mean(1));
    statistics.correct.narrow(0, first, count)
        .copy_(logits.argmax(1).eq(targets.narrow(0, first, count)));
  }
  return statistics;
}

}  // namespace hone::engine
