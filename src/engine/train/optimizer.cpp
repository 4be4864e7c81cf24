#include "engine/train/optimizer.h"

#include <ATen/Parallel.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/zeros_like.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/result.h"

namespace hone::engine {

AdamW::AdamW(std::vector<Parameter> parameters, AdamWOptions options)
    : parameters_(std::move(parameters)), options_(options) {
  for (const Parameter& parameter : parameters_) {
    HONE_ASSERT(parameter.tensor.scalar_type() == at::kFloat && parameter.tensor.is_contiguous());
    first_.push_back(at::zeros_like(parameter.tensor.detach()));
    second_.push_back(at::zeros_like(parameter.tensor.detach()));
  }
}

double AdamW::clip_gradients(double max_norm) const {
  double squares = 0;
  for (const Parameter& parameter : parameters_) {
    if (!parameter.tensor.grad().defined()) continue;
    const double norm = at::linalg_vector_norm(parameter.tensor.grad()).item<double>();
    squares += norm * norm;
  }
  const double norm = std::sqrt(squares);
  const double scale = max_norm / (norm + 1e-6);
  if (scale < 1.0) {
    for (const Parameter& parameter : parameters_) {
      if (parameter.tensor.grad().defined()) parameter.tensor.mutable_grad().mul_(scale);
    }
  }
  return norm;
}

void AdamW::update(double learning_rate) {
  ++steps_;
  const double correction1 = 1.0 - std::pow(options_.beta1, static_cast<double>(steps_));
  const double correction2 = 1.0 - std::pow(options_.beta2, static_cast<double>(steps_));
  const auto beta1 = static_cast<float>(options_.beta1);
  const auto beta2 = static_cast<float>(options_.beta2);
  const auto eps = static_cast<float>(options_.eps);
  const auto rate = static_cast<float>(learning_rate / correction1);
  const auto root = static_cast<float>(1.0 / std::sqrt(correction2));
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    const at::Tensor gradient = parameters_[i].tensor.grad();
    if (!gradient.defined()) continue;
    const at::Tensor contiguous = gradient.contiguous();
    const float* g = contiguous.const_data_ptr<float>();
    float* p = parameters_[i].tensor.mutable_data_ptr<float>();
    float* m = first_[i].mutable_data_ptr<float>();
    float* v = second_[i].mutable_data_ptr<float>();
    const double decay = parameters_[i].decays ? options_.weight_decay : 0.0;
    const auto keep = static_cast<float>(1.0 - learning_rate * decay);
    at::parallel_for(0, gradient.numel(), 1 << 15, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t j = begin; j < end; ++j) {
        m[j] = beta1 * m[j] + (1.0F - beta1) * g[j];
        v[j] = beta2 * v[j] + (1.0F - beta2) * g[j] * g[j];
        p[j] = keep * p[j] - rate * m[j] / (std::sqrt(v[j]) * root + eps);
      }
    });
    parameters_[i].tensor.mutable_grad() = at::Tensor();
  }
}

double learning_rate(Schedule schedule, double peak, std::int64_t step, std::int64_t warmup,
                     std::int64_t steps) {
  if (step < warmup) return peak * static_cast<double>(step) / static_cast<double>(warmup);
  const double done = static_cast<double>(step - warmup) /
                      static_cast<double>(std::max<std::int64_t>(1, steps - warmup));
  switch (schedule) {
    case Schedule::kCosine:
      return peak * 0.5 * (1.0 + std::cos(std::numbers::pi * done));
    case Schedule::kLinear:
      return peak * (1.0 - done);
    case Schedule::kConstant:
      return peak;
  }
  return peak;
}

}  // namespace hone::engine
