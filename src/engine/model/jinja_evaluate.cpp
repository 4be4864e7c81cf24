// Expressions. Each evaluates its parts first, and then says that it is its own line on which
// something may fail.
#include <array>

#include "engine/model/jinja_access.h"
#include "engine/model/jinja_checks.h"
#include "engine/model/jinja_filters.h"
#include "engine/model/jinja_interpreter.h"
#include "engine/model/jinja_operators.h"
#include "engine/model/jinja_write.h"

namespace hone::engine::jinja {

Value Interpreter::evaluate(const Expression& expression, const Scope& scope) {
  const Nesting nesting(*this);
  budget_.spend();
  return std::visit([&](const auto& node) { return evaluate(node, expression.line, scope); },
                    expression.node);
}

Value Interpreter::evaluate(const Literal& literal, int, const Scope&) {
  return literal.value;
}

Value Interpreter::evaluate(const Name& name, int line, const Scope& scope) {
  if (const Value* value = scope.find(name.name)) return *value;
  line_ = line;
  if (auto value = builtin(name.name)) return *value;
  return Value::undefined(shown(name.name) + " is undefined");
}

Value Interpreter::evaluate(const Attribute& attribute, int line, const Scope& scope) {
  const Value object = evaluate(*attribute.object, scope);
  line_ = line;
  return attribute_of(object, attribute.name, budget_);
}

Value Interpreter::evaluate(const Item& item, int line, const Scope& scope) {
  const Value object = evaluate(*item.object, scope);
  const Value key = evaluate(*item.key, scope);
  line_ = line;
  return item_of(object, key, budget_);
}

Value Interpreter::evaluate(const Slice& slice, int line, const Scope& scope) {
  const Value object = evaluate(*slice.object, scope);
  std::array<Value, 3> bounds;
  const std::array<const Expression*, 3> given = {slice.begin.get(), slice.end.get(),
                                                  slice.step.get()};
  const auto bound = [&](std::size_t i) -> const Value* {
    if (given[i] == nullptr) return nullptr;
    bounds[i] = evaluate(*given[i], scope);
    return &bounds[i];
  };
  const SliceBounds all{bound(0), bound(1), bound(2)};
  line_ = line;
  return slice_of(object, all, budget_);
}

Value Interpreter::evaluate(const Call& call_made, int line, const Scope& scope) {
  const Value callee = evaluate(*call_made.callee, scope);
  const Arguments arguments = evaluate(call_made.arguments, scope);
  line_ = line;
  return call(callee, arguments);
}

Value Interpreter::evaluate(const Filter& applied, int line, const Scope& scope) {
  const Value subject = evaluate(*applied.subject, scope);
  const Arguments arguments = evaluate(applied.arguments, scope);
  line_ = line;
  return filter(applied.name, subject, arguments, budget_);
}

Value Interpreter::evaluate(const Test& test, int line, const Scope& scope) {
  const Value subject = evaluate(*test.subject, scope);
  const Arguments arguments = evaluate(test.arguments, scope);
  line_ = line;
  return Value::boolean(check(test.name, subject, arguments, budget_));
}

Value Interpreter::evaluate(const Unary& unary, int line, const Scope& scope) {
  const Value operand = evaluate(*unary.operand, scope);
  line_ = line;
  return apply(unary.op, operand);
}

Value Interpreter::evaluate(const Binary& binary, int line, const Scope& scope) {
  const Value left = evaluate(*binary.left, scope);
  const Value right = evaluate(*binary.right, scope);
  line_ = line;
  return apply(binary.op, left, right, budget_);
}

Value Interpreter::evaluate(const Logical& logical, int, const Scope& scope) {
  Value left = evaluate(*logical.left, scope);
  if (left.truth() != logical.is_and) return left;
  return evaluate(*logical.right, scope);
}

Value Interpreter::evaluate(const Concatenation& concatenation, int line, const Scope& scope) {
  Text all;
  for (const ExpressionPtr& part : concatenation.parts) {
    const Value value = evaluate(*part, scope);
    line_ = line;
    const TextPtr text = text_of(value, budget_);
    budget_.make(text->size());
    all.append(*text);
  }
  return make_text(std::move(all), budget_);
}

Value Interpreter::evaluate(const Comparison& comparison, int line, const Scope& scope) {
  Value left = evaluate(*comparison.first, scope);
  for (const auto& [comparator, expression] : comparison.rest) {
    Value right = evaluate(*expression, scope);
    line_ = line;
    if (!compare(comparator, left, right, budget_)) return Value::boolean(false);
    left = std::move(right);
  }
  return Value::boolean(true);
}

Value Interpreter::evaluate(const Conditional& conditional, int, const Scope& scope) {
  if (evaluate(*conditional.condition, scope).truth()) return evaluate(*conditional.then, scope);
  if (conditional.otherwise != nullptr) return evaluate(*conditional.otherwise, scope);
  return Value::undefined("an 'if' without 'else' was false");
}

Value Interpreter::evaluate(const ListLiteral& literal, int line, const Scope& scope) {
  std::vector<Value> items;
  items.reserve(literal.items.size());
  for (const ExpressionPtr& item : literal.items) items.push_back(evaluate(*item, scope));
  line_ = line;
  return make_list(literal.kind, std::move(items), budget_);
}

Value Interpreter::evaluate(const DictLiteral& literal, int line, const Scope& scope) {
  std::vector<Dict::Entry> entries;
  for (const auto& [key_given, value_given] : literal.entries) {
    const Value key = evaluate(*key_given, scope);
    Value value = evaluate(*value_given, scope);
    line_ = line;
    if (key.if_text() == nullptr) refuse_unsupported("a key that is no string");
    entries.emplace_back(key.text_ptr(), std::move(value));
  }
  line_ = line;
  return make_dict(std::move(entries), budget_);
}

Arguments Interpreter::evaluate(const CallArguments& given, const Scope& scope) {
  Arguments arguments;
  for (const ExpressionPtr& value : given.positional) {
    arguments.positional.push_back(evaluate(*value, scope));
  }
  for (const auto& [name, value] : given.named) {
    arguments.named.emplace_back(name, evaluate(*value, scope));
  }
  return arguments;
}

}  // namespace hone::engine::jinja
