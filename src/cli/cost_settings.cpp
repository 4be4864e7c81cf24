#include "cli/cost_settings.h"

#include <cmath>
#include <set>

namespace hone::cli {
namespace {

capture::Price read_price(TomlTable table) {
  const auto checked = [&table](std::string_view key, double value) {
    if (!(value >= 0 && std::isfinite(value))) table.problem(key, "must be 0 or more");
    return value;
  };
  capture::Price price;
  price.input = checked("input", table.require<double>("input"));
  price.output = checked("output", table.require<double>("output"));
  const auto cached = table.get<double>("cached_input");
  const auto written = table.get<double>("cache_write");
  price.cached_input = cached ? checked("cached_input", *cached) : price.input;
  price.cache_write = written ? checked("cache_write", *written) : price.input;
  return price;
}

std::optional<std::int64_t> read_most(TomlTable& table, capture::Measure measure,
                                      const std::string& key) {
  if (measure == capture::Measure::kCost) {
    const auto cost = table.get<double>(key);
    if (!cost) return std::nullopt;
    const auto millionths = people::cost_in_millionths(*cost);
    if (!millionths) table.problem(key, "must be 0 to 1e9");
    return millionths;
  }
  const auto count = table.get<std::int64_t>(key);
  if (count && *count < 0) table.problem(key, "must be 0 or more");
  return count;
}

capture::Allowance read_allowance(TomlTable table) {
  capture::Allowance allowance;
  for (const auto measure : capture::kMeasures) {
    for (const auto period : capture::kPeriods) {
      allowance.most.at(measure, period) =
          read_most(table, measure, people::limit_name(measure, period));
    }
  }
  return allowance;
}

void read_each(TomlTable table, std::map<std::string, capture::Allowance, std::less<>>& into) {
  for (const auto& who : table.keys()) {
    into[who] = read_allowance(table.table(who));
    if (into[who].empty()) {
      table.problem(who, "limits nothing; give it requests_per_minute or the like");
    }
  }
}

constexpr std::string_view kNone = "none";

struct Change {
  std::string name;
  std::string value;
};

// The name is held to a few letters: whatever else TOML takes for a name stays out.
Result<Change> cut_change(const std::string& text) {
  const auto equals = text.find('=');
  const std::string name = text.substr(0, equals);
  const bool plain =
      !name.empty() && name.find_first_not_of("abcdefghijklmnopqrstuvwxyz_") == std::string::npos;
  if (equals == std::string::npos || !plain || text.find_first_of("\r\n") != std::string::npos) {
    return fail(ErrorCode::kInvalid,
                "a limit is written like requests_per_minute=60, and '" + text + "' is not");
  }
  return Change{name, text.substr(equals + 1)};
}

}  // namespace

capture::Prices read_prices(TomlTable table) {
  std::string currency = table.get_or("currency", std::string("USD"));
  if (currency.empty() || currency.size() > 8) table.problem("currency", "must be like \"USD\"");
  std::vector<std::pair<std::string, capture::Price>> by_model;
  for (const auto& model : table.keys()) {
    if (model == "currency") continue;
    if (model.empty()) table.problem(model, "names no model");
    by_model.emplace_back(model, read_price(table.table(model)));
  }
  return {std::move(currency), std::move(by_model)};
}

capture::LimitRules read_limits(TomlTable table, std::string currency) {
  capture::LimitRules rules;
  rules.everyone = read_allowance(table.table("everyone"));
  read_each(table.table("person"), rules.persons);
  read_each(table.table("team"), rules.teams);
  read_each(table.table("key"), rules.keys);
  rules.currency = std::move(currency);
  return rules;
}

// They are read as hone.toml is, a line each, so that both say the same of the same.
Result<people::Allowance> change_limits(people::Allowance limits,
                                        const std::vector<std::string>& changes) {
  std::string lines;
  std::set<std::string, std::less<>> removed;
  for (const auto& text : changes) {
    const auto change = cut_change(text);
    if (!change) return fail(change.error());
    const bool none = change->value == kNone;
    if (none) removed.insert(change->name);
    lines += change->name + " = " + (none ? "0" : change->value) + "\n";
  }
  const auto file = TomlFile::parse(lines, "limits");
  if (!file) return fail(file.error());
  const capture::Allowance given = read_allowance((*file)->root());
  if (auto done = (*file)->finish(); !done) return fail(done.error());
  for (const auto measure : people::kMeasures) {
    for (const auto period : people::kPeriods) {
      const auto& most = given.most.at(measure, period);
      if (!most) continue;
      const bool none = removed.contains(people::limit_name(measure, period));
      limits.most.at(measure, period) = none ? std::nullopt : most;
    }
  }
  return limits;
}

}  // namespace hone::cli
