#include "engine/model/jinja_operators.h"

#include <algorithm>
#include <cmath>

#include "engine/model/jinja_strings.h"

namespace hone::engine::jinja {
namespace {

std::string_view sign_of(BinaryOperator op) {
  switch (op) {
    case BinaryOperator::kAdd:
      return "+";
    case BinaryOperator::kSubtract:
      return "-";
    case BinaryOperator::kMultiply:
      return "*";
    case BinaryOperator::kDivide:
      return "/";
    case BinaryOperator::kFloorDivide:
      return "//";
    case BinaryOperator::kModulo:
      return "%";
    case BinaryOperator::kPower:
      return "**";
  }
  return "?";
}

[[noreturn]] void refuse_types(std::string_view sign, const Value& left, const Value& right) {
  for (const Value* value : {&left, &right}) {
    if (value->is_undefined()) refuse(value->why_undefined());
  }
  refuse("'" + std::string(sign) + "' cannot be done with '" + std::string(left.type_name()) +
         "' and '" + std::string(right.type_name()) + "'");
}

void refuse_zero(bool is_zero) {
  if (is_zero) refuse("division by zero");
}

[[noreturn]] void refuse_size() {
  refuse("a number is too large");
}

// Rounded down, as Python does it, where C++ cuts off.
std::int64_t floor_divide(std::int64_t left, std::int64_t right) {
  if (right == -1) {
    std::int64_t negated = 0;
    if (__builtin_sub_overflow(std::int64_t{0}, left, &negated)) refuse_size();
    return negated;
  }
  const std::int64_t quotient = left / right;
  return left % right != 0 && (left < 0) != (right < 0) ? quotient - 1 : quotient;
}

std::int64_t modulo(std::int64_t left, std::int64_t right) {
  if (right == -1) return 0;
  const std::int64_t rest = left % right;
  return rest != 0 && (rest < 0) != (right < 0) ? rest + right : rest;
}

double modulo(double left, double right) {
  const double rest = std::fmod(left, right);
  if (rest == 0.0) return std::copysign(0.0, right);
  return (rest < 0) != (right < 0) ? rest + right : rest;
}

// As Python's divmod: so that quotient and rest fit each other where the quotient is rounded.
double floor_divide(double left, double right) {
  const double rest = std::fmod(left, right);
  double quotient = (left - rest) / right;
  if (rest != 0.0 && (rest < 0) != (right < 0)) quotient -= 1.0;
  if (quotient == 0.0) return std::copysign(0.0, left / right);
  const double floored = std::floor(quotient);
  return quotient - floored > 0.5 ? floored + 1.0 : floored;
}

std::int64_t power(std::int64_t base, std::int64_t exponent) {
  std::int64_t result = 1;
  for (; exponent > 0; exponent >>= 1) {
    if ((exponent & 1) != 0 && __builtin_mul_overflow(result, base, &result)) refuse_size();
    if (exponent > 1 && __builtin_mul_overflow(base, base, &base)) refuse_size();
  }
  return result;
}

Value calculate(BinaryOperator op, double left, double right) {
  double result = 0;
  switch (op) {
    case BinaryOperator::kAdd:
      return Value::number(left + right);
    case BinaryOperator::kSubtract:
      return Value::number(left - right);
    case BinaryOperator::kMultiply:
      return Value::number(left * right);
    case BinaryOperator::kDivide:
      refuse_zero(right == 0.0);
      return Value::number(left / right);
    case BinaryOperator::kFloorDivide:
      refuse_zero(right == 0.0);
      return Value::number(floor_divide(left, right));
    case BinaryOperator::kModulo:
      refuse_zero(right == 0.0);
      return Value::number(modulo(left, right));
    case BinaryOperator::kPower:
      refuse_zero(left == 0.0 && right < 0);
      result = std::pow(left, right);
      if (std::isnan(result) && !std::isnan(left) && !std::isnan(right)) {
        refuse_unsupported("a complex number");
      }
      if (std::isinf(result) && !std::isinf(left) && !std::isinf(right)) refuse_size();
      return Value::number(result);
  }
  return Value::number(result);
}

Value calculate(BinaryOperator op, std::int64_t left, std::int64_t right) {
  std::int64_t result = 0;
  switch (op) {
    case BinaryOperator::kAdd:
      if (__builtin_add_overflow(left, right, &result)) refuse_size();
      return Value::integer(result);
    case BinaryOperator::kSubtract:
      if (__builtin_sub_overflow(left, right, &result)) refuse_size();
      return Value::integer(result);
    case BinaryOperator::kMultiply:
      if (__builtin_mul_overflow(left, right, &result)) refuse_size();
      return Value::integer(result);
    case BinaryOperator::kFloorDivide:
      refuse_zero(right == 0);
      return Value::integer(floor_divide(left, right));
    case BinaryOperator::kModulo:
      refuse_zero(right == 0);
      return Value::integer(modulo(left, right));
    case BinaryOperator::kPower:
      if (right >= 0) return Value::integer(power(left, right));
      break;
    case BinaryOperator::kDivide:
      break;
  }
  return calculate(op, static_cast<double>(left), static_cast<double>(right));
}

Value repeat_list(const List& list, std::int64_t times, Budget& budget) {
  std::vector<Value> items;
  for (std::int64_t i = 0; i < times && !list.items.empty(); ++i) {
    budget.make_items(list.items.size());
    items.insert(items.end(), list.items.begin(), list.items.end());
  }
  return make_list(list.kind, std::move(items), budget);
}

bool repeats(const List* list) {
  return list != nullptr && (list->kind == List::Kind::kList || list->kind == List::Kind::kTuple);
}

// `sequence * times`, whichever comes first.
std::optional<Value> repeated(const Value& sequence, const Value& times, Budget& budget) {
  const auto count = times.as_integer();
  if (!count) return std::nullopt;
  if (const Text* text = sequence.if_text())
    return make_text(repeat(*text, *count, budget), budget);
  const List* list = sequence.if_list();
  if (!repeats(list)) return std::nullopt;
  return repeat_list(*list, *count, budget);
}

Value add_sequences(const Value& left, const Value& right, Budget& budget) {
  const Text* text = left.if_text();
  if (text != nullptr && right.if_text() != nullptr) {
    Text sum = *text;
    sum.append(*right.if_text());
    return make_text(std::move(sum), budget);
  }
  const List* list = left.if_list();
  const List* other = right.if_list();
  if (!repeats(list) || other == nullptr || list->kind != other->kind) {
    refuse_types("+", left, right);
  }
  budget.make_items(list->items.size() + other->items.size());
  std::vector<Value> items = list->items;
  items.insert(items.end(), other->items.begin(), other->items.end());
  return make_list(list->kind, std::move(items), budget);
}

bool equal_lists(const List& left, const List& right, Budget& budget) {
  if (&left == &right) return true;
  if (left.kind != right.kind || !left.has_places() || left.items.size() != right.items.size()) {
    return false;
  }
  for (std::size_t i = 0; i < left.items.size(); ++i) {
    if (!equal(left.items[i], right.items[i], budget)) return false;
  }
  return true;
}

bool equal_dicts(const Dict& left, const Dict& right, Budget& budget) {
  if (left.entries.size() != right.entries.size()) return false;
  for (const auto& [key, value] : left.entries) {
    budget.read(key->size());
    const Value* other = right.find(key->bytes());
    if (other == nullptr || !equal(value, *other, budget)) return false;
  }
  return true;
}

}  // namespace

Value apply(BinaryOperator op, const Value& left, const Value& right, Budget& budget) {
  const auto x = left.as_integer();
  const auto y = right.as_integer();
  if (x && y) return calculate(op, *x, *y);
  if (left.if_large() != nullptr || right.if_large() != nullptr) refuse_size();
  const auto a = left.as_double();
  const auto b = right.as_double();
  if (a && b) return calculate(op, *a, *b);
  if (op == BinaryOperator::kMultiply) {
    if (auto result = repeated(left, right, budget)) return *result;
    if (auto result = repeated(right, left, budget)) return *result;
  }
  if (op == BinaryOperator::kModulo && left.if_text() != nullptr) {
    refuse_unsupported("'%' after a string, which formats it,");
  }
  if (op == BinaryOperator::kAdd) return add_sequences(left, right, budget);
  refuse_types(sign_of(op), left, right);
}

Value apply(UnaryOperator op, const Value& operand) {
  if (op == UnaryOperator::kNot) return Value::boolean(!operand.truth());
  const bool minus = op == UnaryOperator::kMinus;
  if (const auto integer = operand.as_integer()) {
    return minus ? calculate(BinaryOperator::kSubtract, std::int64_t{0}, *integer)
                 : Value::integer(*integer);
  }
  if (const double* number = operand.if_double()) return Value::number(minus ? -*number : *number);
  refuse_types(minus ? "-" : "+", operand, operand);
}

bool equal(const Value& left, const Value& right, Budget& budget) {
  budget.spend();
  const auto x = left.as_integer();
  const auto y = right.as_integer();
  if (x && y) return *x == *y;
  if (left.if_large() != nullptr && right.if_large() != nullptr) {
    return *left.if_large() == *right.if_large();
  }
  const auto a = left.as_double();
  const auto b = right.as_double();
  if (a && b) return *a == *b;
  if (left.if_text() != nullptr && right.if_text() != nullptr) {
    budget.read(left.if_text()->size());
    return left.if_text()->bytes() == right.if_text()->bytes();
  }
  if (left.if_list() != nullptr && right.if_list() != nullptr) {
    return equal_lists(*left.if_list(), *right.if_list(), budget);
  }
  if (left.if_dict() != nullptr && right.if_dict() != nullptr) {
    return equal_dicts(*left.if_dict(), *right.if_dict(), budget);
  }
  return left.is_same(right);
}

std::partial_ordering order(const Value& left, const Value& right, Budget& budget) {
  budget.spend();
  const auto x = left.as_integer();
  const auto y = right.as_integer();
  if (x && y) return *x <=> *y;
  const auto a = left.as_double();
  const auto b = right.as_double();
  if (a && b) return *a <=> *b;
  if (left.if_text() != nullptr && right.if_text() != nullptr) {
    budget.read(left.if_text()->size());
    return left.if_text()->bytes() <=> right.if_text()->bytes();
  }
  const List* list = left.if_list();
  const List* other = right.if_list();
  if (!repeats(list) || other == nullptr || list->kind != other->kind) {
    refuse_types("<", left, right);
  }
  for (std::size_t i = 0; i < std::min(list->items.size(), other->items.size()); ++i) {
    if (!equal(list->items[i], other->items[i], budget)) {
      return order(list->items[i], other->items[i], budget);
    }
  }
  return list->items.size() <=> other->items.size();
}

bool contains(const Value& container, const Value& wanted, Budget& budget) {
  if (container.is_undefined()) return false;
  if (const Text* text = container.if_text()) {
    const Text* part = wanted.if_text();
    if (part == nullptr) refuse_types("in", wanted, container);
    return find_in(text->bytes(), part->bytes(), 0, budget) != std::string_view::npos;
  }
  if (const Dict* dict = container.if_dict()) {
    const Text* key = wanted.if_text();
    budget.read(key == nullptr ? 0 : key->size());
    return key != nullptr && dict->find(key->bytes()) != nullptr;
  }
  const List* list = container.if_list();
  if (list == nullptr) refuse_types("in", wanted, container);
  for (std::size_t i = list->taken; i < list->items.size(); ++i) {
    if (!list->has_length()) list->taken = i + 1;  // a generator has passed what was looked at
    if (list->items[i].is_same(wanted) || equal(list->items[i], wanted, budget)) return true;
  }
  return false;
}

bool compare(Comparator comparator, const Value& left, const Value& right, Budget& budget) {
  switch (comparator) {
    case Comparator::kEqual:
      return equal(left, right, budget);
    case Comparator::kNotEqual:
      return !equal(left, right, budget);
    case Comparator::kLess:
      return order(left, right, budget) < 0;
    case Comparator::kLessEqual:
      return order(left, right, budget) <= 0;
    case Comparator::kGreater:
      return order(left, right, budget) > 0;
    case Comparator::kGreaterEqual:
      return order(left, right, budget) >= 0;
    case Comparator::kIn:
      return contains(right, left, budget);
    case Comparator::kNotIn:
      return !contains(right, left, budget);
  }
  return false;
}

}  // namespace hone::engine::jinja
