// The methods of Python's str, dict and list, as far as templates call them. Used by jinja*.cpp
// only.
#pragma once

#include <string_view>

#include "engine/model/jinja_arguments.h"
#include "engine/model/jinja_value.h"

namespace hone::engine::jinja {

// Whether Python's type of `object` has a method of that name, supported here or not: a name that
// is a method there is never looked up as a key.
enum class MethodKind { kNone, kPure, kChanging };
[[nodiscard]] MethodKind find_method(const Value& object, std::string_view name);

[[nodiscard]] Value call_method(const Method& method, const Arguments& arguments, Budget& budget);

}  // namespace hone::engine::jinja
