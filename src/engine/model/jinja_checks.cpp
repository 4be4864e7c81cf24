#include "engine/model/jinja_checks.h"

#include <map>

#include "engine/model/jinja_operators.h"
#include "engine/model/jinja_write.h"

namespace hone::engine::jinja {
namespace {

using Check = bool (*)(const Value& subject);

bool is_integer(const Value& value) {
  return value.as_double() && value.if_double() == nullptr && value.if_boolean() == nullptr;
}

bool is_true(const Value& value, bool wanted) {
  const bool* flag = value.if_boolean();
  return flag != nullptr && *flag == wanted;
}

// Also what is undefined, which has a length of 0 and can be subscripted, if only to fail.
bool is_sequence(const Value& value) {
  const List* list = value.if_list();
  return value.is_undefined() || value.if_text() != nullptr || value.if_dict() != nullptr ||
         (list != nullptr && list->has_places());
}

bool is_iterable(const Value& value) {
  return is_sequence(value) || value.if_list() != nullptr || value.if_loop() != nullptr;
}

bool is_multiple(const Value& value, std::int64_t of, std::int64_t rest, Budget& budget) {
  const Value left = apply(BinaryOperator::kModulo, value, Value::integer(of), budget);
  return equal(left, Value::integer(rest), budget);
}

const std::map<std::string_view, Check>& checks_of_kind() {
  static const std::map<std::string_view, Check> kChecks = {
      {"boolean", [](const Value& value) { return value.if_boolean() != nullptr; }},
      {"callable",
       [](const Value& value) {
         return value.is_callable() || value.is_undefined() || value.if_loop() != nullptr;
       }},
      {"defined", [](const Value& value) { return !value.is_undefined(); }},
      {"false", [](const Value& value) { return is_true(value, false); }},
      {"float", [](const Value& value) { return value.if_double() != nullptr; }},
      {"integer", is_integer},
      {"iterable", is_iterable},
      {"mapping", [](const Value& value) { return value.if_dict() != nullptr; }},
      {"none", [](const Value& value) { return value.is_none(); }},
      {"number", [](const Value& value) { return value.as_double().has_value(); }},
      {"sequence", is_sequence},
      {"string", [](const Value& value) { return value.if_text() != nullptr; }},
      {"true", [](const Value& value) { return is_true(value, true); }},
      {"undefined", [](const Value& value) { return value.is_undefined(); }},
  };
  return kChecks;
}

const std::map<std::string_view, Comparator>& checks_of_order() {
  static const std::map<std::string_view, Comparator> kChecks = {
      {"==", Comparator::kEqual},
      {"eq", Comparator::kEqual},
      {"equalto", Comparator::kEqual},
      {"!=", Comparator::kNotEqual},
      {"ne", Comparator::kNotEqual},
      {"<", Comparator::kLess},
      {"lt", Comparator::kLess},
      {"lessthan", Comparator::kLess},
      {"<=", Comparator::kLessEqual},
      {"le", Comparator::kLessEqual},
      {">", Comparator::kGreater},
      {"gt", Comparator::kGreater},
      {"greaterthan", Comparator::kGreater},
      {">=", Comparator::kGreaterEqual},
      {"ge", Comparator::kGreaterEqual},
      {"in", Comparator::kIn},
  };
  return kChecks;
}

}  // namespace

bool check(std::string_view name, const Value& subject, const Arguments& arguments,
           Budget& budget) {
  budget.spend();
  if (const auto found = checks_of_kind().find(name); found != checks_of_kind().end()) {
    const Bound bound(arguments, name, {});
    return found->second(subject);
  }
  if (const auto found = checks_of_order().find(name); found != checks_of_order().end()) {
    const Bound bound(arguments, name, {"other"}, 1);
    return compare(found->second, subject, *bound.get(0), budget);
  }
  if (name == "odd" || name == "even") {
    const Bound bound(arguments, name, {});
    return is_multiple(subject, 2, name == "odd" ? 1 : 0, budget);
  }
  if (name == "divisibleby") {
    const Bound bound(arguments, name, {"num"}, 1);
    return is_multiple(subject, bound.integer(0, 0), 0, budget);
  }
  if (name == "sameas") {
    const Bound bound(arguments, name, {"other"}, 1);
    return subject.is_same(*bound.get(0));
  }
  refuse_unsupported("the test " + shown(name));
}

}  // namespace hone::engine::jinja
