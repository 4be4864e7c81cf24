// A schema as a grammar, and the parts of one that stand by themselves: types, counts, bounds. Used
// inside this folder only.
#pragma once

#include <set>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/result.h"
#include "engine/constrain/json_grammar.h"

namespace hone::engine::constrain {

// kInvalid: "field 'schema.properties.a': …".
[[nodiscard]] std::unexpected<Error> refused(const std::string& where, std::string_view why);
// "schema.properties"; a long name is cut.
[[nodiscard]] std::string member_of(const std::string& where, std::string_view name);

// The names in `type`, an integer only where no number is among them. Empty: not said.
[[nodiscard]] Result<std::set<std::string>> types_of(const json::object& schema,
                                                     const std::string& where);
// As schemas call it; an integer is a number.
[[nodiscard]] std::string type_name(const json::value& value);
[[nodiscard]] bool is_of_type(const json::value& value, const std::set<std::string>& types);

struct Counts {
  std::uint32_t least = 0;
  std::uint32_t most = kNoLimit;
};
[[nodiscard]] Result<Counts> counts(const json::object& schema, std::string_view least_name,
                                    std::string_view most_name, const std::string& where);

// A bound of integers is drawn to the next integer inside; one of numbers must be whole, as must
// `multipleOf`.
[[nodiscard]] Result<NumberBounds> bounds_of(const json::object& schema, const std::string& where,
                                             bool integers);

// The grammar of the values of `root`, a schema, that are followed by `next`. `where` is its path.
[[nodiscard]] Result<NodeId> read_schema(GrammarBuilder& grammar, JsonGrammar& fragments,
                                         const json::value& root, const std::string& where,
                                         NodeId next);

}  // namespace hone::engine::constrain
