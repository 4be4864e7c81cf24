#include "engine/model/attention.h"

#include <ATen/Parallel.h>
#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/ops/_softmax.h>
#include <ATen/ops/_softmax_backward_data.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/mm.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace hone::engine {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;
using Reader = AttentionPlan::Reader;

// Queries are taken in blocks, so that a block sees only the keys up to its end, and scores of a
// long sequence stay small.
constexpr std::int64_t kQueryBlock = 128;

at::Tensor scratch(std::int64_t rows, std::int64_t columns) {
  return at::empty({rows, columns}, at::TensorOptions(at::kFloat));
}

// Turns `row` by the angles of `position`; backwards with sign -1.
void rotate(float* row, const RopeTable& rope, std::int64_t position, float sign) {
  const std::size_t half = rope.half;
  const float* cos = rope.cos.data() + static_cast<std::size_t>(position) * half;
  const float* sin = rope.sin.data() + static_cast<std::size_t>(position) * half;
  for (std::size_t i = 0; i < half; ++i) {
    const float x = row[i];
    const float y = row[i + half];
    row[i] = x * cos[i] - sign * y * sin[i];
    row[i + half] = y * cos[i] + sign * x * sin[i];
  }
}

// One head of a packed tensor, read and written as fp32.
template <typename T>
struct Head {
  T* data;
  std::int64_t stride;  // of rows
  std::int64_t dim;

  Head(T* base, std::int64_t row_stride, std::int64_t head, std::int64_t head_dim)
      : data(base + head * head_dim), stride(row_stride), dim(head_dim) {}
  void read(std::int64_t row, float* into) const {
    const T* from = data + row * stride;
    for (std::int64_t i = 0; i < dim; ++i) into[i] = static_cast<float>(from[i]);
  }
  void write(std::int64_t row, const float* from) const {
    T* into = data + row * stride;
    for (std::int64_t i = 0; i < dim; ++i) into[i] = static_cast<T>(from[i]);
  }
};

// What one reader and one key head need: its keys and values, and the queries of the group's heads.
template <typename T>
class Unit {
 public:
  Unit(const AttentionPlan& plan, const Reader& reader, std::int64_t key_head, T* qkv)
      : plan_(plan),
        reader_(reader),
        group_(plan.query_heads / plan.key_heads),
        first_query_head_(key_head * group_),
        scale_(1.0F / std::sqrt(static_cast<float>(plan.head_dim))),
        qkv_(qkv),
        stride_((plan.query_heads + 2 * plan.key_heads) * plan.head_dim),
        keys(gather_keys(plan.query_heads + key_head, true)),
        values(gather_keys(plan.query_heads + plan.key_heads + key_head, false)) {}

  // Queries [first, first + count) of every head of the group, head-major, turned and scaled.
  [[nodiscard]] at::Tensor queries(std::int64_t first, std::int64_t count) const {
    at::Tensor gathered = scratch(group_ * count, plan_.head_dim);
    float* into = gathered.mutable_data_ptr<float>();
    for (std::int64_t h = 0; h < group_; ++h) {
      const Head<T> head(qkv_, stride_, first_query_head_ + h, plan_.head_dim);
      for (std::int64_t i = first; i < first + count; ++i, into += plan_.head_dim) {
        head.read(reader_.begin + i, into);
        rotate(into, plan_.rope, position(i), 1.0F);
        for (std::int64_t d = 0; d < plan_.head_dim; ++d) into[d] *= scale_;
      }
    }
    return gathered;
  }

  // The softmax of the scores of those queries over the keys up to the block's end.
  [[nodiscard]] at::Tensor probabilities(const at::Tensor& block, std::int64_t first,
                                         std::int64_t count) const {
    const std::int64_t visible = position(first + count);
    at::Tensor scores = at::mm(block, keys.narrow(0, 0, visible).t());
    float* row = scores.mutable_data_ptr<float>();
    for (std::int64_t h = 0; h < group_; ++h) {
      for (std::int64_t i = first; i < first + count; ++i, row += visible) {
        std::fill(row + position(i) + 1, row + visible, -std::numeric_limits<float>::infinity());
      }
    }
    return at::_softmax(scores, -1, false);
  }

  // The rows of those queries in a packed [rows, query_heads * head_dim], head-major.
  template <typename Visit>
  void for_each_query(T* packed, std::int64_t packed_stride, std::int64_t first, std::int64_t count,
                      Visit visit) const {
    for (std::int64_t h = 0; h < group_; ++h) {
      const Head<T> head(packed, packed_stride, first_query_head_ + h, plan_.head_dim);
      for (std::int64_t i = first; i < first + count; ++i) {
        visit(head, reader_.begin + i, position(i), (h * count + i - first) * plan_.head_dim);
      }
    }
  }

  [[nodiscard]] std::int64_t position(std::int64_t query) const {
    return static_cast<std::int64_t>(reader_.keys.size()) - reader_.count + query;
  }
  [[nodiscard]] float scale() const { return scale_; }

