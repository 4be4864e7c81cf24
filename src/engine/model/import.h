// Turns a GGUF file (the format that laptops have) into a model folder in Hugging Face layout:
// config.json, model.safetensors, tokenizer.json, tokenizer_config.json (with the chat template)
// and generation_config.json. Weights are dequantised; the rows of Q and K, which llama.cpp keeps
// in its own order, go back to Hugging Face's. The folder appears whole or not at all. Progress
// goes to stderr.
#pragma once

#include <string>

#include "base/result.h"

namespace hone::engine {

struct ImportOptions {
  std::string gguf_path;
  std::string folder;
  std::string dtype = "bf16";  // or "f32", which loses nothing
  bool replace = false;        // an existing folder is an error otherwise
};

[[nodiscard]] Result<void> import_gguf(const ImportOptions& options);

}  // namespace hone::engine
