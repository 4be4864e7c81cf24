#include "feedback/habits.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <tuple>

#include "feedback/cases.h"
#include "feedback/verdict.h"
#include "feedback/witnesses.h"
#include "store/database.h"

namespace hone::feedback {
namespace {

constexpr std::size_t kMostStrata = 4096;  // models, tools and purposes beyond share one
constexpr int kHabitRounds = 10;
// What chance brings one time in forty is no habit.
constexpr double kHabitSurprise = 2;
// In opinions: what the mean weighs beside a person's own. Below the one, two clicks would make a
// habit; above the other the people do not differ at all.
constexpr double kLeastShrinkage = 2, kMostShrinkage = 1000;

double log_odds_of_rate(double p) {
  const double inside = std::clamp(p, 0.01, 0.99);
  return std::log(inside / (1 - inside));
}

struct LastWord {
  Time at{};
  std::string_view id;
  int said = 0;  // 1 accepted, -1 rejected, 0 put something else in its place
};

using HabitFacts = std::vector<const Signal*>;

// Of a fact that several tell, its best witness alone, as in a verdict: the others may take an
// automatic approval for a person's, or know the person by another name.
HabitFacts each_fact_once(const std::vector<Signal>& signals, const Policy& policy) {
  HabitFacts told;
  told.reserve(signals.size());
  const Witnesses witnesses(signals, policy);
  for (const Signal& signal : signals) {
    if (witnesses.better_than(signal).empty()) told.push_back(&signal);
  }
  return told;
}

// What each person said last: people change their opinions.
std::map<std::string_view, LastWord> last_words(const HabitFacts& told, const Policy& policy) {
  std::map<std::string_view, LastWord> words;
  for (const Signal* one : told) {
    const Signal& signal = *one;
    if (signal.by != "person" || signal.person.empty() || signal.weak) continue;
    const int said = opinion(signal);
    if (said == 0 && policy.direction(signal.kind) != Direction::kFinal) continue;
    LastWord& last = words[signal.person];
    if (last.id.empty() || std::tie(last.at, last.id) < std::tie(signal.at, signal.id)) {
      last = {signal.at, signal.id, said};
    }
  }
  return words;
}

// Of kind `kind`, the newest that has a value.
const Signal* newest_look(const HabitFacts& told, std::string_view kind) {
  const Signal* newest = nullptr;
  for (const Signal* one : told) {
    const Signal& signal = *one;
    if (signal.kind != kind || !signal.value) continue;
    if (newest == nullptr || std::tie(newest->at, newest->id) < std::tie(signal.at, signal.id)) {
      newest = &signal;
    }
  }
  return newest;
}

double said_by(const Signal* look, const Policy& policy) {
  if (look == nullptr) return 0;
  const KindPolicy* kind = policy.kind(look->kind);
  if (kind == nullptr || kind->direction != Direction::kValue) return 0;
  return kind->scale.said(*look->value);
}

// Whether the answer was good, as others have it: 'g', 'b', or '?' where they do not say.
char outcome_without(int own, const std::map<std::string_view, LastWord>& words, double tests,
                     const Policy& policy) {
  if (tests != 0) return tests > 0 ? 'g' : 'b';
  // Where a crowd has spoken it may be a brigade, which must not make others look careless.
  const double crowd = policy.brigade.persons > 0 ? policy.brigade.persons : 8;
  if (static_cast<double>(words.size()) >= crowd) return '?';
  int others = -own;
  for (const auto& [person, word] : words) others += word.said;
  return others > 0 ? 'g' : others < 0 ? 'b' : '?';
}

bool was_undone(const HabitFacts& told) {
  return std::ranges::any_of(told, [](const Signal* s) { return s->kind == "undone" && !s->weak; });
}

// Of n chances, how many hit, and how many would by everybody's rates.
struct HabitCount {
  double n = 0, hits = 0, expected = 0, variance = 0;

