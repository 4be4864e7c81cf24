// The weights of a model folder with adapters added to them, one tensor at a time, so that a model
// larger than memory can be written in another form.
//
//   auto model = MergedModel::open("models/base", {"runs/7/adapter"});
//   for (const ModelTensor& each : model->tensors()) use(model->tensor(each, at::kBFloat16));
//
// W + s1 B1 A1 + s2 B2 A2 + … is computed in fp32 and rounded once, to the type that is asked for;
// a tensor that no adapter touches, asked for in the type it is stored in, keeps its bits. Adapters
// add up, so their order says nothing beyond fp32's rounding. Immutable: any thread may read it.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

#include "base/result.h"
#include "engine/model/llama.h"
#include "engine/model/lora.h"
#include "engine/model/model_tensors.h"
#include "engine/model/safetensors.h"

namespace hone::engine {

class MergedModel {
 public:
  // An adapter that does not fit the model is an error that names its file and tensor.
  [[nodiscard]] static Result<MergedModel> open(const std::string& folder,
                                                const std::vector<std::string>& adapters);

  [[nodiscard]] const LlamaConfig& config() const { return config_; }
  [[nodiscard]] const std::vector<ModelTensor>& tensors() const { return tensors_; }
  // The type that the model's projections are stored in.
  [[nodiscard]] at::ScalarType stored_type() const { return stored_type_; }

  // Whether the files were the same all the while (mapped_file.h): to be asked when all is read.
  [[nodiscard]] Result<void> still_whole() const { return files_.still_whole(); }

  // Contiguous, in `type`. A value that fp16 cannot hold is an error that names the tensor.
  [[nodiscard]] Result<at::Tensor> tensor(const ModelTensor& which, at::ScalarType type) const;

 private:
  MergedModel() = default;

  LlamaConfig config_;
  Checkpoint files_;
  std::vector<LoraAdapter> adapters_;
  std::vector<ModelTensor> tensors_;
  at::ScalarType stored_type_ = at::kFloat;
};

}  // namespace hone::engine