 private:
  [[nodiscard]] at::Tensor gather_keys(std::int64_t head_index, bool turn) const {
    const auto count = static_cast<std::int64_t>(reader_.keys.size());
    at::Tensor gathered = scratch(count, plan_.head_dim);
    float* into = gathered.mutable_data_ptr<float>();
    const Head<T> head(qkv_, stride_, head_index, plan_.head_dim);
    for (std::int64_t p = 0; p < count; ++p, into += plan_.head_dim) {
      head.read(reader_.keys[static_cast<std::size_t>(p)], into);
      if (turn) rotate(into, plan_.rope, p, 1.0F);
    }
    return gathered;
  }

  const AttentionPlan& plan_;
  const Reader& reader_;
  std::int64_t group_;
  std::int64_t first_query_head_;
  float scale_;
  T* qkv_;
  std::int64_t stride_;

 public:
  const at::Tensor keys;    // [keys, head_dim], turned
  const at::Tensor values;  // [keys, head_dim]
};

// Calls `work(reader, key_head)` for all pairs, in parallel; below autograd, which would only cost
// time here.
template <typename Work>
void for_each_unit(const AttentionPlan& plan, Work work) {
  const auto units = static_cast<std::int64_t>(plan.readers.size()) * plan.key_heads;
  at::parallel_for(0, units, 1, [&](std::int64_t begin, std::int64_t end) {
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    for (std::int64_t unit = begin; unit < end; ++unit) {
      work(static_cast<std::size_t>(unit / plan.key_heads), unit % plan.key_heads);
    }
  });
}

template <typename T>
void attend(const AttentionPlan& plan, T* qkv, T* out) {
  const std::int64_t out_stride = plan.query_heads * plan.head_dim;
  for_each_unit(plan, [&](std::size_t index, std::int64_t key_head) {
    const Reader& reader = plan.readers[index];
    const Unit<T> unit(plan, reader, key_head, qkv);
    for (std::int64_t first = 0; first < reader.count; first += kQueryBlock) {
      const std::int64_t count = std::min(kQueryBlock, reader.count - first);
      const at::Tensor p = unit.probabilities(unit.queries(first, count), first, count);
      const at::Tensor mixed = at::mm(p, unit.values.narrow(0, 0, p.size(1)));
      const float* from = mixed.const_data_ptr<float>();
      unit.for_each_query(out, out_stride, first, count,
                          [&](const Head<T>& head, std::int64_t row, std::int64_t,
                              std::int64_t at) { head.write(row, from + at); });
    }
  });
}

// The gradients of one reader's keys and values, [keys, head_dim] each, are added up in `d_keys`
// and `d_values`; those of its queries go to `d_qkv`.
template <typename T>
void attend_backward(const Unit<T>& unit, const AttentionPlan& plan, const Reader& reader, T* d_out,
                     T* d_qkv, at::Tensor d_keys, at::Tensor d_values) {
  const std::int64_t out_stride = plan.query_heads * plan.head_dim;
  const std::int64_t stride = out_stride + 2 * plan.key_heads * plan.head_dim;
  const std::int64_t group = plan.query_heads / plan.key_heads;
  for (std::int64_t first = 0; first < reader.count; first += kQueryBlock) {
    const std::int64_t count = std::min(kQueryBlock, reader.count - first);
    const at::Tensor q = unit.queries(first, count);
    const at::Tensor p = unit.probabilities(q, first, count);
    const std::int64_t visible = p.size(1);
    at::Tensor d_mixed = scratch(group * count, plan.head_dim);
    float* mixed = d_mixed.mutable_data_ptr<float>();
    unit.for_each_query(d_out, out_stride, first, count,
                        [&](const Head<T>& head, std::int64_t row, std::int64_t, std::int64_t at) {
                          head.read(row, mixed + at);
                        });
    d_values.narrow(0, 0, visible).addmm_(p.t(), d_mixed);
    const at::Tensor d_p = at::mm(d_mixed, unit.values.narrow(0, 0, visible).t());
    const at::Tensor d_scores = at::_softmax_backward_data(d_p, p, -1, at::kFloat);
    d_keys.narrow(0, 0, visible).addmm_(d_scores.t(), q);
    at::Tensor d_q = at::mm(d_scores, unit.keys.narrow(0, 0, visible));
    float* queries = d_q.mutable_data_ptr<float>();
    unit.for_each_query(
        d_qkv, stride, first, count,
        [&](const Head<T>& head, std::int64_t row, std::int64_t position, std::int64_t at) {
          float* d_query = queries + at;
          for (std::int64_t i = 0; i < plan.head_dim; ++i) d_query[i] *= unit.scale();
          rotate(d_query, plan.rope, position, -1.0F);
          head.write(row, d_query);
        });
  }
}

