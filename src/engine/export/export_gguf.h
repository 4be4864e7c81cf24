// A model, or an adapter, as a GGUF file that llama.cpp (and Ollama, LM Studio, …) loads: names,
// metadata and order of rows are those of llama.cpp's own converters. engine/model/import.h is the
// way back. The file is written tensor by tensor, beside its name, and appears there whole.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "engine/export/gguf_file.h"

namespace hone::engine {

struct GgufExport {
  std::string model;                  // a Hugging Face folder
  std::vector<std::string> adapters;  // PEFT folders, merged into it
  std::string file;
  GgufType type = GgufType::kF16;  // of matrices; norms and biases stay F32
};

// What llama.cpp will do a little differently than Hone is said on stderr.
[[nodiscard]] Result<void> export_gguf(const GgufExport& options);

struct GgufAdapterExport {
  std::string model;    // its config.json alone is read
  std::string adapter;  // a PEFT folder
  std::string file;
  GgufType type = GgufType::kF32;
};

// One adapter for llama.cpp's --lora, over a GGUF file of the model it was trained on. llama.cpp
// scales by alpha / r; that of rsLoRA becomes an alpha that gives alpha / sqrt(r).
[[nodiscard]] Result<void> export_gguf_adapter(const GgufAdapterExport& options);

// The rows of a tensor in llama.cpp's order, which keeps rotary pairs side by side: within a head
// of size d its row 2j + k is Hugging Face's row k d/2 + j.
[[nodiscard]] at::Tensor in_gguf_order(const at::Tensor& tensor, std::int64_t heads);

}  // namespace hone::engine
