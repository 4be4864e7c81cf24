// Used by jinja_tokens.cpp only.
#pragma once

#include <string>
#include <string_view>

namespace hone::engine::jinja {

// What a string literal stands for: Python's escapes (\n, \x41, \u00e9, …). A backslash before
// anything else stays. Throws Failure with `line`.
[[nodiscard]] std::string unescaped(std::string_view literal, int line);

}  // namespace hone::engine::jinja