  void add(double more, double more_hits, double rate) {
    n += more;
    hits += more_hits;
    expected += more * rate;
    variance += more * rate * (1 - rate);
  }
  [[nodiscard]] bool surprising() const {
    return hits - expected > kHabitSurprise * std::sqrt(variance);
  }
  // Share of chances that hit whatever comes: rate = share + (1 - share) * everybody's.
  [[nodiscard]] double share(double shrinkage) const {
    if (!surprising()) return 0;
    const double room = (n - expected) * (1 + shrinkage / n);
    return room > 0 ? std::min(1.0, (hits - expected) / room) : 0;
  }
};

// How many opinions the mean weighs, from how much people differ beyond chance: of a beta-binomial,
// m (1 - m) / variance of the rates - 1.
double shrinkage_of(const std::vector<HabitCount>& people) {
  double n = 0, expected = 0, excess = 0, pairs = 0;
  for (const HabitCount& one : people) {
    n += one.n;
    expected += one.expected;
    excess += (one.hits - one.expected) * (one.hits - one.expected) - one.variance;
    pairs += one.n * (one.n - 1);
  }
  if (pairs <= 0 || excess <= 0) return kMostShrinkage;
  const double mean = expected / n;
  return std::clamp(mean * (1 - mean) * pairs / excess - 1, kLeastShrinkage, kMostShrinkage);
}

// Everybody's rates in one stratum.
struct HabitRates {
  double n = 0, accepted = 0, rejected = 0, looked = 0, unkept = 0;

