#include "engine/train/optimizer.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/zeros_like.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

namespace hone::engine {

AdamW::AdamW(std::vector<Parameter> parameters, AdamWOptions options,
             std::shared_ptr<Collective> ranks)
    : parameters_(std::move(parameters)), options_(options), ranks_(std::move(ranks)) {
  for (const Parameter& parameter : parameters_) {
    HONE_ASSERT(parameter.tensor.scalar_type() == at::kFloat && parameter.tensor.is_contiguous());
    const at::Tensor part = own_part(parameter.tensor.detach());
    moments_.push_back({at::zeros_like(part), at::zeros_like(part)});
  }
}

at::Tensor AdamW::own_part(const at::Tensor& whole) const {
  const Part part = part_of(whole.numel(), ranks_->rank(), ranks_->world());
  return whole.view({-1}).narrow(0, part.begin, part.size);
}

// A parameter that some rank's examples reached has a gradient on all; one that none reached has
// none, and stays where it is.
Result<void> AdamW::add_up_gradients() {
  std::vector<double> reached;
  for (const Parameter& parameter : parameters_)
    reached.push_back(parameter.tensor.grad().defined() ? 1.0 : 0.0);
  if (auto counted = ranks_->all_reduce(reached); !counted) return counted;
  std::vector<at::Tensor> gradients;
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    if (reached[i] == 0.0) continue;
    at::Tensor& gradient = parameters_[i].tensor.mutable_grad();
    gradient =
        gradient.defined() ? gradient.contiguous() : at::zeros_like(parameters_[i].tensor.detach());
    gradients.push_back(gradient);
  }
  return ranks_->reduce_scatter(gradients);
}

Result<double> AdamW::clip_gradients(double max_norm) {
  if (auto added = add_up_gradients(); !added) return fail(added.error());
  double squares = 0;
  for (const Parameter& parameter : parameters_) {
    if (!parameter.tensor.grad().defined()) continue;
    const double norm = at::linalg_vector_norm(own_part(parameter.tensor.grad())).item<double>();
    squares += norm * norm;
  }
  if (auto added = ranks_->all_reduce({&squares, 1}); !added) return fail(added.error());
  const double norm = std::sqrt(squares);
  const double scale = max_norm / (norm + 1e-6);
  if (scale < 1.0) {
    for (const Parameter& parameter : parameters_) {
      if (parameter.tensor.grad().defined()) own_part(parameter.tensor.grad()).mul_(scale);
    }
  }
  return norm;
}

Result<void> AdamW::update(double learning_rate) {
  ++steps_;
  std::vector<at::Tensor> moved;
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    const Parameter& parameter = parameters_[i];
    if (!parameter.tensor.grad().defined()) continue;
    move(i, learning_rate);
    parameter.tensor.mutable_grad() = at::Tensor();
    moved.push_back(parameter.tensor.detach());
  }
  return ranks_->all_gather(moved);
}

// The own part of one parameter.
void AdamW::move(std::size_t parameter, double learning_rate) {
  const double correction1 = 1.0 - std::pow(options_.beta1, static_cast<double>(steps_));
  const double correction2 = 1.0 - std::pow(options_.beta2, static_cast<double>(steps_));
  const auto beta1 = static_cast<float>(options_.beta1);
  const auto beta2 = static_cast<float>(options_.beta2);
  const auto eps = static_cast<float>(options_.eps);
  const auto rate = static_cast<float>(learning_rate / correction1);
  const auto root = static_cast<float>(1.0 / std::sqrt(correction2));
  const at::Tensor gradient = own_part(parameters_[parameter].tensor.grad());
  const at::Tensor weights = own_part(parameters_[parameter].tensor.detach());
  const float* g = gradient.const_data_ptr<float>();
  float* p = weights.mutable_data_ptr<float>();
  float* m = moments_[parameter].first.mutable_data_ptr<float>();
  float* v = moments_[parameter].second.mutable_data_ptr<float>();
  const double decay = parameters_[parameter].decays ? options_.weight_decay : 0.0;
  const auto keep = static_cast<float>(1.0 - learning_rate * decay);
  at::parallel_for(0, gradient.numel(), 1 << 15, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t j = begin; j < end; ++j) {
      m[j] = beta1 * m[j] + (1.0F - beta1) * g[j];
      v[j] = beta2 * v[j] + (1.0F - beta2) * g[j] * g[j];
      p[j] = keep * p[j] - rate * m[j] / (std::sqrt(v[j]) * root + eps);
    }
  });
}

Result<Moments> AdamW::gather_moments(std::size_t parameter) {
  const Moments& own = moments_[parameter];
  const at::Tensor& shape = parameters_[parameter].tensor;
  if (ranks_->world() == 1) return Moments{own.first.view_as(shape), own.second.view_as(shape)};
  const Moments whole{at::empty_like(shape.detach()), at::empty_like(shape.detach())};
  own_part(whole.first).copy_(own.first);
  own_part(whole.second).copy_(own.second);
  const std::array both = {whole.first, whole.second};
  if (auto gathered = ranks_->gather(both); !gathered) return fail(gathered.error());
  return whole;
}

void AdamW::set_moments(std::size_t parameter, const Moments& whole) {
  moments_[parameter].first.copy_(own_part(whole.first));
  moments_[parameter].second.copy_(own_part(whole.second));
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
