// Values as text: what {{ }} writes, and JSON in and out. Used by jinja*.cpp only.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "base/json.h"
#include "engine/model/jinja_value.h"

namespace hone::engine::jinja {

// Python's str(): a string is itself, a list is "[1, 'a']". Fails for what has no text that a
// template could want, such as a function.
[[nodiscard]] TextPtr text_of(const Value& value, Budget& budget);

// Python's repr() of a string: with quotes and escapes.
[[nodiscard]] std::string repr_of(std::string_view text);
// The same for messages: no more than its beginning.
[[nodiscard]] std::string shown(std::string_view text);

using IsOwn = std::function<bool(std::span<const std::string_view> path, std::string_view text)>;
[[nodiscard]] Value from_json(std::string_view name, const json::value& value, const IsOwn& is_own,
                              Budget& budget);

struct AsJson {
  json::value value;
  bool given = false;       // some string in it was
  std::size_t nodes = 0;    // values, itself and those inside
  std::size_t escapes = 0;  // bytes that JSON writes as up to six
  std::size_t wide = 0;     // bytes beyond ASCII
};
// Fails for what JSON has no form for.
[[nodiscard]] AsJson to_json(const Value& value, Budget& budget);

}  // namespace hone::engine::jinja
