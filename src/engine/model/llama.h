// The weights of a Llama-family model, as the forward pass wants them. Projections that read the
// same input are kept as one matrix (q, k and v; gate and up), because one large product is faster
// than three; `projection` gives the part that Hugging Face calls by a name.
//
//   auto weights = load_llama("models/SmolLM2-135M-Instruct", at::kFloat);
//   at::Tensor q = projection(weights->layers[0], weights->config, Projection::kQ).weight;
//
// Tensors are plain, without gradients; a trainer switches them on. Reading is safe from any
// thread.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

#include "base/result.h"
#include "engine/model/config.h"
#include "engine/model/projection.h"
#include "engine/model/safetensors.h"

namespace hone::engine {

struct Linear {
  at::Tensor weight;  // [out, in]
  at::Tensor bias;    // [out], or undefined
};

struct LlamaLayer {
  at::Tensor input_norm;           // [hidden]
  at::Tensor post_attention_norm;  // [hidden]
  Linear qkv;                      // the rows of q, then k, then v
  Linear o;
  Linear gate_up;  // the rows of gate, then up
  Linear down;
};

struct LlamaWeights {
  LlamaConfig config;
  at::Tensor embed_tokens;  // [vocab, hidden]
  std::vector<LlamaLayer> layers;
  at::Tensor norm;     // [hidden]
  at::Tensor lm_head;  // [vocab, hidden]; the same tensor as embed_tokens where they are tied
};

// The rows of a fused matrix that belong to `which`; a view.
[[nodiscard]] Linear projection(const LlamaLayer& layer, const LlamaConfig& config,
                                Projection which);

// Reads a Hugging Face folder (one safetensors file or shards; F32, F16 or BF16) into `dtype`.
[[nodiscard]] Result<LlamaWeights> load_llama(const std::string& folder, at::ScalarType dtype);

// Every weight by its Hugging Face name, as views; a tied lm_head is left out, as in the files.
struct NamedTensor {
  std::string name;
  at::Tensor tensor;
};
[[nodiscard]] std::vector<NamedTensor> named_tensors(const LlamaWeights& weights);

// Writes model.safetensors and config.json with weights in `dtype`. `folder` exists.
[[nodiscard]] Result<void> save_llama(const LlamaWeights& weights, const std::string& folder,
                                      at::ScalarType dtype);

// Copies a tensor of a file into `target`, which has the shape that the file must have.
[[nodiscard]] Result<void> copy_into(at::Tensor target, const TensorView& view);

// Writes tensors in `dtype` (kFloat or kBFloat16) under their names.
[[nodiscard]] Result<void> save_tensors(const std::string& path,
                                        const std::vector<NamedTensor>& tensors,
                                        at::ScalarType dtype);

}  // namespace hone::engine
