#include "engine/model/llama_ops.h"

#include <ATen/Parallel.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/silu_backward.h>
#include <ATen/ops/zeros.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>

#include "engine/model/rms_rows.h"

namespace hone::engine {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// With r = 1 / rms(x) and g = dy * weight:  dx = r (g - x r^2 mean(g x)).
template <typename T>
void rms_norm_rows_backward(const T* x, const float* weight, const T* dy, T* dx, std::int64_t rows,
                            std::int64_t width, double eps) {
  at::parallel_for(0, rows, kRowsPerThread, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      const T* from = x + row * width;
      const T* grad = dy + row * width;
      T* into = dx + row * width;
      const float inverse = inverse_rms(from, width, eps);
      const float dot = sum_over(width, [=](std::int64_t i) {
        return static_cast<float>(grad[i]) * weight[i] * static_cast<float>(from[i]);
      });
      const float pull = dot / static_cast<float>(width) * inverse * inverse * inverse;
      for (std::int64_t i = 0; i < width; ++i) {
        into[i] = static_cast<T>(static_cast<float>(grad[i]) * weight[i] * inverse -
                                 static_cast<float>(from[i]) * pull);
      }
    }
  });
}

class RmsNorm : public torch::autograd::Function<RmsNorm> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& weight,
                            double eps) {
    const at::Tensor rows = x.contiguous();
    context->save_for_backward({rows, weight});
    context->saved_data["eps"] = eps;
    const at::Tensor scale = weight.to(at::kFloat).contiguous();
    at::Tensor y = at::empty_like(rows);
    const auto* w = scale.const_data_ptr<float>();
    if (rows.scalar_type() == at::kFloat) {
      rms_norm_rows(rows.const_data_ptr<float>(), w, y.mutable_data_ptr<float>(), rows.size(0),
                    rows.size(1), eps);
    } else {
      rms_norm_rows(rows.const_data_ptr<at::BFloat16>(), w, y.mutable_data_ptr<at::BFloat16>(),
                    rows.size(0), rows.size(1), eps);
    }
    return y;
  }

  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    const auto saved = context->get_saved_variables();
    const at::Tensor& x = saved[0];
    const at::Tensor dy = grads[0].contiguous();
    const double eps = context->saved_data["eps"].toDouble();
    const at::Tensor scale = saved[1].to(at::kFloat).contiguous();
    const auto* w = scale.const_data_ptr<float>();
    at::Tensor dx;
    if (context->needs_input_grad(0)) {
      dx = at::empty_like(x);
      if (x.scalar_type() == at::kFloat) {
        rms_norm_rows_backward(x.const_data_ptr<float>(), w, dy.const_data_ptr<float>(),
                               dx.mutable_data_ptr<float>(), x.size(0), x.size(1), eps);
      } else {
        rms_norm_rows_backward(x.const_data_ptr<at::BFloat16>(), w,
                               dy.const_data_ptr<at::BFloat16>(),
                               dx.mutable_data_ptr<at::BFloat16>(), x.size(0), x.size(1), eps);
      }
    }
    at::Tensor d_weight;
    if (context->needs_input_grad(1)) {
      const at::Tensor exact = x.to(at::kFloat);
      const at::Tensor inverse = exact.square().mean(-1, true).add_(eps).rsqrt_();
      d_weight = exact.mul(inverse).mul_(dy).sum(0);
    }
    return {dx, d_weight, at::Tensor()};
  }
};

class SwiGlu : public torch::autograd::Function<SwiGlu> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& gate_up) {
    context->save_for_backward({gate_up});
    const auto halves = gate_up.chunk(2, 1);
    return at::silu(halves[0]).mul_(halves[1]);
  }

  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    const auto saved = context->get_saved_variables();
    const auto halves = saved[0].chunk(2, 1);
    at::Tensor gradient = at::empty_like(saved[0]);
    auto parts = gradient.chunk(2, 1);
    at::mul_out(parts[1], grads[0], at::silu(halves[0]));
    at::silu_backward_out(parts[0], at::mul(grads[0], halves[1]), halves[0]);
    return {gradient};
  }
};

