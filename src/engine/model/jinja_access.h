// object.name, object[key] and object[begin:end:step], as the sandbox of jinja2 finds them. Used by
// jinja*.cpp only.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "engine/model/jinja_value.h"

namespace hone::engine::jinja {

// What is not there is undefined, and an attribute of what is undefined fails. The methods of
// Python's types come before the keys of a dict: {'items': 1}.items is the method.
[[nodiscard]] Value attribute_of(const Value& object, std::string_view name, Budget& budget);
// Keys come before methods.
[[nodiscard]] Value item_of(const Value& object, const Value& key, Budget& budget);

// Of a string, list, tuple or range; anything else fails. A bound that is null was left out.
struct SliceBounds {
  const Value* begin = nullptr;
  const Value* end = nullptr;
  const Value* step = nullptr;
};
[[nodiscard]] Value slice_of(const Value& object, const SliceBounds& bounds, Budget& budget);

// What filters take as `attribute`: a name, names with dots between them, or a number; numbers are
// places of a list.
[[nodiscard]] Value item_at_path(const Value& object, const Value& path, Budget& budget);

}  // namespace hone::engine::jinja
