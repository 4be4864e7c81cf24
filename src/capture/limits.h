// How much people, teams and keys may use: requests, tokens and cost by minute, day and month of
// UTC. A request is counted when it comes; its tokens and its cost when they are known, so that
// calls which run at the same moment may together pass a limit of those.
//
//   const auto admitted = limits.admit(caller);
//   if (!admitted) …429 with admitted.error()…
//   …
//   limits.charge(*admitted, tokens, cost);      // from the recorder, when the answer is read
//
// Rules come from the settings; a key may bring limits of its own (people::Caller), and where the
// settings name it too, of each limit the stricter one holds.
//
// Counters are atomic and in memory; those of days and months are raised to what the store knows at
// start and when the rules change (capture/usage_totals.h). Each server counts what goes through
// it. Where nothing limits the caller it all costs one atomic read. Thread-safe.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <expected>
#include <map>
#include <memory>
#include <optional>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/clock.h"
#include "base/reloadable.h"
#include "people/allowance.h"
#include "people/directory.h"

namespace hone::capture {

using people::Allowance;
using people::ByPeriod;
using people::kMeasures;
using people::kPeriods;
using people::Measure;
using people::name;
using people::Period;

// The period's number since 1970, and when the next one begins.
[[nodiscard]] std::int64_t number_of(Period period, Time now);
[[nodiscard]] Time begin_of(Period period, Time now);
[[nodiscard]] Time end_of(Period period, Time now);

struct LimitRules {
  Allowance everyone;  // each person; all callers without a name are one
  std::map<std::string, Allowance, std::less<>> persons;  // by id, in place of everyone's
  std::map<std::string, Allowance, std::less<>> teams;    // by name, all members together
  std::map<std::string, Allowance, std::less<>> keys;     // by id, beside the key's own
  std::string currency;                                   // for messages
  [[nodiscard]] bool empty() const;
};

// What has been used in the current periods. Each count lies in one word with the number of its
// period, so that a new period begins without a lock and without losing a count.
class UsageAccount {
 public:
  [[nodiscard]] std::int64_t used(Measure measure, Period period, Time now) const;
  void add(Measure measure, Period period, Time now, std::int64_t amount);
  // Adds one, unless that makes more than `most`.
  [[nodiscard]] bool take_one(Measure measure, Period period, Time now, std::int64_t most);
  void raise_to(Measure measure, Period period, Time now, std::int64_t amount);

 private:
  ByPeriod<std::atomic<std::uint64_t>> counts_;
};

// Who is charged for a call. Empty where nothing limits the caller.
struct LimitAccounts {
  struct One {
    UsageAccount* account = nullptr;
    const Allowance* allowance = nullptr;
    std::string_view whom;  // "you have", "your team has", "this key has"
  };
  std::array<One, 3> all{};
  std::size_t count = 0;
  bool of_key = false;                        // the key has a limit of its own
  std::shared_ptr<const Allowance> key_most;  // keeps what the key's account points at
  [[nodiscard]] bool any() const { return count > 0; }
};

// Where a limit stands: the one with the least left.
struct LimitStanding {
  std::int64_t most = 0;
  std::int64_t left = 0;
  Time resets_at{};
};

// Of requests and of tokens; none where that is not limited.
struct LimitStandings {
  std::optional<LimitStanding> requests;
  std::optional<LimitStanding> tokens;
};

[[nodiscard]] LimitStandings standings(const LimitAccounts& accounts, Time now);

struct LimitRefusal {
  Measure measure = Measure::kRequests;
  std::string message;
  Time again_at{};
  LimitStandings standings;
};

// For /metrics.
struct LimitCounters {
  std::array<std::atomic<std::uint64_t>, kMeasures.size()> refused{};
};

class Limits {
 public:
  explicit Limits(Clock& clock, LimitRules rules = {}) : clock_(clock), rules_(std::move(rules)) {}

  // Counts a request of the caller's, or says why it must wait. What it returns holds as long as
  // the Limits.
  [[nodiscard]] std::expected<LimitAccounts, LimitRefusal> admit(const people::Caller& caller);
  void charge(const LimitAccounts& accounts, std::int64_t tokens, double cost);

  void set_rules(LimitRules rules) { rules_.set(std::move(rules)); }
  [[nodiscard]] const LimitRules& rules() const { return rules_.get(); }
  [[nodiscard]] const LimitCounters& counters() const { return counters_; }

  enum class Scope : std::uint8_t { kPerson, kTeam, kKey };
  // The account of that id (of a team: name), made if need be.
  [[nodiscard]] UsageAccount& account(Scope scope, std::string_view who);

 private:
  [[nodiscard]] LimitAccounts accounts_of(const LimitRules& rules, const people::Caller& caller);
  [[nodiscard]] LimitRefusal refuse(const LimitAccounts& accounts, const LimitAccounts::One& one,
                                    Measure measure, Period period, Time now);

  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>{}(text);
    }
  };
  struct Shard {
    std::shared_mutex mutex;  // guards the map; accounts stay where they are
    std::unordered_map<std::string, std::unique_ptr<UsageAccount>, Hash, std::equal_to<>> accounts;
  };
  static constexpr std::size_t kShards = 16;

  Clock& clock_;
  Reloadable<LimitRules> rules_;
  LimitCounters counters_;
  std::array<std::array<Shard, kShards>, 3> shards_;  // by scope
};

}  // namespace hone::capture
