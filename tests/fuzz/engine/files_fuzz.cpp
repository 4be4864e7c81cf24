// Files of tensors: safetensors, GGUF, adapters.
#include <algorithm>
#include <cmath>

#include "engine/model/gguf.h"
#include "engine/model/import_tokenizer.h"
#include "engine/model/lora_config.h"
#include "engine/model/safetensors.h"
#include "fuzz/engine/targets.h"

namespace hone::fuzz {
namespace {

using engine::GgufFile;
using engine::SafetensorsFile;

// Nothing overflows, or it would not have been let pass.
std::uint64_t elements_of(const std::vector<std::int64_t>& shape) {
  std::uint64_t elements = 1;
  for (const std::int64_t size : shape) {
    must(size >= 0, "a dimension below zero");
    elements *= static_cast<std::uint64_t>(size);
  }
  return elements;
}

void look_at(const SafetensorsFile& file, std::size_t file_bytes) {
  std::size_t total = 0;
  std::uint64_t sum = 0;
  for (const engine::TensorView& view : file.tensors()) {
    must(elements_of(view.shape) * size_bytes(view.dtype) == view.bytes.size(),
         "a tensor of another size than its shape");
    must(file.find(view.name) == &view, "a tensor that is not found by its name");
    total += view.bytes.size();
    for (const char byte : view.bytes) sum += static_cast<unsigned char>(byte);  // it can be read
  }
  must(total < file_bytes && sum <= 255 * std::uint64_t{total}, "more bytes than the file has");
}

}  // namespace

void safetensors(std::string_view bytes) {
  const auto file = SafetensorsFile::parse(std::string(bytes), "fuzz");
  if (!file) return must_be_told(file.error());
  look_at(*file, bytes.size());
}

void gguf(std::string_view bytes) {
  const auto file = GgufFile::parse(std::string(bytes), "fuzz");
  if (!file) return must_be_told(file.error());
  std::size_t total = 0;
  for (const engine::GgufTensor& tensor : file->tensors()) {
    total += tensor.bytes.size();
    must(total <= bytes.size(), "more bytes than the file has");
    const auto values = dequantise(tensor);
    if (!values) {
      must_be_told(values.error());
      continue;
    }
    must(values->size() == elements_of(tensor.shape), "a tensor of another size than its shape");
  }
  for (const auto& made : {tokenizer_json_of(*file), tokenizer_config_of(*file)}) {
    if (!made) must_be_told(made.error());
  }
  if (const auto ends = end_tokens_of(*file); !ends) must_be_told(ends.error());
}

void adapter(std::string_view bytes) {
  engine::LlamaConfig model;
  model.hidden_size = 4;
  model.intermediate_size = 6;
  model.num_hidden_layers = 1;
  model.num_attention_heads = 2;
  model.num_key_value_heads = 1;
  model.head_dim = 2;
  const std::size_t end = std::min(bytes.find('\0'), bytes.size());
  const auto config = engine::parse_lora_config(bytes.substr(0, end), "fuzz");
  if (!config) return must_be_told(config.error());
  const auto again = engine::parse_lora_config(lora_config_text(*config, "base"), "again");
  must(again && again->r == config->r && again->targets == config->targets &&
           std::abs(again->scale() - config->scale()) <= 1e-9 * std::abs(config->scale()),
       "a configuration that does not come back");
  const auto rest = bytes.substr(std::min(end + 1, bytes.size()));
  const auto file = SafetensorsFile::parse(std::string(rest), "fuzz");
  if (!file) return must_be_told(file.error());
  const auto fits = check_lora_file(*file, *config, model);
  if (!fits) return must_be_told(fits.error());
  must(file->tensors().size() == 2 * config->targets.size(), "a tensor too many");
}

}  // namespace hone::fuzz
