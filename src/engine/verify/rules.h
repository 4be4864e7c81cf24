// One function a type of verifier, from its JSON. Only for this folder.
#pragma once

#include <optional>

#include "engine/verify/verifier.h"

namespace hone::engine {

[[nodiscard]] Result<Verifier::Rule> exact_rule(const json::object& object);
[[nodiscard]] Result<Verifier::Rule> regex_rule(const json::object& object);
[[nodiscard]] Result<Verifier::Rule> numeric_rule(const json::object& object);
[[nodiscard]] Result<Verifier::Rule> json_schema_rule(const json::object& object);
[[nodiscard]] Result<Verifier::Rule> unit_tests_rule(const json::object& object);

// The inside of the first ``` fence of `answer`, or nothing where there is none. A fence that is
// not closed goes to the end.
[[nodiscard]] std::optional<std::string_view> fenced(std::string_view answer);

// The beginning of `text` that a reason has room for.
[[nodiscard]] std::string excerpt(std::string_view text);

}  // namespace hone::engine
