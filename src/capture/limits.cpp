#include "capture/limits.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <limits>
#include <mutex>

namespace hone::capture {
namespace {

using std::chrono::days;
using std::chrono::floor;
using std::chrono::minutes;

// A count's word: the number of its period, by its last bits, above what was used in it. A count
// would be mistaken for a present one after 2^20 minutes (two years) without any use.
constexpr int kUsedBits = 44;
constexpr std::uint64_t kUsedMask = (std::uint64_t{1} << kUsedBits) - 1;
constexpr std::uint64_t kNumberMask = (std::uint64_t{1} << (64 - kUsedBits)) - 1;
constexpr double kMillion = 1e6;

std::uint64_t period_bits(Period period, Time now) {
  const auto number = static_cast<std::uint64_t>(number_of(period, now)) & kNumberMask;
  return number << kUsedBits;
}

std::uint64_t used_now(std::uint64_t word, std::uint64_t period) {
  return (word & ~kUsedMask) == period ? word & kUsedMask : 0;
}

// Replaces what was used in this period by `change` of it, until nobody came between.
template <typename Change>
void update(std::atomic<std::uint64_t>& count, std::uint64_t period, Change change) {
  std::uint64_t seen = count.load(std::memory_order_relaxed);
  std::uint64_t next = 0;
  do {
    next = period | std::min(change(used_now(seen, period)), kUsedMask);
  } while (!count.compare_exchange_weak(seen, next, std::memory_order_relaxed));
}

std::chrono::year_month month_of(Time now) {
  const std::chrono::year_month_day date(floor<days>(now));
  return date.year() / date.month();
}

std::string amount_text(Measure measure, std::int64_t amount, const std::string& currency) {
  if (measure != Measure::kCost) {
    return std::to_string(amount) + " " + std::string(name(measure));
  }
  std::array<char, 40> number{};
  std::snprintf(number.data(), number.size(), "%.8g", static_cast<double>(amount) / kMillion);
  return std::string(number.data()) + " " + currency;
}

std::optional<LimitStanding> tightest(const LimitAccounts& accounts, Measure measure, Time now) {
  std::optional<LimitStanding> found;
  for (std::size_t i = 0; i < accounts.count; ++i) {
    const auto& one = accounts.all[i];
    for (const Period period : kPeriods) {
      const auto& most = one.allowance->most.at(measure, period);
      if (!most) continue;
      const auto used = one.account->used(measure, period, now);
      const LimitStanding standing{*most, std::max<std::int64_t>(0, *most - used),
                                   end_of(period, now)};
      if (found && (found->left < standing.left ||
                    (found->left == standing.left && found->resets_at >= standing.resets_at))) {
        continue;
      }
      found = standing;
    }
  }
  return found;
}

}  // namespace

std::int64_t number_of(Period period, Time now) {
  if (period == Period::kMinute) return floor<minutes>(now).time_since_epoch().count();
  if (period == Period::kDay) return floor<days>(now).time_since_epoch().count();
  const auto month = month_of(now);
  return (std::int64_t{static_cast<int>(month.year())} - 1970) * 12 +
         static_cast<unsigned>(month.month()) - 1;
}

Time begin_of(Period period, Time now) {
  if (period == Period::kMinute) return floor<minutes>(now);
  if (period == Period::kDay) return floor<days>(now);
  return std::chrono::sys_days(month_of(now) / std::chrono::day(1));
}

Time end_of(Period period, Time now) {
  if (period == Period::kMinute) return floor<minutes>(now) + minutes(1);
  if (period == Period::kDay) return floor<days>(now) + days(1);
  return std::chrono::sys_days((month_of(now) + std::chrono::months(1)) / std::chrono::day(1));
}

bool LimitRules::empty() const {
  return persons.empty() && teams.empty() && keys.empty() && everyone.empty();
}

std::int64_t UsageAccount::used(Measure measure, Period period, Time now) const {
  const auto word = counts_.at(measure, period).load(std::memory_order_relaxed);
  return static_cast<std::int64_t>(used_now(word, period_bits(period, now)));
}

void UsageAccount::add(Measure measure, Period period, Time now, std::int64_t amount) {
  if (amount <= 0) return;
  update(counts_.at(measure, period), period_bits(period, now), [amount](std::uint64_t used) {
    return used + std::min(static_cast<std::uint64_t>(amount), kUsedMask);
  });
}

bool UsageAccount::take_one(Measure measure, Period period, Time now, std::int64_t most) {
  bool taken = false;
  update(counts_.at(measure, period), period_bits(period, now), [&](std::uint64_t used) {
    taken = static_cast<std::int64_t>(used) < most;
    return taken ? used + 1 : used;
  });
  return taken;
}

void UsageAccount::raise_to(Measure measure, Period period, Time now, std::int64_t amount) {
  if (amount <= 0) return;
  update(counts_.at(measure, period), period_bits(period, now), [amount](std::uint64_t used) {
    return std::max(used, static_cast<std::uint64_t>(amount));
  });
}

LimitStandings standings(const LimitAccounts& accounts, Time now) {
  return {tightest(accounts, Measure::kRequests, now), tightest(accounts, Measure::kTokens, now)};
}

UsageAccount& Limits::account(Scope scope, std::string_view who) {
  auto& shards = shards_[static_cast<std::size_t>(scope)];
  Shard& shard = shards[Hash{}(who) % kShards];
  {
    const std::shared_lock lock(shard.mutex);
    if (const auto found = shard.accounts.find(who); found != shard.accounts.end()) {
      return *found->second;
    }
  }
  const std::unique_lock lock(shard.mutex);
  auto& made = shard.accounts[std::string(who)];
  if (!made) made = std::make_unique<UsageAccount>();
  return *made;
}

LimitAccounts Limits::accounts_of(const LimitRules& rules, const people::Caller& caller) {
  LimitAccounts accounts;
  const auto add = [&](Scope scope, std::string_view who, const Allowance& allowance,
                       std::string_view whom) {
    if (allowance.empty()) return;
    accounts.all[accounts.count++] = {&account(scope, who), &allowance, whom};
  };
  const auto own = rules.persons.find(caller.person);
  add(Scope::kPerson, caller.person, own == rules.persons.end() ? rules.everyone : own->second,
      "you have");
  if (const auto team = rules.teams.find(caller.team_name); team != rules.teams.end()) {
    add(Scope::kTeam, caller.team_name, team->second, "your team has");
  }
  const auto key = rules.keys.find(caller.key_id);
  const bool named = key != rules.keys.end();
  if (caller.limits != nullptr) {
    accounts.key_most =
        named ? std::make_shared<const Allowance>(people::stricter(key->second, *caller.limits))
              : caller.limits;
    add(Scope::kKey, caller.key_id, *accounts.key_most, "this key has");
  } else if (named) {
    add(Scope::kKey, caller.key_id, key->second, "this key has");
  }
  accounts.of_key = named || caller.limits != nullptr;
  return accounts;
}

LimitRefusal Limits::refuse(const LimitAccounts& accounts, const LimitAccounts::One& one,
                            Measure measure, Period period, Time now) {
  ++counters_.refused[static_cast<std::size_t>(measure)];
  LimitRefusal refusal;
  refusal.measure = measure;
  refusal.again_at = end_of(period, now);
  refusal.message =
      std::string(one.whom) + " used the " +
      amount_text(measure, *one.allowance->most.at(measure, period), rules_.get().currency) +
      " of this " + std::string(name(period)) + "; the next begins at " + to_text(refusal.again_at);
  refusal.standings = standings(accounts, now);
  return refusal;
}

std::expected<LimitAccounts, LimitRefusal> Limits::admit(const people::Caller& caller) {
  const LimitRules& rules = rules_.get();
  if (caller.limits == nullptr && rules.empty()) return LimitAccounts{};
  const Time now = clock_.now();
  const LimitAccounts accounts = accounts_of(rules, caller);
  // What is used up first, and what has just been counted last: so that a request which is refused
  // has been counted nowhere.
  for (std::size_t i = 0; i < accounts.count; ++i) {
    const auto& one = accounts.all[i];
    for (const Measure measure : kMeasures) {
      for (const Period period : kPeriods) {
        const auto& most = one.allowance->most.at(measure, period);
        if (most && one.account->used(measure, period, now) >= *most) {
          return std::unexpected(refuse(accounts, one, measure, period, now));
        }
      }
    }
  }
  for (std::size_t i = 0; i < accounts.count; ++i) {
    const auto& one = accounts.all[i];
    for (const Period period : kPeriods) {
      const auto& most = one.allowance->most.at(Measure::kRequests, period);
      // Somebody else took the last one just now: what this request has taken elsewhere stays
      // taken, which errs by one towards less.
      if (most && !one.account->take_one(Measure::kRequests, period, now, *most)) {
        return std::unexpected(refuse(accounts, one, Measure::kRequests, period, now));
      }
    }
  }
  return accounts;
}

void Limits::charge(const LimitAccounts& accounts, std::int64_t tokens, double cost) {
  if (!accounts.any()) return;
  const Time now = clock_.now();
  const double millionths = std::isfinite(cost) ? std::round(std::max(0.0, cost) * kMillion) : 0;
  const auto most = static_cast<double>(std::numeric_limits<std::int32_t>::max()) * kMillion;
  const auto cost_amount = static_cast<std::int64_t>(std::min(millionths, most));
  for (std::size_t i = 0; i < accounts.count; ++i) {
    const auto& one = accounts.all[i];
    for (const Period period : kPeriods) {
      if (one.allowance->most.at(Measure::kTokens, period)) {
        one.account->add(Measure::kTokens, period, now, tokens);
      }
      if (one.allowance->most.at(Measure::kCost, period)) {
        one.account->add(Measure::kCost, period, now, cost_amount);
      }
    }
  }
}

}  // namespace hone::capture
