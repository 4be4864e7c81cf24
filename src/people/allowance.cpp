#include "people/allowance.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace hone::people {
namespace {

constexpr std::int64_t kMillion = 1'000'000;
constexpr double kMostCost = 1e9;

// Calls `visit` with each measure and period, in the order in which people read them.
template <typename Visit>
void each_limit(Visit visit) {
  for (const Measure measure : kMeasures) {
    for (const Period period : kPeriods) visit(measure, period);
  }
}

std::string number_text(Measure measure, std::int64_t most) {
  if (measure != Measure::kCost) return std::to_string(most);
  std::array<char, 40> text{};
  std::snprintf(text.data(), text.size(), "%.15g",
                static_cast<double>(most) / static_cast<double>(kMillion));
  return text.data();
}

json::value number_json(Measure measure, std::int64_t most) {
  if (measure != Measure::kCost) return most;
  if (most % kMillion == 0) return most / kMillion;  // is read more easily than 2E1
  return static_cast<double>(most) / static_cast<double>(kMillion);
}

Result<std::optional<std::int64_t>> read_most(const json::object& object, Measure measure,
                                              const std::string& name) {
  if (measure == Measure::kCost) {
    const auto cost = optional_field<double>(object, name);
    if (!cost) return fail(cost.error());
    if (!*cost) return std::optional<std::int64_t>();
    const auto millionths = cost_in_millionths(**cost);
    if (!millionths) return fail(ErrorCode::kInvalid, "'" + name + "' must be 0 to 1e9");
    return millionths;
  }
  auto count = optional_field<std::int64_t>(object, name);
  if (count && *count && **count < 0) {
    return fail(ErrorCode::kInvalid, "'" + name + "' must be 0 or more");
  }
  return count;
}

}  // namespace

std::string_view name(Measure measure) {
  switch (measure) {
    case Measure::kRequests:
      return "requests";
    case Measure::kTokens:
      return "tokens";
    case Measure::kCost:
      return "cost";
  }
  return "";
}

std::string_view name(Period period) {
  switch (period) {
    case Period::kMinute:
      return "minute";
    case Period::kDay:
      return "day";
    case Period::kMonth:
      return "month";
  }
  return "";
}

std::string limit_name(Measure measure, Period period) {
  return std::string(name(measure)) + "_per_" + std::string(name(period));
}

bool Allowance::empty() const {
  for (const auto& of_measure : most.values) {
    for (const auto& limit : of_measure) {
      if (limit) return false;
    }
  }
  return true;
}

Allowance stricter(const Allowance& a, const Allowance& b) {
  Allowance both = a;
  each_limit([&](Measure measure, Period period) {
    const auto& other = b.most.at(measure, period);
    auto& most = both.most.at(measure, period);
    if (other && (!most || *other < *most)) most = other;
  });
  return both;
}

std::optional<std::int64_t> cost_in_millionths(double cost) {
  if (!(cost >= 0 && cost <= kMostCost)) return std::nullopt;
  return static_cast<std::int64_t>(std::llround(cost * static_cast<double>(kMillion)));
}

json::object to_json(const Allowance& limits) {
  json::object object;
  each_limit([&](Measure measure, Period period) {
    const auto& most = limits.most.at(measure, period);
    if (most) object[limit_name(measure, period)] = number_json(measure, *most);
  });
  return object;
}

std::string limits_text(const Allowance& limits) {
  std::string text;
  each_limit([&](Measure measure, Period period) {
    const auto& most = limits.most.at(measure, period);
    if (!most) return;
    if (!text.empty()) text += ' ';
    text += limit_name(measure, period) + "=" + number_text(measure, *most);
  });
  return text;
}

std::string stored_limits(const Allowance& limits) {
  return limits.empty() ? std::string() : json::serialize(to_json(limits));
}

Result<Allowance> read_stored_limits(std::string_view text) {
  Allowance limits;
  if (text.empty()) return limits;
  const auto object = parse_json_object(text);
  if (!object) return fail(object.error().with("limits"));
  std::size_t known = 0;
  for (const Measure measure : kMeasures) {
    for (const Period period : kPeriods) {
      const auto most = read_most(*object, measure, limit_name(measure, period));
      if (!most) return fail(most.error().with("limits"));
      limits.most.at(measure, period) = *most;
      if (*most) ++known;
    }
  }
  if (known == object->size()) return limits;
  return fail(ErrorCode::kInvalid, "limits: there are others than " + limits_text(limits));
}

}  // namespace hone::people
