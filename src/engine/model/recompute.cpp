#include "engine/model/recompute.h"

#include <ATen/core/grad_mode.h>
#include <ATen/core/ivalue.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

namespace hone::engine {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct HeldStep : torch::CustomClassHolder {
  HeldStep(ForwardStep given, std::vector<at::Tensor> tensors)
      : step(std::move(given)), leaves(std::move(tensors)) {}
  ForwardStep step;
  std::vector<at::Tensor> leaves;
};
using HeldStepPtr = c10::intrusive_ptr<HeldStep>;

class Recomputed : public torch::autograd::Function<Recomputed> {
 public:
  // Runs without recording; `leaves` are those of `held`, so that autograd counts them as inputs.
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x,
                            at::TensorList /*leaves*/, const HeldStepPtr& held) {
    context->save_for_backward({x});
    context->saved_data["step"] = c10::IValue::make_capsule(held);
    return held->step(x);
  }

  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    const auto capsule = context->saved_data["step"].toCapsule();
    const auto& held = static_cast<const HeldStep&>(*capsule);
    const bool into_x = context->needs_input_grad(0);
    const at::AutoGradMode recording(true);
    const at::Tensor x = context->get_saved_variables()[0].detach().requires_grad_(into_x);
    variable_list inputs = held.leaves;
    if (into_x) inputs.insert(inputs.begin(), x);
    variable_list gradients =
        torch::autograd::grad({held.step(x)}, inputs, {grads[0]}, /*retain_graph=*/std::nullopt,
                              /*create_graph=*/false, /*allow_unused=*/true);
    if (!into_x) gradients.insert(gradients.begin(), at::Tensor());
    gradients.emplace_back();  // the step has none
    return gradients;
  }
};

}  // namespace

at::Tensor recomputed(ForwardStep step, const at::Tensor& x,
                      const std::vector<at::Tensor>& leaves) {
  std::vector<at::Tensor> wanted;
  std::ranges::copy_if(leaves, std::back_inserter(wanted), [](const at::Tensor& leaf) {
    return leaf.defined() && leaf.requires_grad();
  });
  if (!at::GradMode::is_enabled() || (wanted.empty() && !x.requires_grad())) return step(x);
  const auto held = c10::make_intrusive<HeldStep>(std::move(step), wanted);
  return Recomputed::apply(x, at::TensorList(wanted), held);
}

}  // namespace hone::engine
