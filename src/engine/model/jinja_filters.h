// Jinja's filters, which stand behind `|`. Used by jinja*.cpp only.
#pragma once

#include <map>
#include <string_view>

#include "engine/model/jinja_arguments.h"
#include "engine/model/jinja_value.h"

namespace hone::engine::jinja {

// Fails where there is no filter of that name.
[[nodiscard]] Value filter(std::string_view name, const Value& subject, const Arguments& arguments,
                           Budget& budget);

// By name; one table a file.
using FilterFunction = Value (*)(const Value& subject, const Arguments& arguments, Budget& budget);
using FilterTable = std::map<std::string_view, FilterFunction>;
[[nodiscard]] const FilterTable& text_filters();    // strings and numbers
[[nodiscard]] const FilterTable& list_filters();    // whole lists and mappings
[[nodiscard]] const FilterTable& choice_filters();  // each item by itself: map, select, …

}  // namespace hone::engine::jinja
