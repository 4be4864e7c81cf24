#include "engine/model/lora.h"

#include <ATen/ops/addmm.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>

#include <cmath>
#include <exception>
#include <span>

#include "base/file.h"
#include "engine/model/in_quotes.h"
#include "engine/model/safetensors.h"

namespace hone::engine {
namespace {

LoraPair& pair_of(LoraLayer& layer, Projection which) {
  return layer[static_cast<std::size_t>(which)];
}

const LoraPair& pair_of(const LoraLayer& layer, Projection which) {
  return layer[static_cast<std::size_t>(which)];
}

// Of a matrix that check_lora_file let pass.
Result<at::Tensor> read_matrix(const SafetensorsFile& file, const std::string& name, Shape shape) {
  at::Tensor target = at::empty({shape.out, shape.in}, at::TensorOptions(at::kFloat));
  if (auto copied = copy_into(target, *file.find(name)); !copied) return fail(copied.error());
  return target;
}

Result<LoraAdapter> read_matrices(const SafetensorsFile& file, LoraConfig config,
                                  const LlamaConfig& model) {
  LoraAdapter adapter{std::move(config), {}};
  adapter.layers.resize(static_cast<std::size_t>(model.num_hidden_layers));
  for (std::size_t i = 0; i < adapter.layers.size(); ++i) {
    for (const Projection which : adapter.config.targets) {
      const Shape shape = shape_of(model, which);
      auto a = read_matrix(file, peft_name(i, which, "lora_A"), {adapter.config.r, shape.in});
      if (!a) return fail(a.error());
      auto b = read_matrix(file, peft_name(i, which, "lora_B"), {shape.out, adapter.config.r});
      if (!b) return fail(b.error());
      pair_of(adapter.layers[i], which) = {std::move(*a), std::move(*b)};
    }
  }
  if (auto whole = file.still_whole(); !whole) return fail(whole.error());
  return adapter;
}

}  // namespace

LoraAdapter make_lora(const LlamaConfig& model, const LoraConfig& config, Random random) {
  LoraAdapter adapter{config, {}};
  adapter.layers.resize(static_cast<std::size_t>(model.num_hidden_layers));
  for (LoraLayer& layer : adapter.layers) {
    for (const Projection which : config.targets) {
      const Shape shape = shape_of(model, which);
      LoraPair& pair = pair_of(layer, which);
      pair.a = at::empty({config.r, shape.in}, at::TensorOptions(at::kFloat));
      pair.b = at::zeros({shape.out, config.r}, at::TensorOptions(at::kFloat));
      const double bound = 1.0 / std::sqrt(static_cast<double>(shape.in));
      for (float& value :
           std::span(pair.a.mutable_data_ptr<float>(), static_cast<std::size_t>(pair.a.numel()))) {
        value = static_cast<float>((2.0 * random.uniform() - 1.0) * bound);
      }
    }
  }
  return adapter;
}

Result<LoraAdapter> load_lora(const std::string& folder, const LlamaConfig& model) {
  const std::string config_path = folder + "/adapter_config.json";
  auto text = read_file(posix_files(), config_path, kMaxLoraConfigBytes);
  if (!text) return fail(text.error());
  auto config = parse_lora_config(*text, config_path);
  if (!config) return fail(config.error());
  const std::string path = folder + "/adapter_model.safetensors";
  auto file = SafetensorsFile::open(path);
  if (!file) return fail(file.error());
  if (auto fits = check_lora_file(*file, *config, model); !fits) {
    return fail(fits.error().with(path));
  }
  try {
    auto adapter = read_matrices(*file, std::move(*config), model);
    if (!adapter) return fail(adapter.error().with(path));
    return adapter;
  } catch (const std::exception& error) {  // libtorch, where memory is short
    return fail(ErrorCode::kUnavailable,
                path + ": it cannot be read into memory: " + first_line(error.what()));
  }
}

Result<void> save_lora(const LoraAdapter& adapter, const std::string& folder,
                       const std::string& base_model) {
  auto written =
      save_tensors(folder + "/adapter_model.safetensors", named_tensors(adapter), at::kFloat);
  if (!written) return written;
  return write_file_atomically(posix_files(), folder + "/adapter_config.json",
                               lora_config_text(adapter.config, base_model));
}

std::vector<NamedTensor> named_tensors(const LoraAdapter& adapter) {
  std::vector<NamedTensor> all;
  for (std::size_t i = 0; i < adapter.layers.size(); ++i) {
    for (const Projection which : adapter.config.targets) {
      const LoraPair& pair = pair_of(adapter.layers[i], which);
      all.push_back({peft_name(i, which, "lora_A"), pair.a});
      all.push_back({peft_name(i, which, "lora_B"), pair.b});
    }
  }
  return all;
}

void merge_lora(LlamaWeights& weights, const LoraAdapter& adapter) {
  HONE_ASSERT(adapter.layers.size() == weights.layers.size());
  for (std::size_t i = 0; i < adapter.layers.size(); ++i) {
    for (const Projection which : adapter.config.targets) {
      const LoraPair& pair = pair_of(adapter.layers[i], which);
      at::Tensor weight = projection(weights.layers[i], weights.config, which).weight;
      weight.copy_(at::addmm(weight.to(at::kFloat), pair.b.detach(), pair.a.detach(), 1.0,
                             adapter.config.scale()));
    }
  }
}

}  // namespace hone::engine
