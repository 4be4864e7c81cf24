// Tasks: interactions that came with a verifier (an import keeps it in `params.verifier`), in the
// form that the engine reads (docs/formats/engine.md, "verify").
#pragma once

#include <optional>
#include <string_view>

#include "base/json.h"

namespace hone::curate {

// Whether an interaction's `params` say how an answer is checked.
[[nodiscard]] bool has_verifier(std::string_view params);

// The verifier: one of the engine's types as it stands, or what the shipped maps keep
// ({"kind": "number", "expected"}, {"kind": "python", "setup", "tests"}) made into one. Nothing
// where it is of a kind that the engine does not know.
[[nodiscard]] std::optional<json::object> verifier_of(std::string_view params);

}  // namespace hone::curate
