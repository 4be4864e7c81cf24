#include "engine/serve/forward.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/GradMode.h>

#include "engine/model/rms_rows.h"
#include "engine/serve/token_attention.h"

namespace hone::engine {
namespace {

// Rows of the pass that use one adapter.
struct Group {
  std::int64_t begin = 0;
  std::int64_t count = 0;
  const ServingAdapter* adapter = nullptr;
};

struct Plan {
  std::vector<std::int64_t> begins;  // the first row of each extension
  std::vector<Group> groups;
  at::Tensor ids;
  at::Tensor cos;  // of each row's position
  at::Tensor sin;
};

Plan plan_rows(const ServingModel& model, std::span<const Extension> extensions) {
  Plan plan;
  std::vector<std::int64_t> ids;
  std::vector<std::int64_t> positions;
  for (const Extension& extension : extensions) {
    const auto begin = static_cast<std::int64_t>(ids.size());
    const auto count = static_cast<std::int64_t>(extension.ids.size());
    plan.begins.push_back(begin);
    ids.insert(ids.end(), extension.ids.begin(), extension.ids.end());
    for (std::int64_t i = 0; i < count; ++i) positions.push_back(extension.cache->length() + i);
    if (!plan.groups.empty() && plan.groups.back().adapter == extension.adapter) {
      plan.groups.back().count += count;
    } else {
      plan.groups.push_back({begin, count, extension.adapter});
    }
  }
  plan.ids = at::tensor(ids, at::kLong);
  const at::Tensor where = at::tensor(positions, at::kLong);
  plan.cos = model.cos.index_select(0, where);
  plan.sin = model.sin.index_select(0, where);
  return plan;
}

// RMSNorm of fp32, in `type`.
at::Tensor rms(const at::Tensor& x, const at::Tensor& weight, double epsilon, at::ScalarType type) {
  at::Tensor y = at::empty(x.sizes(), x.options().dtype(type));
  const auto* from = x.const_data_ptr<float>();
  const auto* scale = weight.const_data_ptr<float>();
  if (type == at::kFloat) {
    rms_norm_rows(from, scale, y.mutable_data_ptr<float>(), x.size(0), x.size(1), epsilon);
  } else {
    rms_norm_rows(from, scale, y.mutable_data_ptr<at::BFloat16>(), x.size(0), x.size(1), epsilon);
  }
  return y;
}

at::Tensor project(const at::Tensor& x, const ServingModel& model, const Plan& plan,
                   std::size_t layer, FusedProjection which) {
  at::Tensor y = model.layers[layer].linears[static_cast<std::size_t>(which)](x);
  for (const Group& group : plan.groups) {
    if (group.adapter == nullptr) continue;
    const PackedLora& lora = group.adapter->layers[layer][static_cast<std::size_t>(which)];
    if (!lora.a.defined()) continue;
    const at::Tensor low = at::mm(x.narrow(0, group.begin, group.count), lora.a.t());
    y.narrow(0, group.begin, group.count).addmm_(low, lora.b.t());
  }
  return y;
}

// Component i turns with component i + head_dim / 2.
at::Tensor rotate(const at::Tensor& heads, const at::Tensor& cos, const at::Tensor& sin) {
  const at::Tensor x = heads.to(at::kFloat);
  const std::int64_t half = x.size(-1) / 2;
  const at::Tensor low = x.narrow(-1, 0, half);
  const at::Tensor high = x.narrow(-1, half, half);
  return at::cat({low * cos - high * sin, high * cos + low * sin}, -1).to(heads.scalar_type());
}

// Attention of one extension. q: [tokens, heads, head_dim]; k, v: [kv_heads, all tokens, head_dim].
at::Tensor attend(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
  const std::int64_t tokens = q.size(0);
  const std::int64_t all = k.size(1);
  if (tokens ==
      1) {  // the heads that share keys stand as queries beside each other: nothing is repeated
    const at::Tensor query = q.view({1, k.size(0), q.size(1) / k.size(0), q.size(2)});
    return at::scaled_dot_product_attention(query, k.unsqueeze(0), v.unsqueeze(0))
        .reshape(q.sizes());
  }
  std::optional<at::Tensor> mask;
  if (tokens < all) mask = at::ones({tokens, all}, at::kBool).tril(all - tokens);
  return at::scaled_dot_product_attention(q.transpose(0, 1).unsqueeze(0), k.unsqueeze(0),
                                          v.unsqueeze(0), mask, 0.0, !mask.has_value(),
                                          std::nullopt,
                                          /*enable_gqa=*/true)
      .squeeze(0)
      .transpose(0, 1);
}

// Rows of one layer on their way through attention.
struct Heads {
  at::Tensor qkv;  // [rows, heads + 2 kv_heads, head_dim], not yet rotated
  at::Tensor out;  // [rows, heads, head_dim]
  std::int64_t layer = 0;
};

// Of an extension by one token, the part of one head of keys.
template <typename T>
void attend_one(const Heads& heads, const Plan& plan, const Extension& extension, std::int64_t row,
                std::int64_t kv_head) {
  const std::int64_t query_heads = heads.out.size(1);
  const std::int64_t width = heads.out.size(2);
  attend_to_tokens<T>({.qkv = heads.qkv.const_data_ptr<T>() + row * heads.qkv.stride(0),
                       .cos = plan.cos.const_data_ptr<float>() + row * (width / 2),
                       .sin = plan.sin.const_data_ptr<float>() + row * (width / 2),
                       .keys = extension.cache->keys_at<T>(heads.layer),
                       .values = extension.cache->values_at<T>(heads.layer),
                       .head_stride = extension.cache->head_stride(),
                       .before = extension.cache->length(),
                       .out = heads.out.mutable_data_ptr<T>() + row * heads.out.stride(0),
                       .heads = query_heads,
                       .kv_heads = (heads.qkv.size(1) - query_heads) / 2,
                       .width = width},
                      kv_head);
}

void attend_many(const Heads& heads, const Plan& plan, const Extension& extension,
                 std::int64_t begin) {
  const std::int64_t query_heads = heads.out.size(1);
  const std::int64_t kv_heads = (heads.qkv.size(1) - query_heads) / 2;
  const auto count = static_cast<std::int64_t>(extension.ids.size());
  const std::int64_t before = extension.cache->length();
  const at::Tensor rows = heads.qkv.narrow(0, begin, count);
  const at::Tensor rotated =
      rotate(rows.narrow(1, 0, query_heads + kv_heads), plan.cos.narrow(0, begin, count),
             plan.sin.narrow(0, begin, count));
  const at::Tensor keys = extension.cache->keys(heads.layer);
  const at::Tensor values = extension.cache->values(heads.layer);
  keys.narrow(1, before, count).copy_(rotated.narrow(1, query_heads, kv_heads).transpose(0, 1));
  values.narrow(1, before, count)
      .copy_(rows.narrow(1, query_heads + kv_heads, kv_heads).transpose(0, 1));
  heads.out.narrow(0, begin, count)
      .copy_(attend(rotated.narrow(1, 0, query_heads), keys.narrow(1, 0, before + count),
                    values.narrow(1, 0, before + count)));
}

at::Tensor attention(const ServingModel& model, const at::Tensor& qkv, const Plan& plan,
                     std::span<const Extension> extensions, std::int64_t layer) {
  const LlamaConfig& config = model.config;
  const std::int64_t kv_heads = config.num_key_value_heads;
  const std::int64_t query_heads = config.num_attention_heads;
  const Heads heads{.qkv = qkv.view({qkv.size(0), query_heads + 2 * kv_heads, config.head_dim}),
                    .out = at::empty({qkv.size(0), query_heads, config.head_dim}, qkv.options()),
                    .layer = layer};
  const bool by_token = attends_to_tokens(config.head_dim);
  const auto attend_it =
      qkv.scalar_type() == at::kFloat ? attend_one<float> : attend_one<at::BFloat16>;
  // One parallel region over sequences and heads; what is called inside then runs on its own
  // thread.
  at::parallel_for(0, static_cast<std::int64_t>(extensions.size()) * kv_heads, 1,
                   [&](std::int64_t first, std::int64_t last) {
                     const c10::NoGradGuard no_grad;
                     for (std::int64_t part = first; part < last; ++part) {
                       const auto which = static_cast<std::size_t>(part / kv_heads);
                       const Extension& extension = extensions[which];
                       const std::int64_t kv_head = part % kv_heads;
                       if (by_token && extension.ids.size() == 1) {
                         attend_it(heads, plan, extension, plan.begins[which], kv_head);
                       } else if (kv_head == 0) {
                         attend_many(heads, plan, extension, plan.begins[which]);
                       }
                     }
                   });
  return heads.out.view({qkv.size(0), query_heads * config.head_dim});
}

}  // namespace

at::Tensor forward(const ServingModel& model, std::span<const Extension> extensions) {
  const c10::NoGradGuard no_grad;
  const LlamaConfig& config = model.config;
  const double epsilon = config.rms_norm_eps;
  const at::ScalarType type = activation_type(model.arithmetic);
  const Plan plan = plan_rows(model, extensions);
  at::Tensor x = model.embed_tokens.index_select(0, plan.ids);
  for (std::size_t i = 0; i < model.layers.size(); ++i) {
    const ServingLayer& layer = model.layers[i];
    const at::Tensor normed = rms(x, layer.input_norm, epsilon, type);
    const at::Tensor qkv = project(normed, model, plan, i, FusedProjection::kQkv);
    const at::Tensor attended =
        attention(model, qkv, plan, extensions, static_cast<std::int64_t>(i));
    x.add_(project(attended, model, plan, i, FusedProjection::kO));
    const at::Tensor inner = rms(x, layer.post_attention_norm, epsilon, type);
    const at::Tensor gate_up = project(inner, model, plan, i, FusedProjection::kGateUp);
    const std::int64_t width = config.intermediate_size;
    const at::Tensor hidden =
        at::silu(gate_up.narrow(1, 0, width)).mul_(gate_up.narrow(1, width, width));
    x.add_(project(hidden, model, plan, i, FusedProjection::kDown));
  }
  for (const Extension& extension : extensions) {
    extension.cache->advance(static_cast<std::int64_t>(extension.ids.size()));
  }
  return rms(x, model.norm, epsilon, at::kFloat);
}

at::Tensor logits_of(const ServingModel& model, const at::Tensor& states) {
  const c10::NoGradGuard no_grad;
  return model.lm_head(states);
}

}  // namespace hone::engine
