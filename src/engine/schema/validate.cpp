#include "engine/schema/validate.h"

#include <algorithm>
#include <cmath>

#include "engine/schema/nodes.h"

namespace hone::engine {
namespace {

using Index = SchemaNode::Index;
using Mismatch = std::optional<std::string>;

constexpr std::size_t kMostSteps = 1'000'000;
constexpr std::size_t kDeepest = 512;
constexpr double kMultipleTolerance = 1e-9;

std::optional<double> number_of(const json::value& value) {
  if (!value.is_number()) return std::nullopt;
  return value.to_number<double>();
}

// The bits of kSchemaTypes.
unsigned types_of(const json::value& value) {
  switch (value.kind()) {
    case json::kind::null:
      return 1U << 0;
    case json::kind::bool_:
      return 1U << 1;
    case json::kind::object:
      return 1U << 2;
    case json::kind::array:
      return 1U << 3;
    case json::kind::string:
      return 1U << 4;
    case json::kind::double_: {
      const double number = value.get_double();
      return 1U << 5 | (std::floor(number) == number ? 1U << 6 : 0U);
    }
    case json::kind::int64:
    case json::kind::uint64:
      return 1U << 5 | 1U << 6;
  }
  return 0;
}

std::string names_of(unsigned types) {
  std::string names;
  for (std::size_t i = 0; i < kSchemaTypes.size(); ++i) {
    if ((types >> i & 1U) == 0) continue;
    names += (names.empty() ? "" : " or ") + std::string(kSchemaTypes[i]);
  }
  return names;
}

std::string shown(const json::value& value) {
  std::string text = json::serialize(value);
  if (text.size() > 80) text = text.substr(0, 77) + "...";
  return text;
}

std::int64_t characters_in(std::string_view text) {
  return std::count_if(text.begin(), text.end(),
                       [](char byte) { return (static_cast<unsigned char>(byte) & 0xC0) != 0x80; });
}

class Check {
 public:
  explicit Check(const std::vector<SchemaNode>& nodes) : nodes_(nodes) {}

  Mismatch run(const json::value& value) {
    auto found = visit(0, value, "$");
    if (spent()) return "$: the schema takes too many steps to check";
    return found;
  }

 private:
  [[nodiscard]] bool spent() const { return steps_ >= kMostSteps; }
  [[nodiscard]] bool step() { return ++steps_ < kMostSteps; }

  static Mismatch at(const std::string& place, const std::string& what) {
    return place + ": " + what;
  }

  Mismatch visit(Index index, const json::value& value, const std::string& place) {
    if (!step()) return at(place, "too many steps");
    if (depth_ >= kDeepest) {
      steps_ = kMostSteps;
      return at(place, "too deep");
    }
    ++depth_;
    auto found = visit_node(nodes_[index], value, place);
    --depth_;
    return found;
  }

  Mismatch visit_node(const SchemaNode& node, const json::value& value, const std::string& place) {
    if (node.never) return at(place, "must not be there");
    if (node.types && (types_of(value) & *node.types) == 0)
      return at(place,
                "is " + std::string(kind_name(value)) + "; wanted: " + names_of(*node.types));
    if (node.constant && !equal(*node.constant, value))
      return at(place, "is not " + shown(*node.constant));
    if (node.values && std::none_of(node.values->begin(), node.values->end(),
                                    [&](const json::value& each) { return equal(each, value); }))
      return at(place, shown(value) + " is not among the values");
    if (const auto number = number_of(value)) {
      if (auto found = visit_number(node, *number, place)) return found;
    }
    if (value.is_string()) {
      if (auto found = visit_string(node, value.get_string(), place)) return found;
    }
    if (value.is_object()) {
      if (auto found = visit_object(node, value.get_object(), place)) return found;
    }
    if (value.is_array()) {
      if (auto found = visit_array(node, value.get_array(), place)) return found;
    }
    return visit_combined(node, value, place);
  }

  static Mismatch visit_number(const SchemaNode& node, double number, const std::string& place) {
    if (node.minimum && number < *node.minimum) return at(place, "is below the minimum");
    if (node.maximum && number > *node.maximum) return at(place, "is above the maximum");
    if (node.above && number <= *node.above) return at(place, "is not above exclusiveMinimum");
    if (node.below && number >= *node.below) return at(place, "is not below exclusiveMaximum");
    if (node.multiple_of) {
      const double times = number / *node.multiple_of;
      if (!(std::abs(times - std::round(times)) <= kMultipleTolerance * (1.0 + std::abs(times))))
        return at(place, "is not a multiple of multipleOf");
    }
    return std::nullopt;
  }

