// `hone-engine loss`: folders and files in, one JSON object out.
#pragma once

#include <string>

#include "base/json.h"
#include "base/result.h"

namespace hone::engine {

struct LossOptions {
  std::string method;
  std::string config = "{}";  // JSON text, or the path of a file with it
  std::string policy;         // a Hugging Face folder
  std::string reference;      // another, or empty: the policy with its adapter off
  std::string adapter;        // a PEFT folder on the policy, or empty
  std::string batch;          // safetensors
  std::string grads;          // a safetensors file to write, or empty
};

// {"loss", "metrics", "grad_norm"}, computed in fp32. With an adapter the gradients are those of
// its A and B, otherwise those of every weight that the loss reaches, fp32, by PEFT's or Hugging
// Face's names.
[[nodiscard]] Result<json::object> loss_report(const LossOptions& options);

}  // namespace hone::engine
