// What can be called: macros, methods, and the functions that every template has.
#include <algorithm>
#include <array>

#include "engine/model/jinja_interpreter.h"
#include "engine/model/jinja_methods.h"
#include "engine/model/jinja_write.h"

namespace hone::engine::jinja {
namespace {

constexpr std::int64_t kMaxRange = 100'000;  // the sandbox's

// The directives of strftime that say the same in Python and C, in the C locale.
constexpr std::string_view kDirectives = "aAbBcdHIjmMpSUwWxXyY%";

std::vector<Dict::Entry> entries_of(const Arguments& arguments, std::string_view function) {
  std::vector<Dict::Entry> entries;
  if (arguments.positional.size() > 1) refuse(std::string(function) + " takes one mapping at most");
  if (!arguments.positional.empty()) {
    const Dict* dict = arguments.positional.front().if_dict();
    if (dict == nullptr) refuse_unsupported(std::string(function) + " of what is no mapping");
    entries = dict->entries;
  }
  for (const auto& [name, value] : arguments.named) {
    entries.emplace_back(std::make_shared<const Text>(Text(name)), value);
  }
  return entries;
}

}  // namespace

std::optional<Value> Interpreter::builtin(std::string_view name) const {
  if (name == "dict") return Value(Builtin::kDict);
  if (name == "namespace") return Value(Builtin::kNamespace);
  if (name == "raise_exception") return Value(Builtin::kRaiseException);
  if (name == "range") return Value(Builtin::kRange);
  if (name == "strftime_now" && now_) return Value(Builtin::kStrftimeNow);
  if (name == "cycler" || name == "joiner" || name == "lipsum") {
    refuse_unsupported("the function " + shown(name));
  }
  return std::nullopt;
}

Value Interpreter::call(const Value& callee, const Arguments& arguments) {
  if (const Method* method = callee.if_method()) return call_method(*method, arguments, budget_);
  if (const Macro* macro = callee.if_macro()) return call_macro(*macro, arguments);
  if (const Builtin* function = callee.if_builtin()) return call_builtin(*function, arguments);
  if (callee.is_undefined()) refuse(callee.why_undefined());
  refuse("'" + std::string(callee.type_name()) + "' cannot be called");
}

Value Interpreter::call_macro(const Macro& macro, const Arguments& arguments) {
  const std::string called = "the macro " + shown(macro.name);
  const std::size_t count = macro.parameters.size();
  if (arguments.positional.size() > count) {
    refuse(called + " takes at most " + std::to_string(count) + " arguments");
  }
  std::vector<const Value*> given(count, nullptr);
  for (std::size_t i = 0; i < arguments.positional.size(); ++i) given[i] = &arguments.positional[i];
  for (const auto& [name, value] : arguments.named) {
    const auto found = std::find_if(macro.parameters.begin(), macro.parameters.end(),
                                    [&](const auto& one) { return one.name == name; });
    if (found == macro.parameters.end()) refuse(called + " has no parameter " + shown(name));
    const Value*& place = given[static_cast<std::size_t>(found - macro.parameters.begin())];
    if (place != nullptr) refuse(called + " has two values for " + shown(name));
    place = &value;
  }
  // A default sees the parameters before it.
  Scope scope(top_);
  for (std::size_t i = 0; i < count; ++i) {
    const Macro::Parameter& parameter = macro.parameters[i];
    if (given[i] != nullptr) {
      scope.set(parameter.name, *given[i]);
    } else if (parameter.fallback != nullptr) {
      scope.set(parameter.name, evaluate(*parameter.fallback, scope));
    } else {
      scope.set(parameter.name,
                Value::undefined("parameter " + shown(parameter.name) + " was not provided"));
    }
  }
  return make_text(captured(macro.body, scope), budget_);
}

Value Interpreter::call_builtin(Builtin function, const Arguments& arguments) {
  switch (function) {
    case Builtin::kDict:
      return make_dict(entries_of(arguments, "dict"), budget_);
    case Builtin::kNamespace:
      return make_namespace(arguments);
    case Builtin::kRaiseException: {
      const Bound bound(arguments, "raise_exception", {"message"}, 1);
      refuse(text_of(*bound.get(0), budget_)->bytes());
    }
    case Builtin::kRange:
      return make_range(arguments);
    case Builtin::kStrftimeNow:
      return formatted_now(arguments);
  }
  return Value();
}

Value Interpreter::make_namespace(const Arguments& arguments) {
  const auto entries = entries_of(arguments, "namespace");
  budget_.make_items(entries.size() + 1);
  Namespace& space = namespaces_.emplace_back();
  for (const auto& [name, value] : entries) space.attributes.insert_or_assign(name->bytes(), value);
  return Value(&space);
}

Value Interpreter::make_range(const Arguments& arguments) {
  const std::size_t given = arguments.positional.size();
  if (given == 0 || given > 3 || !arguments.named.empty()) {
    refuse("range takes one to three integers");
  }
  std::array<std::int64_t, 3> numbers{};
  for (std::size_t i = 0; i < given; ++i) {
    const auto number = arguments.positional[i].as_integer();
    if (!number) refuse("range takes integers");
    numbers[i] = *number;
  }
  const std::int64_t begin = given == 1 ? 0 : numbers[0];
  const std::int64_t end = given == 1 ? numbers[0] : numbers[1];
  const std::int64_t step = given == 3 ? numbers[2] : 1;
  if (step == 0) refuse("the step of a range is 0");
  std::vector<Value> items;
  std::int64_t i = begin;
  while (step > 0 ? i < end : i > end) {
    if (static_cast<std::int64_t>(items.size()) >= kMaxRange) {
      throw Failure{ErrorCode::kTooLarge,
                    "a range is longer than " + std::to_string(kMaxRange) + " items"};
    }
    budget_.spend();
    items.push_back(Value::integer(i));
    if (__builtin_add_overflow(i, step, &i)) break;
  }
  return make_list(List::Kind::kRange, std::move(items), budget_);
}

Value Interpreter::formatted_now(const Arguments& arguments) {
  const Bound bound(arguments, "strftime_now", {"format"}, 1);
  const std::string& format = bound.text(0).bytes();
  for (std::size_t i = format.find('%'); i != std::string::npos; i = format.find('%', i + 1)) {
    ++i;
    if (i < format.size() && format[i] == '-') ++i;  // without a leading zero
    if (i >= format.size() || kDirectives.find(format[i]) == std::string_view::npos) {
      refuse_unsupported("a directive of strftime_now in " + shown(format));
    }
  }
  if (format.empty()) return make_own_text("", budget_);
  constexpr std::size_t kLongest = 64;  // of what a directive gives, or another byte
  budget_.make(format.size() * kLongest);
  std::string text(format.size() * kLongest, '\0');
  text.resize(std::strftime(text.data(), text.size(), format.c_str(), &*now_));
  return make_own_text(text, budget_);
}

}  // namespace hone::engine::jinja
