#include "cli/cost_settings.h"

#include <cmath>

namespace hone::cli {
namespace {

constexpr double kMillion = 1e6;
constexpr double kMostCost = 1e9;

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
    if (cost && !(*cost >= 0 && *cost <= kMostCost)) table.problem(key, "must be 0 to 1e9");
    return cost ? std::optional(static_cast<std::int64_t>(std::llround(*cost * kMillion)))
                : std::nullopt;
  }
  const auto count = table.get<std::int64_t>(key);
  if (count && *count < 0) table.problem(key, "must be 0 or more");
  return count;
}

capture::Allowance read_allowance(TomlTable table) {
  capture::Allowance allowance;
  for (const auto measure : capture::kMeasures) {
    for (const auto period : capture::kPeriods) {
      const std::string key =
          std::string(capture::name(measure)) + "_per_" + std::string(capture::name(period));
      allowance.most.at(measure, period) = read_most(table, measure, key);
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

}  // namespace hone::cli
