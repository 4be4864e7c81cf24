// AdamW (Loshchilov and Hutter 2019, arXiv 1711.05101), gradient clipping by the global norm, and
// learning-rate schedules, as torch and transformers compute them. The state is plain tensors, so
// that a checkpoint holds all of it and a resumed run goes on bit by bit.
//
// Over several ranks it is sharded (Rajbhandari et al. 2020, arXiv 1910.02054, "P_os"): each rank
// has the moments of its part of every parameter (ranks/collective.h), gets the sum of all ranks'
// gradients for that part, moves it, and the parts are gathered, so that all ranks have the same
// parameters. A world of one owns all parts, by the same lines.
#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/ranks/collective.h"
#include "engine/ranks/mesh.h"

namespace hone::engine {

// A leaf that is trained, fp32 and contiguous.
struct Parameter {
  std::string name;
  at::Tensor tensor;
  bool decays = true;  // norms and biases do not
};

struct AdamWOptions {
  double beta1 = 0.9;
  double beta2 = 0.999;
  double eps = 1e-8;
  double weight_decay = 0.0;
};

// Of one parameter, in its shape.
struct Moments {
  at::Tensor first;
  at::Tensor second;
};

// All ranks call the same, at the same time.
class AdamW {
 public:
  AdamW(std::vector<Parameter> parameters, AdamWOptions options,
        std::shared_ptr<Collective> ranks = alone());

  // Adds up the gradients that backward passes left on all ranks, and gives their norm, all
  // together; they are scaled down to `max_norm` where it is larger. Fails as `Collective` does.
  [[nodiscard]] Result<double> clip_gradients(double max_norm);
  // One step along the gradients that `clip_gradients` left, which are then forgotten.
  [[nodiscard]] Result<void> update(double learning_rate);

  [[nodiscard]] const std::vector<Parameter>& parameters() const { return parameters_; }
  // Of a parameter, whole on rank 0 (elsewhere only the rank's part has meaning).
  [[nodiscard]] Result<Moments> gather_moments(std::size_t parameter);
  void set_moments(std::size_t parameter, const Moments& whole);
  [[nodiscard]] std::int64_t steps() const { return steps_; }
  void set_steps(std::int64_t steps) { steps_ = steps; }

 private:
  [[nodiscard]] Result<void> add_up_gradients();
  [[nodiscard]] at::Tensor own_part(const at::Tensor& whole) const;  // a view, flat
  void move(std::size_t parameter, double learning_rate);

  std::vector<Parameter> parameters_;
  AdamWOptions options_;
  std::shared_ptr<Collective> ranks_;
  std::vector<Moments> moments_;  // of the own part, flat
  std::int64_t steps_ = 0;
};

enum class Schedule { kCosine, kLinear, kConstant };

// The rate of step 0, 1, …, steps-1: from 0 linearly to `peak` over `warmup` steps, then down to 0
// (or not, if constant). transformers' get_*_schedule_with_warmup.
[[nodiscard]] double learning_rate(Schedule schedule, double peak, std::int64_t step,
                                   std::int64_t warmup, std::int64_t steps);

}  // namespace hone::engine
