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
constexpr std::array<std::string_view, 5> kPolicyDeciders = {"person", "automatic", "policy",
                                                             "agent", "unknown"};
// Beyond this a single signal could never be outvoted; it is a mistyped number.
constexpr double kHeaviest = 20;

double policy_number(TomlTable& table, std::string_view key, double otherwise, double low,
                     double high) {
  const double value = table.get_or(key, otherwise);
  if (!(value >= low && value <= high)) {
    table.problem(key, "must be from " + std::to_string(static_cast<int>(low)) + " to " +
                           std::to_string(static_cast<int>(high)));
  }
  return value;
}

constexpr double kMostDays = 36'500;
constexpr std::size_t kMostRungs = 16;
constexpr std::size_t kMostSources = 100;

void read_weights(TomlTable& table, WeightByDecider& weights) {
  for (const auto by : kPolicyDeciders) {
    const double weight = policy_number(table, by, 0.0, 0, kHeaviest);
    if (table.has(by)) weights.emplace(by, weight);
  }
}

void read_scale(TomlTable& table, ValueScale& scale) {
  scale.neutral = policy_number(table, "neutral", scale.neutral, 0, 1);
  scale.worst = policy_number(table, "worst", scale.worst, 0, 1);
  scale.against = policy_number(table, "against", scale.against, 0, kHeaviest);
  if (scale.neutral >= 1) table.problem("neutral", "must be below 1");
  if (scale.worst >= scale.neutral) {
    table.problem(table.has("worst") ? "worst" : "neutral", "needs 'worst' below 'neutral'");
  }
}

void read_rungs(TomlTable& table, KindPolicy& kind) {
  kind.after = table.get_or("after", std::vector<double>());
  kind.times = table.get_or("times", std::vector<double>());
  if (kind.after.size() != kind.times.size() || kind.after.size() > kMostRungs) {
    table.problem(
        table.has("times") ? "times" : "after",
        "needs as many numbers in 'after' as in 'times', at most " + std::to_string(kMostRungs));
    kind.after.clear();
  }
  for (std::size_t i = 0; i < kind.after.size(); ++i) {
    const bool rises = kind.after[i] >= 0 && (i == 0 || kind.after[i] > kind.after[i - 1]);
    if (!rises || !std::isfinite(kind.after[i])) {
      table.problem("after", "must rise, in seconds from 0 on");
    }
    if (!(kind.times[i] >= 0 && kind.times[i] <= kHeaviest)) {
      table.problem("times", "must be from 0 to 20");
    }
  }
}

KindPolicy read_kind_policy(TomlTable table) {
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
  read_weights(table, kind.weight_by);
  read_scale(table, kind.scale);
  kind.latest = table.get_or("latest", false);
  kind.half_life_days = policy_number(table, "half_life_days", 0.0, 0, kMostDays);
  read_rungs(table, kind);
  return kind;
}

std::vector<SourcePolicy> read_sources(TomlTable& root) {
  std::vector<SourcePolicy> sources;
  for (TomlTable& table : root.tables("source")) {
    SourcePolicy source;
    source.match = table.require<std::string>("match");
    source.kind = table.require<std::string>("kind");
    if (!source.kind.empty() &&
        std::ranges::find(store::feedback_kinds(), source.kind) == store::feedback_kinds().end()) {
      table.problem("kind", "'" + source.kind + "' is no kind of feedback");
    }
    read_weights(table, source.weight_by);
    if (sources.size() == kMostSources) table.problem("match", "is one source too many");
    if (sources.size() < kMostSources) sources.push_back(std::move(source));
  }
  return sources;
}

HabitPolicy read_habits(TomlTable& root) {
  HabitPolicy habits;
  habits.on = root.has("habits");
  TomlTable table = root.table("habits");
  habits.opinions = policy_number(table, "opinions", habits.opinions, 1, 1'000'000);
  habits.least = policy_number(table, "least", habits.least, 0, 1);
  return habits;
}

BrigadePolicy read_brigade(TomlTable& root) {
  BrigadePolicy brigade;
  const bool on = root.has("brigade");
  TomlTable table = root.table("brigade");
  const double persons = policy_number(table, "persons", 8.0, 2, 1'000'000);
  const double minutes = policy_number(table, "window_minutes", 10.0, 0, 1440);
  brigade.weight = policy_number(table, "weight", 2.2, 0, kHeaviest);
  brigade.window = std::chrono::milliseconds(std::llround(minutes * 60'000));
  if (on) brigade.persons = persons;
  return brigade;
}

bool source_matches(std::string_view pattern, std::string_view source) {
  if (!pattern.ends_with('*')) return pattern == source;
  return source.starts_with(pattern.substr(0, pattern.size() - 1));
}

double weight_in(const WeightByDecider& weights, std::string_view by) {
  const auto found = weights.find(by);
  return found == weights.end() ? 0 : found->second;
}

}  // namespace

double ValueScale::said(double value) const {
  const double inside = std::clamp(value, 0.0, 1.0);
  if (inside >= neutral) return (inside - neutral) / (1 - neutral);
  return -against * std::min(1.0, (neutral - inside) / (neutral - worst));
}

double KindPolicy::rung(double after_seconds) const {
  double factor = 1;
  for (std::size_t i = 0; i < after.size() && after[i] <= after_seconds; ++i) factor = times[i];
  return factor;
}

double Policy::weight(std::string_view kind, std::string_view by, std::string_view source) const {
  const auto of_kind = kinds.find(kind);
  if (of_kind == kinds.end()) return 0;
  for (const SourcePolicy& own : sources) {
    if (own.kind != kind || !source_matches(own.match, source)) continue;
    if (own.weight_by.contains(by)) return weight_in(own.weight_by, by);
  }
  return weight_in(of_kind->second.weight_by, by);
}

Direction Policy::direction(std::string_view kind) const {
  const auto found = kinds.find(kind);
  return found == kinds.end() ? Direction::kNone : found->second.direction;
}

const KindPolicy* Policy::kind(std::string_view name) const {
  const auto found = kinds.find(name);
  return found == kinds.end() ? nullptr : &found->second;
}

Result<Policy> parse_policy(std::string_view text, std::string name) {
  auto file = TomlFile::parse(text, std::move(name));
  if (!file) return fail(file.error());
  TomlTable root = (*file)->root();
  Policy policy;
  policy.version = root.require<std::string>("version");
  policy.digest = hex(sha256(text));
  policy.repeat = policy_number(root, "repeat", policy.repeat, 0, 1);
  policy.weak = policy_number(root, "weak", policy.weak, 0, 1);
  policy.contested = policy_number(root, "contested", policy.contested, 0, kHeaviest);
  policy.contested_share = policy_number(root, "contested_share", policy.contested_share, 0, 1);
  policy.fresh_days = policy_number(root, "fresh_days", policy.fresh_days, 0, kMostDays);
  policy.person_cap = policy_number(root, "person_cap", policy.person_cap, 0, 1000);
  policy.team_cap = policy_number(root, "team_cap", policy.team_cap, 0, 1000);
  policy.habits = read_habits(root);
  policy.brigade = read_brigade(root);
  policy.sources = read_sources(root);
  for (const auto kind : store::feedback_kinds()) {
    TomlTable table = root.table(kind);  // asked for in any case, so that misspelt ones get a hint
    if (root.has(kind)) policy.kinds.emplace(kind, read_kind_policy(std::move(table)));
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
