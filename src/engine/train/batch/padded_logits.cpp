#include "engine/train/batch/padded_logits.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/bmm.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/embedding.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/zeros.h>

#include <cmath>
#include <limits>

#include "engine/model/llama_ops.h"
#include "engine/model/rope.h"

namespace hone::engine {
namespace {

class DenseForward {
 public:
  DenseForward(const Policy& policy, std::int64_t columns)
      : weights_(policy.weights),
        adapter_(policy.adapter ? &*policy.adapter : nullptr),
        columns_(columns) {
    const RopeTable table = rope_table(weights_.config, static_cast<std::size_t>(columns));
    const auto half = static_cast<std::int64_t>(table.half);
    const auto angles = [&](const std::vector<float>& values) {
      return at::from_blob(const_cast<float*>(values.data()), {columns, 1, half},
                           at::TensorOptions(at::kFloat))
          .clone();
    };
    cos_ = angles(table.cos);
    sin_ = angles(table.sin);
  }

  // The final-norm states of one sequence and its padding, [columns, hidden].
  [[nodiscard]] at::Tensor states(const at::Tensor& ids, const at::Tensor& real) const {
    using enum Projection;
    const LlamaConfig& config = weights_.config;
    const double eps = config.rms_norm_eps;
    const at::Tensor hidden_keys = unseen(real);
    at::Tensor x = at::embedding(weights_.embed_tokens, ids).to(at::kFloat);
    for (std::size_t i = 0; i < weights_.layers.size(); ++i) {
      const LlamaLayer& layer = weights_.layers[i];
      const auto lora = [&](std::initializer_list<Projection> parts) {
        return fused_lora(adapter_, config, i, parts);
      };
      const at::Tensor qkv =
          linear(rms_norm(x, layer.input_norm, eps), layer.qkv, lora({kQ, kK, kV}));
      x = x + linear(attend(qkv, hidden_keys), layer.o, lora({kO}));
      const at::Tensor gate_up =
          linear(rms_norm(x, layer.post_attention_norm, eps), layer.gate_up, lora({kGate, kUp}));
      x = x + linear(swiglu(gate_up), layer.down, lora({kDown}));
    }
    return rms_norm(x, weights_.norm, eps);
  }

 private:
  // [columns, columns]: true where a row may not look. A row with nothing to see (padding before
  // a sequence) sees itself.
  [[nodiscard]] at::Tensor unseen(const at::Tensor& real) const {
    const auto flags = at::TensorOptions(at::kBool);
    const at::Tensor seen = at::ones({columns_, columns_}, flags).tril() & real.unsqueeze(0);
    const at::Tensor blind = seen.any(1, true).logical_not();
    return (seen | (at::eye(columns_, flags) & blind)).logical_not();
  }

  // [columns, heads, head_dim], turned by each row's position.
  [[nodiscard]] at::Tensor turned(const at::Tensor& heads) const {
    const auto halves = heads.chunk(2, 2);
    return at::cat({halves[0] * cos_ - halves[1] * sin_, halves[1] * cos_ + halves[0] * sin_}, 2);
  }

  [[nodiscard]] at::Tensor attend(const at::Tensor& qkv, const at::Tensor& hidden_keys) const {
    const LlamaConfig& config = weights_.config;
    const std::int64_t queries = config.num_attention_heads;
    const std::int64_t keys = config.num_key_value_heads;
    const std::int64_t width = config.head_dim;
    const auto heads = [&](std::int64_t first, std::int64_t count) {
      return qkv.narrow(1, first * width, count * width).reshape({columns_, count, width});
    };
    const auto shared = [&](const at::Tensor& of_keys) {
      return of_keys.repeat_interleave(queries / keys, 1).transpose(0, 1);
    };
    const at::Tensor q = turned(heads(0, queries)).transpose(0, 1);
    const at::Tensor k = shared(turned(heads(queries, keys)));
    const at::Tensor v = shared(heads(queries + keys, keys));
    const at::Tensor scores = at::bmm(q, k.transpose(1, 2)) / std::sqrt(static_cast<double>(width));
    const at::Tensor p =
        at::softmax(scores.masked_fill(hidden_keys, -std::numeric_limits<double>::infinity()), -1);
    return at::bmm(p, v).transpose(0, 1).reshape({columns_, queries * width});
  }

  const LlamaWeights& weights_;
  const LoraAdapter* adapter_;
  std::int64_t columns_;
  at::Tensor cos_;  // [columns, 1, head_dim / 2]
  at::Tensor sin_;
};

}  // namespace

double mean_padded_logit(const Policy& policy, const at::Tensor& ids, const at::Tensor& real,
                         std::int64_t counted) {
  const at::NoGradGuard off;
  const DenseForward forward(policy, ids.size(1));
  // The mean of a row's logits is its state times the mean row of the head.
  const at::Tensor head = policy.weights.lm_head.to(at::kFloat).mean(0);
  double sum = 0;
  for (std::int64_t i = 0; i < ids.size(0); ++i) {
    const at::Tensor states = forward.states(ids[i], real[i]).narrow(0, 0, counted);
    sum += states.to(at::kFloat).mean(0).dot(head).item<double>();
  }
  return sum / static_cast<double>(ids.size(0));
}

}  // namespace hone::engine
