// JSON as chat templates write it: Jinja's filter `tojson` of Hugging Face's transformers, which is
// Python's json.dumps(value, ensure_ascii=False, indent=…). Models saw their tools so in training,
// blanks and all.
#pragma once

#include <cstddef>
#include <string>

#include "base/json.h"

namespace hone::engine {

// `indent` 0: one line, {"a": 1, "b": [2.0, 3]}. Else a line for each member, that much deeper than
// what it is in. Keys stay in their order.
[[nodiscard]] std::string template_json(const json::value& value, std::size_t indent = 0);

}  // namespace hone::engine
