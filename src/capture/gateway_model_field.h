// Finds the "model" of a request's JSON without parsing the rest, so that another name can be put
// in its place and every other byte stays as the client wrote it.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "base/result.h"
#include "wire/call_parts.h"

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
// The same, without another look at what was cut already.
[[nodiscard]] Result<ModelField> find_model(const wire::CutBody& body);

// The body in pieces, one after the other, with another name in the place of the model's. `name` is
// a JSON string as `json_string` makes it; the pieces lie in it and in the body.
[[nodiscard]] std::array<std::string_view, 3> with_model(std::string_view body,
                                                         const ModelField& field,
                                                         std::string_view name);
[[nodiscard]] std::string json_string(std::string_view text);

}  // namespace hone::capture
