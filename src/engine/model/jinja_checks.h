// Jinja's tests, which stand behind `is`. Used by jinja*.cpp only.
#pragma once

#include <string_view>

#include "engine/model/jinja_arguments.h"
#include "engine/model/jinja_value.h"

namespace hone::engine::jinja {

// Fails where there is no test of that name.
[[nodiscard]] bool check(std::string_view name, const Value& subject, const Arguments& arguments,
                         Budget& budget);

}  // namespace hone::engine::jinja