// The gradient of a segment's keys (or values) is the sum of what its readers found, in their
// order, whatever the number of threads.
template <typename T>
void gather_key_gradients(const AttentionPlan& plan, std::size_t index, const at::Tensor& found,
                          const Head<T>& head, bool turned) {
  const Reader& own = plan.readers[index];
  const std::int64_t before = static_cast<std::int64_t>(own.keys.size()) - own.count;
  std::vector<float> sum(static_cast<std::size_t>(plan.head_dim));
  const float* base = found.const_data_ptr<float>();
  for (std::int64_t i = 0; i < own.count; ++i) {
    std::ranges::fill(sum, 0.0F);
    for (const std::size_t reader : own.descendants) {
      const float* from = base + (plan.readers[reader].key_offset + before + i) * plan.head_dim;
      for (std::size_t d = 0; d < sum.size(); ++d) sum[d] += from[d];
    }
    if (turned) rotate(sum.data(), plan.rope, before + i, -1.0F);
    head.write(own.begin + i, sum.data());
  }
}

template <typename T>
void attend_backward(const AttentionPlan& plan, T* qkv, T* d_out, T* d_qkv) {
  at::Tensor d_keys = scratch(plan.key_heads * plan.key_count, plan.head_dim).zero_();
  at::Tensor d_values = scratch(plan.key_heads * plan.key_count, plan.head_dim).zero_();
  const auto part = [&plan](const at::Tensor& all, std::int64_t head) {
    return all.narrow(0, head * plan.key_count, plan.key_count);
  };
  for_each_unit(plan, [&](std::size_t index, std::int64_t key_head) {
    const Reader& reader = plan.readers[index];
    const auto count = static_cast<std::int64_t>(reader.keys.size());
    attend_backward(Unit<T>(plan, reader, key_head, qkv), plan, reader, d_out, d_qkv,
                    part(d_keys, key_head).narrow(0, reader.key_offset, count),
                    part(d_values, key_head).narrow(0, reader.key_offset, count));
  });
  const std::int64_t stride = (plan.query_heads + 2 * plan.key_heads) * plan.head_dim;
  for_each_unit(plan, [&](std::size_t index, std::int64_t key_head) {
    const Head<T> keys(d_qkv, stride, plan.query_heads + key_head, plan.head_dim);
    const Head<T> values(d_qkv, stride, plan.query_heads + plan.key_heads + key_head,
                         plan.head_dim);
    gather_key_gradients(plan, index, part(d_keys, key_head), keys, true);
    gather_key_gradients(plan, index, part(d_values, key_head), values, false);
  });
}

class Attention : public torch::autograd::Function<Attention> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& qkv,
                            const AttentionPlanPtr& plan) {
    context->save_for_backward({qkv});
    context->saved_data["plan"] = c10::IValue::make_capsule(plan);
    at::Tensor out = at::empty({qkv.size(0), plan->query_heads * plan->head_dim}, qkv.options());
    if (qkv.scalar_type() == at::kFloat) {
      attend(*plan, qkv.data_ptr<float>(), out.mutable_data_ptr<float>());
    } else {
      attend(*plan, qkv.data_ptr<at::BFloat16>(), out.mutable_data_ptr<at::BFloat16>());
    }
    return out;
  }

  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    const at::Tensor qkv = context->get_saved_variables()[0];
    const auto capsule = context->saved_data["plan"].toCapsule();
    const auto& plan = static_cast<const AttentionPlan&>(*capsule);
    const at::Tensor d_out = grads[0].contiguous();
    at::Tensor d_qkv = at::empty_like(qkv);
    if (qkv.scalar_type() == at::kFloat) {
      attend_backward(plan, qkv.data_ptr<float>(), d_out.data_ptr<float>(),
                      d_qkv.mutable_data_ptr<float>());
    } else {
      attend_backward(plan, qkv.data_ptr<at::BFloat16>(), d_out.data_ptr<at::BFloat16>(),
                      d_qkv.mutable_data_ptr<at::BFloat16>());
    }
    return {d_qkv, at::Tensor()};
  }
};

}  // namespace

AttentionPlanPtr plan_attention(const LlamaConfig& config, const Batch& batch) {
  auto plan = c10::make_intrusive<AttentionPlan>();
  plan->query_heads = config.num_attention_heads;
  plan->key_heads = config.num_key_value_heads;
  plan->head_dim = config.head_dim;
  std::size_t longest = 0;
  for (const Segment& segment : batch.segments) {
    Reader reader;
    reader.begin = segment.begin;
    reader.count = segment.end - segment.begin;
    if (segment.parent >= 0)
      reader.keys = plan->readers[static_cast<std::size_t>(segment.parent)].keys;
    for (std::int64_t row = segment.begin; row < segment.end; ++row) reader.keys.push_back(row);
    reader.key_offset = plan->key_count;
    plan->key_count += static_cast<std::int64_t>(reader.keys.size());
    longest = std::max(longest, reader.keys.size());
    plan->readers.push_back(std::move(reader));
  }
  for (std::size_t i = 0; i < batch.segments.size(); ++i) {
    for (auto at = static_cast<std::int64_t>(i); at >= 0;
         at = batch.segments[static_cast<std::size_t>(at)].parent) {
      plan->readers[static_cast<std::size_t>(at)].descendants.push_back(i);
    }
  }
  plan->rope = rope_table(config, longest);
  return plan;
}

at::Tensor attention(const at::Tensor& qkv, const AttentionPlanPtr& plan) {
  return Attention::apply(qkv, plan);
}

}  // namespace hone::engine
