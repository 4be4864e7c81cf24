// A model folder with adapters merged into its weights, complete: what transformers, vLLM and
// `hone-engine` load as any other model. Used by `hone-engine merge`.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"

namespace hone::engine {

struct MergeOptions {
  std::string model;                  // a Hugging Face folder
  std::vector<std::string> adapters;  // PEFT folders; their changes add up
  std::string folder;                 // to make
  std::string dtype;                  // "bf16", "fp16" or "fp32"; empty: as the model is stored
  bool replace = false;               // an existing folder is an error otherwise
  // Weights beyond it go into several files with an index, as transformers splits them.
  std::uint64_t max_file_bytes = 5'000'000'000;
};

// The sum is formed in fp32 and rounded once. config.json keeps every field but the type; the
// tokenizer, the chat template, generation_config.json and the licence are copied. The folder
// appears whole or not at all; memory holds one tensor at a time.
[[nodiscard]] Result<void> merge_model(const MergeOptions& options);

}  // namespace hone::engine