class LinearWithLora : public torch::autograd::Function<LinearWithLora> {
 public:
  // `adapters` is a, b of each part.
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& weight,
                            const std::optional<at::Tensor>& bias, at::TensorList adapters,
                            const std::vector<std::int64_t>& columns, double scale) {
    const auto type = x.scalar_type();
    const at::Tensor w = weight.to(type);
    at::Tensor y = bias ? at::linear(x, w, bias->to(type)) : at::linear(x, w);
    variable_list to_save = {x, weight};
    if (!columns.empty()) {
      const at::Tensor a = stacked_a(adapters, type);
      const at::Tensor inner = at::linear(x, a);
      for (std::size_t i = 0; i < columns.size(); ++i) {
        const at::Tensor b = adapters[2 * i + 1].to(type);
        y.narrow(1, columns[i], b.size(0)).addmm_(inner_part(inner, i, b), b.t(), 1.0, scale);
      }
      to_save.push_back(inner);
    }
    to_save.insert(to_save.end(), adapters.begin(), adapters.end());
    context->save_for_backward(to_save);
    context->saved_data["columns"] = columns;
    context->saved_data["scale"] = scale;
    context->saved_data["bias"] = bias.has_value();
    return y;
  }

  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    const auto saved = context->get_saved_variables();
    const at::Tensor& x = saved[0];
    const at::Tensor& weight = saved[1];
    const at::Tensor dy = grads[0].contiguous();
    const auto columns = context->saved_data["columns"].toIntVector();
    at::Tensor dx;
    at::Tensor d_weight;
    at::Tensor d_bias;
    if (context->needs_input_grad(0)) dx = at::mm(dy, weight.to(dy.scalar_type()));
    if (context->needs_input_grad(1)) d_weight = at::mm(dy.t(), x);
    // Edges are counted without an absent bias, which stands before the adapters only.
    if (context->saved_data["bias"].toBool() && context->needs_input_grad(2)) d_bias = dy.sum(0);
    variable_list gradients = {dx, d_weight, d_bias};
    if (!columns.empty()) {
      const at::TensorList adapters(saved.data() + 3, saved.size() - 3);
      adapter_gradients(x, dy, saved[2], adapters, columns, context->saved_data["scale"].toDouble(),
                        dx, gradients);
    }
    gradients.resize(gradients.size() + 2);  // columns and scale have none
    return gradients;
  }

 private:
  static at::Tensor stacked_a(at::TensorList adapters, at::ScalarType type) {
    std::vector<at::Tensor> parts;
    for (std::size_t i = 0; i < adapters.size(); i += 2) parts.push_back(adapters[i].to(type));
    return parts.size() == 1 ? parts.front() : at::cat(parts);
  }

  static at::Tensor inner_part(const at::Tensor& inner, std::size_t part, const at::Tensor& b) {
    return inner.narrow(1, static_cast<std::int64_t>(part) * b.size(1), b.size(1));
  }

  // With u = x A^T:  dB = s dy^T u,  du = s dy B,  dA = du^T x,  dx += du A.
  static void adapter_gradients(const at::Tensor& x, const at::Tensor& dy, const at::Tensor& inner,
                                at::TensorList adapters, const std::vector<std::int64_t>& columns,
                                double scale, at::Tensor& dx, variable_list& gradients) {
    at::Tensor d_inner = at::empty_like(inner);
    std::vector<at::Tensor> d_b;
    for (std::size_t i = 0; i < columns.size(); ++i) {
      const at::Tensor b = adapters[2 * i + 1].to(dy.scalar_type());
      const at::Tensor part = dy.narrow(1, columns[i], b.size(0));
      inner_part(d_inner, i, b).addmm_(part, b, 0.0, scale);
      d_b.push_back(at::mm(part.t(), inner_part(inner, i, b)).mul_(scale));
    }
    const at::Tensor d_a = at::mm(d_inner.t(), x);
    const std::int64_t r = adapters[0].size(0);
    for (std::size_t i = 0; i < columns.size(); ++i) {
      gradients.push_back(d_a.narrow(0, static_cast<std::int64_t>(i) * r, r).to(at::kFloat));
      gradients.push_back(d_b[i].to(at::kFloat));
    }
    if (dx.defined()) dx.addmm_(d_inner, stacked_a(adapters, dy.scalar_type()));
  }
};

std::int64_t first_column(const LlamaConfig& config, std::initializer_list<Projection> parts,
                          Projection which) {
  std::int64_t column = 0;
  for (const Projection part : parts) {
    if (part == which) break;
    column += shape_of(config, part).out;
  }
  return column;
}

}  // namespace

at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps) {
  return RmsNorm::apply(x, weight, eps);
}

at::Tensor swiglu(const at::Tensor& gate_up) {
  return SwiGlu::apply(gate_up);
}

FusedLora fused_lora(const LoraAdapter* adapter, const LlamaConfig& config, std::size_t layer,
                     std::initializer_list<Projection> parts) {
  FusedLora fused;
  if (adapter == nullptr) return fused;
  fused.scale = adapter->config.scale();
  for (const Projection which : parts) {
    const LoraPair& pair = adapter->layers[layer][static_cast<std::size_t>(which)];
    if (pair.a.defined())
      fused.parts.push_back({first_column(config, parts, which), pair.a, pair.b});
  }
  return fused;
}

at::Tensor linear(const at::Tensor& x, const Linear& layer, const FusedLora& lora) {
  std::vector<at::Tensor> adapters;
  std::vector<std::int64_t> columns;
  for (const FusedLora::Part& part : lora.parts) {
    adapters.push_back(part.a);
    adapters.push_back(part.b);
    columns.push_back(part.column);
  }
  const std::optional<at::Tensor> bias =
      layer.bias.defined() ? std::optional(layer.bias) : std::nullopt;
  return LinearWithLora::apply(x, layer.weight, bias, at::TensorList(adapters), columns,
                               lora.scale);
}

}  // namespace hone::engine
