// Python's operators on a template's values. They fail where Python raises. Used by jinja*.cpp
// only.
#pragma once

#include <compare>

#include "engine/model/jinja_ast.h"
#include "engine/model/jinja_value.h"

namespace hone::engine::jinja {

[[nodiscard]] Value apply(BinaryOperator op, const Value& left, const Value& right, Budget& budget);
[[nodiscard]] Value apply(UnaryOperator op, const Value& operand);
[[nodiscard]] bool compare(Comparator comparator, const Value& left, const Value& right,
                           Budget& budget);

[[nodiscard]] bool equal(const Value& left, const Value& right, Budget& budget);
// Of numbers, strings, and lists of such.
[[nodiscard]] std::partial_ordering order(const Value& left, const Value& right, Budget& budget);
[[nodiscard]] bool contains(const Value& container, const Value& wanted, Budget& budget);

}  // namespace hone::engine::jinja
