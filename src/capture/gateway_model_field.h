// Finds the "model" of a request's JSON without parsing the rest, so that another name can be put
// in its place and every other byte stays as the client wrote it.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace hone::capture {

struct ModelField {
  std::size_t begin = 0;  // of the JSON string, at its opening quote
  std::size_t size = 0;   // with both quotes
  std::string value;      // decoded
};

// kInvalid where the body is no JSON object, has no "model" string at its top level, or has two:
// which of them counts would depend on who reads. It is no validation: other mistakes are the
// upstream's to find.
[[nodiscard]] Result<ModelField> find_model(std::string_view body);

[[nodiscard]] std::string with_model(std::string_view body, const ModelField& field,
                                     std::string_view model);

}  // namespace hone::capture
