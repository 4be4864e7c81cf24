// Activation checkpointing (Chen et al. 2016, arXiv 1604.06174): a step of the forward pass that
// keeps its input and nothing else, and is computed again in the backward pass. One more forward
// pass buys the memory of all steps but one. Gradients are those of the plain pass, bit by bit,
// because the same operations run on the same values.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <vector>

namespace hone::engine {

using ForwardStep = std::function<at::Tensor(const at::Tensor&)>;

// step(x). `leaves` are the tensors that `step` holds and whose gradients are wanted. Where nothing
// wants a gradient this is a plain call.
[[nodiscard]] at::Tensor recomputed(ForwardStep step, const at::Tensor& x,
                                    const std::vector<at::Tensor>& leaves);

}  // namespace hone::engine
