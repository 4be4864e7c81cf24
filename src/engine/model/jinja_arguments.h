// The arguments of a call, and how a function takes them. Used by jinja*.cpp only.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/model/jinja_value.h"

namespace hone::engine::jinja {

struct Arguments {
  std::vector<Value> positional;
  std::vector<std::pair<std::string, Value>> named;
};

// What was given for each parameter of a function, as Python binds arguments: by place, then by
// name. Borrows the arguments.
//
//   const Bound bound(arguments, "replace", {"old", "new", "count"}, 2);
//   const std::int64_t count = bound.integer(2, -1);
class Bound {
 public:
  // The first `required` parameters must be given. Fails for what there is no parameter for.
  Bound(const Arguments& arguments, std::string_view function,
        std::initializer_list<std::string_view> parameters, std::size_t required = 0);

  [[nodiscard]] const Value* get(std::size_t parameter) const { return values_[parameter]; }
  // Null where it is not given or None.
  [[nodiscard]] const Value* some(std::size_t parameter) const;
  // These fail where it is something else than they give.
  [[nodiscard]] std::int64_t integer(std::size_t parameter, std::int64_t fallback) const;
  [[nodiscard]] const Text& text(std::size_t parameter) const;  // it must be given
  [[nodiscard]] bool flag(std::size_t parameter, bool fallback) const;

 private:
  [[noreturn]] void refuse_type(std::size_t parameter, std::string_view wanted) const;

  const std::string_view function_;
  std::vector<std::string_view> names_;
  std::vector<const Value*> values_;
};

}  // namespace hone::engine::jinja
