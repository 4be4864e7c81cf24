#include "engine/model/jinja_arguments.h"

#include <algorithm>

namespace hone::engine::jinja {

Bound::Bound(const Arguments& arguments, std::string_view function,
             std::initializer_list<std::string_view> parameters, std::size_t required)
    : function_(function), names_(parameters), values_(parameters.size(), nullptr) {
  if (arguments.positional.size() > names_.size()) {
    refuse(std::string(function_) + " takes at most " + std::to_string(names_.size()) +
           " arguments, not " + std::to_string(arguments.positional.size()));
  }
  for (std::size_t i = 0; i < arguments.positional.size(); ++i) {
    values_[i] = &arguments.positional[i];
  }
  for (const auto& [name, value] : arguments.named) {
    const auto found = std::find(names_.begin(), names_.end(), name);
    if (found == names_.end()) {
      refuse("the argument '" + name + "' of " + std::string(function_) + " is not supported");
    }
    const Value*& place = values_[static_cast<std::size_t>(found - names_.begin())];
    if (place != nullptr) {
      refuse(std::string(function_) + " has two values for '" + name + "'");
    }
    place = &value;
  }
  for (std::size_t i = 0; i < required; ++i) {
    if (values_[i] == nullptr) {
      refuse(std::string(function_) + " misses its argument '" + std::string(names_[i]) + "'");
    }
  }
}

const Value* Bound::some(std::size_t parameter) const {
  const Value* value = values_[parameter];
  return value == nullptr || value->is_none() ? nullptr : value;
}

std::int64_t Bound::integer(std::size_t parameter, std::int64_t fallback) const {
  const Value* value = values_[parameter];
  if (value == nullptr) return fallback;
  const auto integer = value->as_integer();
  if (!integer) refuse_type(parameter, "an integer");
  return *integer;
}

const Text& Bound::text(std::size_t parameter) const {
  const Value* value = values_[parameter];
  const Text* text = value == nullptr ? nullptr : value->if_text();
  if (text == nullptr) refuse_type(parameter, "a string");
  return *text;
}

bool Bound::flag(std::size_t parameter, bool fallback) const {
  const Value* value = values_[parameter];
  return value == nullptr ? fallback : value->truth();
}

void Bound::refuse_type(std::size_t parameter, std::string_view wanted) const {
  const Value* value = values_[parameter];
  if (value != nullptr && value->is_undefined()) refuse(value->why_undefined());
  refuse(std::string(function_) + ": '" + std::string(names_[parameter]) + "' must be " +
         std::string(wanted));
}

}  // namespace hone::engine::jinja
