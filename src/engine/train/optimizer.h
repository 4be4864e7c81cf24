// AdamW (Loshchilov and Hutter 2019, arXiv 1711.05101), gradient clipping by the global norm, and
// learning-rate schedules, as torch and transformers compute them. The state is plain tensors, so
// that a checkpoint holds all of it and a resumed run goes on bit by bit.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

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

class AdamW {
 public:
  AdamW(std::vector<Parameter> parameters, AdamWOptions options);

  // The norm of all gradients together; they are scaled down to `max_norm` where it is larger.
  [[nodiscard]] double clip_gradients(double max_norm) const;
  void update(double learning_rate);  // one step along the gradients, which are then forgotten

  [[nodiscard]] const std::vector<Parameter>& parameters() const { return parameters_; }
  [[nodiscard]] std::vector<at::Tensor>& first_moments() { return first_; }  // as `parameters`
  [[nodiscard]] std::vector<at::Tensor>& second_moments() { return second_; }
  [[nodiscard]] std::int64_t steps() const { return steps_; }
  void set_steps(std::int64_t steps) { steps_ = steps; }

 private:
  std::vector<Parameter> parameters_;
  AdamWOptions options_;
  std::vector<at::Tensor> first_;
  std::vector<at::Tensor> second_;
  std::int64_t steps_ = 0;
};

enum class Schedule { kCosine, kLinear, kConstant };

// The rate of step 0, 1, …, steps-1: from 0 linearly to `peak` over `warmup` steps, then down to 0
// (or not, if constant). transformers' get_*_schedule_with_warmup.
[[nodiscard]] double learning_rate(Schedule schedule, double peak, std::int64_t step,
                                   std::int64_t warmup, std::int64_t steps);

}  // namespace hone::engine
