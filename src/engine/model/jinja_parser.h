// Reads a template. Used by jinja.cpp only.
#pragma once

#include <string_view>

#include "engine/model/jinja_ast.h"

namespace hone::engine::jinja {

struct Parsed {
  Body body;
  bool has_generation = false;
};

// Throws Failure, with its line.
[[nodiscard]] Parsed parse_template(std::string_view source);

}  // namespace hone::engine::jinja
