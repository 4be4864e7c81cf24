#include "engine/export/merged_model.h"

#include <ATen/ops/addmm.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/isfinite.h>

namespace hone::engine {
namespace {

std::size_t index(Projection projection) {
  return static_cast<std::size_t>(projection);
}

Result<at::ScalarType> stored_type_of(const Checkpoint& files, const std::string& folder) {
  const std::string name = module_name(0, Projection::kQ) + ".weight";
  const TensorView* view = files.find(name);
  if (view == nullptr) {
    return fail(ErrorCode::kInvalid, folder + ": tensor '" + name + "' is missing");
  }
  switch (view->dtype) {
    case DType::kF16:
      return at::kHalf;
    case DType::kBF16:
      return at::kBFloat16;
    default:
      return at::kFloat;  // what is no float at all is refused when it is read
  }
}

}  // namespace

Result<MergedModel> MergedModel::open(const std::string& folder,
                                      const std::vector<std::string>& adapters) {
  auto config = read_config(folder);
  if (!config) return fail(config.error());
  auto files = Checkpoint::open(folder);
  if (!files) return fail(files.error());
  auto stored = stored_type_of(*files, folder);
  if (!stored) return fail(stored.error());
  MergedModel model;
  model.config_ = std::move(*config);
  model.files_ = std::move(*files);
  model.stored_type_ = *stored;
  for (const std::string& adapter : adapters) {
    auto loaded = load_lora(adapter, model.config_);
    if (!loaded) return fail(loaded.error());
    model.adapters_.push_back(std::move(*loaded));
  }
  model.tensors_ = tensors_of(model.config_);
  return model;
}

Result<at::Tensor> MergedModel::tensor(const ModelTensor& which, at::ScalarType type) const {
  const TensorView* view = files_.find(which.name);
  if (view == nullptr) {
    return fail(ErrorCode::kInvalid, "tensor '" + which.name + "' is missing in the model");
  }
  const bool merges = which.adapted && !adapters_.empty();
  at::Tensor weight = at::empty(which.shape, at::TensorOptions(merges ? at::kFloat : type));
  if (auto copied = copy_into(weight, *view); !copied) return fail(copied.error());
  if (merges) {
    for (const LoraAdapter& adapter : adapters_) {
      const LoraPair& pair = adapter.layers[which.adapted->layer][index(which.adapted->projection)];
      if (!pair.a.defined()) continue;
      weight = at::addmm(weight, pair.b, pair.a, 1.0, adapter.config.scale());
    }
    weight = weight.to(type);
  }
  if (type == at::kHalf && !at::isfinite(weight).all().item<bool>()) {
    return fail(ErrorCode::kInvalid,
                "tensor '" + which.name +
                    "' has a value that fp16 cannot hold (beyond 65504, or not a number); bf16 can "
                    "hold large ones");
  }
  return weight;
}

}  // namespace hone::engine
