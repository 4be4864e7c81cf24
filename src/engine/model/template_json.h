// JSON as chat templates write it: Jinja's filter `tojson` of Hugging Face's transformers, which is
// Python's json.dumps(value, ensure_ascii=False, indent=…). Models saw their tools so in training,
// blanks and all.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "base/json.h"

namespace hone::engine {

// json.dumps's arguments, with the filter's defaults.
struct JsonStyle {
  std::optional<std::size_t> indent{};          // a line for each member, that much deeper
  std::optional<std::string> item_separator{};  // ", ", or "," where there is an indent
  std::string key_separator = ": ";
  bool ensure_ascii = false;
  bool sort_keys = false;
};
[[nodiscard]] std::string template_json(const json::value& value, const JsonStyle& style);

// `indent` 0: one line, {"a": 1, "b": [2.0, 3]}. Else a line for each member, that much deeper than
// what it is in. Keys stay in their order.
[[nodiscard]] std::string template_json(const json::value& value, std::size_t indent = 0);

}  // namespace hone::engine