  static double rate(double hits, double of) { return of > 0 ? hits / of : 0; }
};

// One person's counts against everybody's rates.
struct HabitCounts {
  std::vector<HabitCount> accepting, rejecting, unkept;
};

// The tallies in the order of names, for sums of floating point depend on their order.
struct OrderedTallies {
  std::vector<std::pair<std::string_view, HabitTallies>> people;
  std::size_t strata = 0;
};

OrderedTallies in_order(const std::unordered_map<std::string, HabitTallies>& people,
                        const std::unordered_map<std::string, std::uint32_t>& strata) {
  std::vector<std::pair<std::string_view, std::uint32_t>> names(strata.begin(), strata.end());
  std::ranges::sort(names);
  std::vector<std::uint32_t> place(strata.size());
  for (std::size_t i = 0; i < names.size(); ++i) {
    place[names[i].second] = static_cast<std::uint32_t>(i);
  }
  OrderedTallies ordered;
  ordered.strata = strata.size();
  ordered.people.reserve(people.size());
  for (const auto& [person, tallies] : people) {
    auto& own = ordered.people.emplace_back(person, tallies).second;
    for (HabitTally& tally : own) tally.stratum = place[tally.stratum];
    std::ranges::sort(own, {}, &HabitTally::stratum);
  }
  std::ranges::sort(ordered.people, {}, [](const auto& one) { return one.first; });
  return ordered;
}

// `heed`: how much each person counts for everybody's rates.
std::vector<HabitRates> rates_of(const OrderedTallies& tallies, const std::vector<double>& heed) {
  std::vector<HabitRates> rates(tallies.strata);
  for (std::size_t i = 0; i < tallies.people.size(); ++i) {
    for (const HabitTally& tally : tallies.people[i].second) {
      HabitRates& sum = rates[tally.stratum];
      sum.n += heed[i] * tally.opinions;
      sum.accepted += heed[i] * tally.accepted;
      sum.rejected += heed[i] * tally.rejected;
      sum.looked += heed[i] * tally.looked;
      sum.unkept += heed[i] * tally.unkept;
    }
  }
  return rates;
}

HabitCounts counts_of(const OrderedTallies& tallies, const std::vector<HabitRates>& rates) {
  HabitCounts counts;
  for (const auto& [person, own] : tallies.people) {
    HabitCount accepting, rejecting, unkept;
    for (const HabitTally& tally : own) {
      const HabitRates& all = rates[tally.stratum];
      accepting.add(tally.opinions, tally.accepted, HabitRates::rate(all.accepted, all.n));
      rejecting.add(tally.opinions, tally.rejected, HabitRates::rate(all.rejected, all.n));
      unkept.add(tally.looked, tally.unkept, HabitRates::rate(all.unkept, all.looked));
    }
    counts.accepting.push_back(accepting);
    counts.rejecting.push_back(rejecting);
    counts.unkept.push_back(unkept);
  }
  return counts;
}

struct Shrinkage {
  double accepting = 0, rejecting = 0, unkept = 0;
};

double worse_than_others(const HabitCount& unkept, double shrinkage) {
  if (unkept.n <= 0 || !unkept.surprising()) return 0;
  const double mean = unkept.expected / unkept.n;
  const double own = (unkept.hits + shrinkage * mean) / (unkept.n + shrinkage);
  return std::max(0.0, log_odds_of_rate(own) - log_odds_of_rate(mean));
}

}  // namespace

double habit_factor(const Signal& signal, double weight, double least) {
  const int said = opinion(signal);
  if (said == 0 || weight <= 0) return 1;
  const double share = said > 0 ? signal.habit.careless : signal.habit.contrary;
  double kept = std::log((share + (1 - share) * chance_of(weight)) /
                         (share + (1 - share) * chance_of(-weight)));
  if (said > 0) kept -= signal.habit.unkept;
  return std::clamp(kept / weight, least, 1.0);
}

std::uint32_t HabitCounter::stratum_of(std::string_view work) {
  std::string name(work);
  if (!strata_.contains(name) && strata_.size() >= kMostStrata) name = "";
  return strata_.try_emplace(std::move(name), static_cast<std::uint32_t>(strata_.size()))
      .first->second;
}

HabitTally& HabitCounter::tally_of(const std::string& person, std::uint32_t stratum) {
  HabitTallies& tallies = people_[person];
  const auto at = std::ranges::lower_bound(tallies, stratum, {}, &HabitTally::stratum);
  if (at != tallies.end() && at->stratum == stratum) return *at;
  HabitTally fresh;
  fresh.stratum = stratum;
  return *tallies.insert(at, fresh);
}

void HabitCounter::add(const Case& one, const Policy& policy) {
  const HabitFacts told = each_fact_once(one.signals, policy);
  const auto words = last_words(told, policy);
  if (words.empty()) return;
  const double tests = said_by(newest_look(told, "outcome"), policy);
  const double lasted = was_undone(told) ? -1 : said_by(newest_look(told, "persisted"), policy);
  for (const auto& [person, word] : words) {
    std::string work = one.model + '\n' + one.tool + '\n' + one.purpose + '\n';
    work += outcome_without(word.said, words, tests, policy);
    HabitTally& tally = tally_of(std::string(person), stratum_of(work));
    ++tally.opinions;
    if (word.said > 0) ++tally.accepted;
    if (word.said < 0) ++tally.rejected;
    if (word.said > 0 && lasted != 0) ++tally.looked;
    if (word.said > 0 && lasted < 0) ++tally.unkept;
  }
}

std::vector<PersonHabit> HabitCounter::estimate(const HabitPolicy& policy) const {
  const OrderedTallies tallies = in_order(people_, strata_);
  std::vector<double> heed(tallies.people.size(), 1);
  HabitCounts counts;
  std::optional<Shrinkage> shrinkage;
  // Everybody's rates hold the habits of those who are being found out: in each round these count
  // less for them.
  for (int round = 0; round < kHabitRounds; ++round) {
    counts = counts_of(tallies, rates_of(tallies, heed));
    if (!shrinkage) {
      shrinkage = {shrinkage_of(counts.accepting), shrinkage_of(counts.rejecting),
                   shrinkage_of(counts.unkept)};
    }
    for (std::size_t i = 0; i < heed.size(); ++i) {
      if (counts.accepting[i].n < policy.opinions) continue;
      heed[i] = std::max(0.05, (1 - counts.accepting[i].share(shrinkage->accepting)) *
                                   (1 - counts.rejecting[i].share(shrinkage->rejecting)));
    }
  }
  std::vector<PersonHabit> habits;
  for (std::size_t i = 0; i < heed.size(); ++i) {
    const HabitCount& accepting = counts.accepting[i];
    const HabitCount& rejecting = counts.rejecting[i];
    if (accepting.n < policy.opinions) continue;
    PersonHabit& habit = habits.emplace_back();
    habit.person = tallies.people[i].first;
    habit.opinions = std::llround(accepting.n);
    habit.accepted = std::llround(accepting.hits);
    habit.rejected = std::llround(rejecting.hits);
    habit.expected_accepted = accepting.expected;
    habit.expected_rejected = rejecting.expected;
    habit.habit = {.careless = accepting.share(shrinkage->accepting),
                   .contrary = rejecting.share(shrinkage->rejecting),
                   .unkept = worse_than_others(counts.unkept[i], shrinkage->unkept)};
  }
  return habits;
}

Habits held_against(const std::vector<PersonHabit>& people) {
  Habits habits;
  for (const PersonHabit& one : people) {
    if (!one.habit.none()) habits.emplace(one.person, one.habit);
  }
  return habits;
}

Result<void> save_habits(store::Database& database, const std::vector<PersonHabit>& people) {
  return database.transaction([&]() -> Result<void> {
    if (auto done = database.execute("DELETE FROM decider"); !done) return fail(done.error());
    for (const PersonHabit& one : people) {
      if (one.habit.none()) continue;
      auto written = database.execute(
          "INSERT INTO decider (person_id, opinions, accepted, rejected, expected_accepted,"
          " expected_rejected, careless, contrary, unkept) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
          {one.person, one.opinions, one.accepted, one.rejected, one.expected_accepted,
           one.expected_rejected, one.habit.careless, one.habit.contrary, one.habit.unkept});
      if (!written) return fail(written.error());
    }
    return {};
  });
}

}  // namespace hone::feedback
