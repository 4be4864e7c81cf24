// People differ. One accepts whatever comes, another turns everything down; a click of theirs says
// less than it seems to. How much less is estimated from all feedback:
//
//   HabitCounter counter;
//   for (case) counter.add(case, policy);          // in any order
//   const Habits habits = counter.estimate(policy.habits);
//
// A person's acceptances are held against those to be expected of everybody on the same work: the
// same model, tool and purpose, and the same outcome where one is known from others (tests, other
// people), so that who gets good answers, or has easy tasks, is not taken for careless. The excess
// is shrunk towards nothing by a beta-binomial whose spread is that found among the people
// (Efron and Morris 1975's way, by moments), so that chance is not taken for a habit. Rejections
// likewise; and where it is known how accepted texts lasted, those who accept what does not last
// are held to that.
//
// The same feedback gives the same estimates in whatever order it is read. The counts hold some 200
// bytes a person. docs/formats/verdict.md has the arithmetic.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "feedback/policy.h"
#include "feedback/signal.h"

namespace hone::store {
class Database;
}

namespace hone::feedback {

struct Case;  // feedback/cases.h

// One person's, with what it rests on.
struct PersonHabit {
  std::string person;
  std::int64_t opinions = 0;
  std::int64_t accepted = 0;
  std::int64_t rejected = 0;
  double expected_accepted = 0;  // of everybody, on the same work
  double expected_rejected = 0;
  Habit habit;
};

// By person; only those of whom something is held against their opinions.
using Habits = std::unordered_map<std::string, Habit>;

// What one person said of answers to one kind of work.
struct HabitTally {
  std::uint32_t stratum = 0;
  std::uint32_t opinions = 0, accepted = 0, rejected = 0;
  std::uint32_t looked = 0, unkept = 0;  // acceptances whose text was looked at later
};
using HabitTallies = std::vector<HabitTally>;  // of one person, by stratum, rising

class HabitCounter {
 public:
  // What each person said of one answer, as far as people said anything.
  void add(const Case& one, const Policy& policy);

  // Everybody with enough opinions, by person's id.
  [[nodiscard]] std::vector<PersonHabit> estimate(const HabitPolicy& policy) const;

 private:
  std::uint32_t stratum_of(std::string_view work);
  HabitTally& tally_of(const std::string& person, std::uint32_t stratum);

  std::unordered_map<std::string, std::uint32_t> strata_;
  std::unordered_map<std::string, HabitTallies> people_;
};

[[nodiscard]] Habits held_against(const std::vector<PersonHabit>& people);

// What an opinion of `weight` log-odds keeps of it, given the habit of who gave it; `least` at
// least. With a share c of opinions that are given to whatever comes, and the others right with
// chance s(weight), an opinion is evidence of log((c + (1 - c) s(w)) / (c + (1 - c) s(-w))).
[[nodiscard]] double habit_factor(const Signal& signal, double weight, double least);

// Table `decider`, from which refresh takes what is held against whom. Blocking.
[[nodiscard]] Result<void> save_habits(store::Database& database,
                                       const std::vector<PersonHabit>& people);

}  // namespace hone::feedback
