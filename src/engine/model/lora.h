// Low-rank adapters (Hu et al. 2021, arXiv 2106.09685): a frozen W gets W + s B A with A [r, in]
// and B [out, r], s = alpha / r, or alpha / sqrt(r) with `rs` (rsLoRA, arXiv 2312.03732). Files are
// PEFT's: adapter_config.json and adapter_model.safetensors, so that vLLM and PEFT load ours and we
// load theirs, as long as rank and alpha are the same everywhere and only the seven projections are
// adapted; anything else in a file is an error that names it.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "base/random.h"
#include "base/result.h"
#include "engine/model/llama.h"
#include "engine/model/lora_config.h"

namespace hone::engine {

struct LoraPair {
  at::Tensor a;  // [r, in], fp32; undefined where the projection is not adapted
  at::Tensor b;  // [out, r], fp32
};

using LoraLayer = std::array<LoraPair, kProjections.size()>;  // indexed by Projection

struct LoraAdapter {
  LoraConfig config;
  std::vector<LoraLayer> layers;
};

// A fresh adapter as PEFT makes it: A from kaiming_uniform(a = sqrt 5), which is
// U(-1/sqrt(in), 1/sqrt(in)), and B zero, so that training starts at the base model.
[[nodiscard]] LoraAdapter make_lora(const LlamaConfig& model, const LoraConfig& config,
                                    Random random);

[[nodiscard]] Result<LoraAdapter> load_lora(const std::string& folder, const LlamaConfig& model);
// Writes both files into `folder`, which exists. `base_model` is noted in adapter_config.json.
[[nodiscard]] Result<void> save_lora(const LoraAdapter& adapter, const std::string& folder,
                                     const std::string& base_model);

// A and B by PEFT's names ("base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight").
[[nodiscard]] std::vector<NamedTensor> named_tensors(const LoraAdapter& adapter);

// W += s B A, computed in fp32 and rounded once to the weights' type.
void merge_lora(LlamaWeights& weights, const LoraAdapter& adapter);

}  // namespace hone::engine
