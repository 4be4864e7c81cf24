// One function a type of verifier, from its JSON. Only for this folder.
#pragma once

#include <initializer_list>
#include <optional>

#include "engine/verify/verifier.h"

namespace hone::engine {

[[nodiscard]] Result<Verifier::Rule> exact_rule(const json::object& object);
[[nodiscard]] Result<Verifier::Rule> regex_rule(const json::object& object);
[[nodiscard]] Result<Verifier::Rule> numeric_rule(const json::object& object);
[[nodiscard]] Result<Verifier::Rule> json_schema_rule(const json::object& object);
[[nodiscard]] Result<Verifier::Rule> unit_tests_rule(const json::object& object);

// The index of the one of `names` that stands at `name`; the first where it is absent.
[[nodiscard]] Result<std::size_t> choice_field(const json::object& object, std::string_view name,
                                               std::initializer_list<std::string_view> names);

// The inside of the first ``` fence of `answer`, or nothing where there is none. A fence that is
// not closed goes to the end.
[[nodiscard]] std::optional<std::string_view> fenced(std::string_view answer);

// The beginning of `text` that a reason has room for.
[[nodiscard]] std::string excerpt(std::string_view text);

}  // namespace hone::engine
