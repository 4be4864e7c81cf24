// Golden tensors for the tests of this folder and of train/: read by name, compared by tolerance.
#pragma once

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "engine/model/llama.h"
#include "engine/model/safetensors.h"
#include "engine/model/test_support.h"

namespace hone::engine {

using Tensors = std::map<std::string, at::Tensor>;

inline Tensors read_tensors(const std::string& path) {
  auto file = SafetensorsFile::open(path);
  if (!file) ADD_FAILURE() << file.error().message;
  Tensors tensors;
  for (const TensorView& view : file->tensors()) {
    const auto type = view.dtype == DType::kI64    ? at::kLong
                      : view.dtype == DType::kI32  ? at::kInt
                      : view.dtype == DType::kBF16 ? at::kBFloat16
                                                   : at::kFloat;
    at::Tensor tensor = at::empty(view.shape, at::TensorOptions(type));
    std::copy(view.bytes.begin(), view.bytes.end(), static_cast<char*>(tensor.mutable_data_ptr()));
    tensors[view.name] = tensor;
  }
  return tensors;
}

// |got - want| <= tolerance * (1 + |want|), element by element.
inline void expect_near(const at::Tensor& got, const at::Tensor& want, double tolerance,
                        const std::string& what) {
  ASSERT_EQ(got.sizes(), want.sizes()) << what;
  const at::Tensor excess = (got.detach() - want).abs() - tolerance * (1.0 + want.abs());
  EXPECT_LE(excess.max().item<double>(), 0.0)
      << what << ": off by up to " << (got.detach() - want).abs().max().item<double>();
}

// ||got - want|| <= tolerance * ||want||.
inline void expect_same_direction(const at::Tensor& got, const at::Tensor& want, double tolerance,
                                  const std::string& what) {
  ASSERT_TRUE(got.defined()) << what << " has no gradient";
  ASSERT_EQ(got.sizes(), want.sizes()) << what;
  const double error = (got - want).norm().item<double>();
  EXPECT_LE(error, tolerance * want.norm().item<double>() + 1e-9) << what;
}

// Hugging Face's names to tensors, of the weights or of their gradients.
inline void switch_on_gradients(LlamaWeights& weights) {
  const auto on = [](const at::Tensor& tensor) {
    if (tensor.defined()) tensor.requires_grad_(true);
  };
  on(weights.embed_tokens);
  if (!weights.config.tie_word_embeddings) on(weights.lm_head);
  on(weights.norm);
  for (const LlamaLayer& layer : weights.layers) {
    for (const at::Tensor& tensor :
         {layer.input_norm, layer.post_attention_norm, layer.qkv.weight, layer.qkv.bias,
          layer.o.weight, layer.o.bias, layer.gate_up.weight, layer.gate_up.bias, layer.down.weight,
          layer.down.bias}) {
      on(tensor);
    }
  }
}

inline LlamaWeights gradients_of(const LlamaWeights& weights) {
  const auto grad = [](const at::Tensor& tensor) {
    return tensor.defined() ? tensor.grad() : tensor;
  };
  const auto both = [&grad](const Linear& linear) {
    return Linear{grad(linear.weight), grad(linear.bias)};
  };
  LlamaWeights result{
      weights.config, grad(weights.embed_tokens), {}, grad(weights.norm), grad(weights.lm_head)};
  for (const LlamaLayer& layer : weights.layers) {
    result.layers.push_back({grad(layer.input_norm), grad(layer.post_attention_norm),
                             both(layer.qkv), both(layer.o), both(layer.gate_up),
                             both(layer.down)});
  }
  return result;
}

}  // namespace hone::engine
