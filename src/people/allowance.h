// How much somebody may use at most: requests, tokens and cost, by minute, day and month. The names
// ("requests_per_minute", "cost_per_month") are the same in hone.toml, on the command line and in
// the database.
//
//   Allowance mine;
//   mine.most.at(Measure::kCost, Period::kMonth) = 20'000'000;      // millionths
//   limits_text(mine)                                               // "cost_per_month=20"
//   read_stored_limits(stored_limits(mine))                         // the same again
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/result.h"

namespace hone::people {

enum class Measure : std::uint8_t { kRequests, kTokens, kCost };
enum class Period : std::uint8_t { kMinute, kDay, kMonth };
inline constexpr std::array kMeasures = {Measure::kRequests, Measure::kTokens, Measure::kCost};
inline constexpr std::array kPeriods = {Period::kMinute, Period::kDay, Period::kMonth};

// "requests", "tokens", "cost"; "minute", "day", "month".
[[nodiscard]] std::string_view name(Measure measure);
[[nodiscard]] std::string_view name(Period period);
// "requests_per_minute".
[[nodiscard]] std::string limit_name(Measure measure, Period period);

// A number for each measure and period.
template <typename T>
struct ByPeriod {
  std::array<std::array<T, kPeriods.size()>, kMeasures.size()> values{};
  [[nodiscard]] T& at(Measure m, Period p) {
    return values[static_cast<std::size_t>(m)][static_cast<std::size_t>(p)];
  }
  [[nodiscard]] const T& at(Measure m, Period p) const {
    return values[static_cast<std::size_t>(m)][static_cast<std::size_t>(p)];
  }
};

// What may be used at most; cost in millionths.
struct Allowance {
  ByPeriod<std::optional<std::int64_t>> most;
  [[nodiscard]] bool empty() const;
};

// Of each limit the lower one; what only one of them limits stays limited.
[[nodiscard]] Allowance stricter(const Allowance& a, const Allowance& b);

// A cost as people write it, in millionths; nullopt where it is not from 0 to 1e9.
[[nodiscard]] std::optional<std::int64_t> cost_in_millionths(double cost);

// {"requests_per_minute": 60, "cost_per_month": 20}.
[[nodiscard]] json::object to_json(const Allowance& limits);
// "requests_per_minute=60 cost_per_month=20"; "" where nothing is limited.
[[nodiscard]] std::string limits_text(const Allowance& limits);

// As column api_key.limits keeps it: the JSON above, "" where nothing is limited.
[[nodiscard]] std::string stored_limits(const Allowance& limits);
// kInvalid for a limit that this Hone does not know: to pass over it would be to grant it.
[[nodiscard]] Result<Allowance> read_stored_limits(std::string_view text);

}  // namespace hone::people