  static Mismatch visit_string(const SchemaNode& node, std::string_view text,
                               const std::string& place) {
    if (node.min_length && characters_in(text) < *node.min_length)
      return at(place, "is shorter than minLength");
    if (node.max_length && characters_in(text) > *node.max_length)
      return at(place, "is longer than maxLength");
    if (node.pattern && !node.pattern->matches(text))
      return at(place, "does not match its pattern");
    if (node.format && !node.format->matches(text)) return at(place, "is not of its format");
    return std::nullopt;
  }

  Mismatch visit_object(const SchemaNode& node, const json::object& object,
                        const std::string& place) {
    const auto size = static_cast<std::int64_t>(object.size());
    if (node.min_properties && size < *node.min_properties)
      return at(place, "has fewer fields than minProperties");
    if (node.max_properties && size > *node.max_properties)
      return at(place, "has more fields than maxProperties");
    for (const std::string& name : node.required) {
      if (!object.contains(name)) return at(place, "lacks the field '" + name + "'");
    }
    for (const auto& [key, value] : object) {
      const std::string name(key);
      const auto known = std::find_if(node.properties.begin(), node.properties.end(),
                                      [&](const auto& each) { return each.first == name; });
      steps_ += node.properties.size();
      const bool declared = known != node.properties.end();
      if (!declared && !node.additional) continue;
      const Index child = declared ? known->second : *node.additional;
      if (auto found = visit(child, value, place + "." + name)) return found;
    }
    return std::nullopt;
  }

  Mismatch visit_array(const SchemaNode& node, const json::array& array, const std::string& place) {
    const auto size = static_cast<std::int64_t>(array.size());
    if (node.min_items && size < *node.min_items) return at(place, "has fewer items than minItems");
    if (node.max_items && size > *node.max_items) return at(place, "has more items than maxItems");
    for (std::size_t i = 0; i < array.size(); ++i) {
      const bool placed = i < node.prefix_items.size();
      if (!placed && !node.items) break;
      const Index child = placed ? node.prefix_items[i] : *node.items;
      if (auto found = visit(child, array[i], place + "[" + std::to_string(i) + "]")) return found;
    }
    if (!node.unique_items) return std::nullopt;
    for (std::size_t i = 0; i < array.size(); ++i) {
      for (std::size_t j = 0; j < i && !spent(); ++j) {
        if (equal(array[i], array[j]))
          return at(place, "has the item " + shown(array[i]) + " twice");
      }
    }
    return std::nullopt;
  }

  Mismatch visit_combined(const SchemaNode& node, const json::value& value,
                          const std::string& place) {
    if (node.reference) {
      if (auto found = visit(*node.reference, value, place)) return found;
    }
    for (const Index each : node.all_of) {
      if (auto found = visit(each, value, place)) return found;
    }
    if (!node.any_of.empty() && count_holding(node.any_of, value, place, 1) == 0)
      return at(place, "holds to none of anyOf");
    if (!node.one_of.empty() && count_holding(node.one_of, value, place, 2) != 1)
      return at(place, "does not hold to exactly one of oneOf");
    if (node.negated && !visit(*node.negated, value, place)) return at(place, "holds to not");
    return std::nullopt;
  }

  // As far as `enough`.
  int count_holding(const std::vector<Index>& choices, const json::value& value,
                    const std::string& place, int enough) {
    int holding = 0;
    for (const Index each : choices) {
      if (!visit(each, value, place) && ++holding >= enough) break;
    }
    return holding;
  }

  // As JSON Schema sees it: 1 is 1.0, and the order of fields does not matter.
  bool equal(const json::value& a, const json::value& b) {
    if (!step()) return false;
    if (a.is_number() && b.is_number()) return number_of(a) == number_of(b);
    if (a.kind() != b.kind()) return false;
    if (a.is_array()) {
      const json::array& x = a.get_array();
      const json::array& y = b.get_array();
      return std::equal(x.begin(), x.end(), y.begin(), y.end(),
                        [this](const auto& p, const auto& q) { return equal(p, q); });
    }
    if (a.is_object()) {
      const json::object& x = a.get_object();
      const json::object& y = b.get_object();
      return x.size() == y.size() && std::all_of(x.begin(), x.end(), [&](const auto& item) {
               const json::value* other = y.if_contains(item.key());
               return other != nullptr && equal(item.value(), *other);
             });
    }
    return a == b;
  }

  const std::vector<SchemaNode>& nodes_;
  std::size_t steps_ = 0;
  std::size_t depth_ = 0;
};

}  // namespace

std::optional<std::string> Schema::mismatch(const json::value& value) const {
  return Check(nodes_->all).run(value);
}

}  // namespace hone::engine
