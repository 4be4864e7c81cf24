// tokenizer.json describes what it does as steps: objects with a `type`, alone or in a Sequence.
// Reading them, for the parts of the tokenizer that do them. Used by the tokenizer only.
#pragma once

#include <string_view>
#include <vector>

#include "base/json.h"

namespace hone::engine {

// The steps of `part` ("normalizer"): those of its list `list` ("normalizers") where it is a
// Sequence, else itself. Borrowed from `part`. An error names the part.
[[nodiscard]] Result<std::vector<const json::object*>> read_steps(const json::value& part,
                                                                  std::string_view name,
                                                                  std::string_view list);

// "normalizer: 'NFC' is not supported …": `why` ends the sentence.
[[nodiscard]] std::unexpected<Error> unsupported_step(std::string_view part,
                                                      const json::object& step,
                                                      std::string_view why);

// Whether `step` is a Replace of the plain text `from` by `to`.
[[nodiscard]] bool replaces(const json::object& step, std::string_view from, std::string_view to);

[[nodiscard]] bool is_true(const json::object& object, std::string_view name);
[[nodiscard]] bool is_false_or_absent(const json::object& object, std::string_view name);

}  // namespace hone::engine
