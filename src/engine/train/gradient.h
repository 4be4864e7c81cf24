// The gradient of a model's mean cross-entropy on some texts: what one step of plain training would
// follow, for holding it against another implementation's.
#pragma once

#include <iosfwd>
#include <string>

#include "base/json.h"
#include "base/result.h"

namespace hone::engine {

struct GradientOptions {
  std::string model;    // a Hugging Face folder
  std::string adapter;  // a PEFT folder, or empty
  std::string out;      // a safetensors file, written
};

// Reads lines as line_reader.h has them. The mean is over all targets of all lines together. Writes
// the gradient of every weight, fp32, by its Hugging Face name; with an adapter, of its A and B by
// PEFT's names. Gives {"loss", "tokens", "grad_norm"}; `tokens` is how many targets there were. A
// bad line is an error that names it.
[[nodiscard]] Result<json::object> write_gradient(std::istream& in, const GradientOptions& options);

}  // namespace hone::engine
