#include "feedback/policy.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/config.h"
#include "base/hash.h"
#include "store/records.h"

namespace hone::feedback {
namespace {

constexpr std::array<std::pair<std::string_view, Direction>, 5> kDirections = {{
    {"for", Direction::kFor},
    {"against", Direction::kAgainst},
    {"value", Direction::kValue},
    {"final", Direction::kFinal},
    {"none", Direction::kNone},
}};
constexpr std::array<std::string_view, 5> kDeciders = {"person", "automatic", "policy", "agent",
                                                       "unknown"};
// Beyond this a single signal could never be outvoted; it is a mistyped number.
constexpr double kHeaviest = 20;

double ranged(TomlTable& table, std::string_view key, double otherwise, double low, double high) {
  const double value = table.get_or(key, otherwise);
  if (!(value >= low && value <= high)) {
    table.problem(key, "must be from " + std::to_string(static_cast<int>(low)) + " to " +
                           std::to_string(static_cast<int>(high)));
  }
  return value;
}

KindPolicy read_kind(TomlTable table) {
  KindPolicy kind;
  const auto direction = table.require<std::string>("direction");
  const auto* found = std::ranges::find(kDirections, direction, [](auto& d) { return d.first; });
  if (found == kDirections.end()) {
    if (!direction.empty()) {
      table.problem("direction", "must be for, against, value, final or none");
    }
  } else {
    kind.direction = found->second;
  }
  for (const auto by : kDeciders) {
    const double weight = ranged(table, by, 0.0, 0, kHeaviest);
    if (weight > 0) kind.weight_by.emplace(by, weight);
  }
  return kind;
}

}  // namespace

double Policy::weight(std::string_view kind, std::string_view by) const {
  const auto of_kind = kinds.find(kind);
  if (of_kind == kinds.end()) return 0;
  const auto found = of_kind->second.weight_by.find(by);
  return found == of_kind->second.weight_by.end() ? 0 : found->second;
}

Direction Policy::direction(std::string_view kind) const {
  const auto found = kinds.find(kind);
  return found == kinds.end() ? Direction::kNone : found->second.direction;
}

Result<Policy> parse_policy(std::string_view text, std::string name) {
  auto file = TomlFile::parse(text, std::move(name));
  if (!file) return fail(file.error());
  TomlTable root = (*file)->root();
  Policy policy;
  policy.version = root.require<std::string>("version");
  policy.digest = hex(sha256(text));
  policy.repeat = ranged(root, "repeat", policy.repeat, 0, 1);
  policy.weak = ranged(root, "weak", policy.weak, 0, 1);
  policy.contested = ranged(root, "contested", policy.contested, 0, kHeaviest);
  for (const auto kind : store::feedback_kinds()) {
    TomlTable table = root.table(kind);  // asked for in any case, so that misspelt ones get a hint
    if (root.has(kind)) policy.kinds.emplace(kind, read_kind(std::move(table)));
  }
  if (auto done = (*file)->finish(); !done) return fail(done.error());
  return policy;
}

const Policy& default_policy() {
  static const Policy policy = [] {
    auto parsed = parse_policy(default_policy_text(), "recipes/verdict.toml");
    HONE_ASSERT(parsed.has_value());
    return std::move(*parsed);
  }();
  return policy;
}

}  // namespace hone::feedback
