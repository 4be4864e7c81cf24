// People with known habits, brigades and calibration, all in memory and from seeds.
#include "feedback/habits.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/random.h"
#include "feedback/bounds.h"
#include "feedback/calibrate.h"
#include "feedback/cases.h"

namespace hone::feedback {
namespace {

Signal opinion_of(const std::string& person, const std::string& kind, std::int64_t at_ms = 0) {
  Signal signal;
  signal.id = person + "-" + kind + "-" + std::to_string(at_ms);
  signal.kind = kind;
  signal.by = "person";
  signal.source = "api:" + person;
  signal.person = person;
  signal.at = from_millis(at_ms);
  return signal;
}

Signal look_of(const std::string& kind, double value) {
  Signal signal;
  signal.id = "look";
  signal.kind = kind;
  signal.by = "automatic";
  signal.source = "ci";
  signal.value = value;
  signal.at = from_millis(1'000'000);
  return signal;
}

// What a person does whatever comes, in so many of a hundred cases.
struct Simulated {
  std::string person;
  double careless = 0;  // accepts
  double contrary = 0;  // rejects
};

struct SimulatedOpinion {
  Case one;
  bool good = false;
};

// Six in ten answers are good. Who looks accepts nine in ten good ones and one in seven bad ones;
// of three in ten it is known how they turned out.
std::vector<SimulatedOpinion> simulate_people(const std::vector<Simulated>& people, int each,
                                              std::uint64_t seed, const std::string& look) {
  Random random(seed);
  std::vector<SimulatedOpinion> opinions;
  for (const auto& one : people) {
    for (int n = 0; n < each; ++n) {
      SimulatedOpinion made;
      made.good = random.chance(0.6);
      bool accepts = random.chance(made.good ? 0.9 : 0.15);
      if (random.chance(one.careless)) accepts = true;
      if (random.chance(one.contrary)) accepts = false;
      made.one.model = "m";
      made.one.signals.push_back(opinion_of(one.person, accepts ? "accepted" : "rejected"));
      // Only what was taken over can last or not.
      const bool seen = random.chance(0.3) && (look == "outcome" || accepts);
      if (seen) made.one.signals.push_back(look_of(look, made.good ? 1 : 0));
      opinions.push_back(std::move(made));
    }
  }
  return opinions;
}

std::vector<PersonHabit> estimated(const std::vector<SimulatedOpinion>& opinions) {
  HabitCounter counter;
  for (const auto& opinion : opinions) counter.add(opinion.one, default_policy());
  return counter.estimate(default_policy().habits);
}

std::vector<Simulated> workforce(int honest, int careless, int contrary) {
  std::vector<Simulated> people;
  for (int i = 0; i < honest; ++i) people.push_back({"honest-" + std::to_string(i)});
  for (int i = 0; i < careless; ++i) people.push_back({"taker-" + std::to_string(i), 0.85, 0});
  for (int i = 0; i < contrary; ++i) people.push_back({"refuser-" + std::to_string(i), 0, 0.85});
  return people;
}

TEST(Habits, OfSimulatedPeopleAreFoundAsTheyAre) {
  for (const std::uint64_t seed : {1, 2, 3, 4, 5}) {
    const auto habits = estimated(simulate_people(workforce(40, 10, 10), 100, seed, "outcome"));
    ASSERT_EQ(habits.size(), 60U);
    double honest = 0;
    for (const auto& one : habits) {
      EXPECT_EQ(one.opinions, 100);
      if (one.person.starts_with("honest")) {
        honest += (one.habit.careless + one.habit.contrary) / 40;
        EXPECT_LT(one.habit.careless, 0.5) << one.person;
        EXPECT_LT(one.habit.contrary, 0.5) << one.person;
      } else if (one.person.starts_with("taker")) {
        EXPECT_NEAR(one.habit.careless, 0.85, 0.25) << one.person;
        EXPECT_EQ(one.habit.contrary, 0) << one.person;
      } else {
        EXPECT_NEAR(one.habit.contrary, 0.85, 0.25) << one.person;
        EXPECT_EQ(one.habit.careless, 0) << one.person;
      }
    }
    EXPECT_LT(honest, 0.05) << "mean of what is held against the honest";
  }
}

TEST(Habits, AreNotSeenWhereThereIsOnlyChance) {
  for (const std::uint64_t seed : {1, 2, 3}) {
    const auto habits = estimated(simulate_people(workforce(60, 0, 0), 100, seed, "outcome"));
    double all = 0;
    for (const auto& one : habits) all += (one.habit.careless + one.habit.contrary) / 60;
    EXPECT_LT(all, 0.03);
  }
}

TEST(Habits, OfFewOpinionsAreNotGuessed) {
  const auto opinions = simulate_people(workforce(40, 10, 10), 19, 1, "outcome");
  EXPECT_TRUE(estimated(opinions).empty()) << "19 opinions, the policy wants 20";
}

TEST(Habits, AreTheSameInWhateverOrderFeedbackIsRead) {
  auto opinions = simulate_people(workforce(20, 5, 5), 40, 3, "outcome");
  // Several kinds of work, so that sums have an order.
  for (std::size_t i = 0; i < opinions.size(); ++i) {
    opinions[i].one.tool = "tool-" + std::to_string(i % 3);
  }
  const auto before = estimated(opinions);
  Random random(5);
  random.shuffle(opinions);
  const auto after = estimated(opinions);
  ASSERT_EQ(before.size(), after.size());
  for (std::size_t i = 0; i < before.size(); ++i) {
    EXPECT_EQ(before[i].person, after[i].person);
    EXPECT_EQ(before[i].habit, after[i].habit);
  }
}

TEST(Habits, CountNoApprovalThatIsKnownToBeAutomatic) {
  for (const bool known : {false, true}) {
    HabitCounter counter;
    for (int n = 0; n < 30; ++n) {
      Case one;
      Signal guessed = opinion_of("ann", "accepted");
      guessed.source = "hook:claude-code/key";
      guessed.fact = "accepted/toolu_1";
      guessed.inferred = true;
      one.signals = {guessed};
      Signal told = guessed;
      told.id = "told";
      told.by = "automatic";
      told.source = "otlp:key";
      told.inferred = false;
      if (known) one.signals.push_back(told);
      counter.add(one, default_policy());
    }
    EXPECT_EQ(counter.estimate(default_policy().habits).size(), known ? 0U : 1U);
  }
}

// One who gets better work to judge accepts more of it, and rightly.
TEST(Habits, AreNotMadeOfGoodAnswers) {
  auto opinions = simulate_people(workforce(40, 0, 0), 100, 8, "outcome");
  const auto tests = [](bool good) { return look_of("outcome", good ? 1 : 0); };
  for (int n = 0; n < 100; ++n) {
    SimulatedOpinion made;
    made.one.model = "m";
    made.one.signals = {opinion_of("lucky", n % 10 == 0 ? "rejected" : "accepted"), tests(true)};
    opinions.push_back(made);
    made.one.signals = {opinion_of("blind", n % 10 == 0 ? "rejected" : "accepted"), tests(false)};
    opinions.push_back(made);
  }
  for (const auto& one : estimated(opinions)) {
    if (one.person == "lucky") {
      EXPECT_LT(one.habit.careless, 0.05);
    }
    if (one.person == "blind") {
      EXPECT_GT(one.habit.careless, 0.5);
    }
  }
}

TEST(Habits, CountAFactOnceWhoeverTellsOfIt) {
  const auto witness = [](int call, const std::string& source, const std::string& person,
                          const std::string& by, std::int64_t at_ms) {
    Signal signal = opinion_of(person, "accepted", at_ms);
    signal.id = source + std::to_string(call);
    signal.source = source;
    signal.by = by;
    signal.fact = "accepted/toolu_" + std::to_string(call);
    return signal;
  };
  HabitCounter counter;
  for (int i = 0; i < 25; ++i) {
    Case asked;  // two know that ana was asked
    asked.signals = {witness(i, "transcript:claude-code/ana", "ana", "person", 2'000),
                     witness(i, "otlp:key_1", "ana", "person", 1'000)};
    Case automatic;  // what the hook takes for a yes was nobody's, says who was told
    automatic.signals = {witness(i, "hook:claude-code/key_2", "bob", "person", 1'000),
                         witness(i, "otlp:key_2", "bob", "automatic", 2'000)};
    automatic.signals.front().inferred = true;
    counter.add(asked, default_policy());
    counter.add(automatic, default_policy());
  }
  const auto habits = counter.estimate(default_policy().habits);
  ASSERT_EQ(habits.size(), 1U);
  EXPECT_EQ(habits[0].person, "ana");
  EXPECT_EQ(habits[0].opinions, 25);
}

TEST(Habits, ShowInWhatDoesNotLast) {
  // Nobody looks at what was not accepted, so the outcome itself says who accepts too much.
  auto opinions = simulate_people(workforce(40, 0, 0), 200, 9, "persisted");
  for (int n = 0; n < 200; ++n) {
    SimulatedOpinion made;
    made.one.model = "m";
    made.one.signals = {opinion_of("hasty", n % 5 < 3 ? "accepted" : "rejected")};
    if (n % 5 < 3) made.one.signals.push_back(look_of("persisted", n % 2 == 0 ? 1 : 0));
    opinions.push_back(std::move(made));
  }
  for (const auto& one : estimated(opinions)) {
    if (one.person == "hasty") {
      EXPECT_EQ(one.habit.careless, 0) << "accepts as much as everybody";
      EXPECT_GT(one.habit.unkept, 1.3);
    } else {
      EXPECT_LT(one.habit.unkept, 1.2) << one.person;
    }
  }
}

TEST(Habits, TakeFromAnOpinionWhatItDoesNotSay) {
  Signal accepted = opinion_of("ann", "accepted");
  Signal rejected = opinion_of("ann", "rejected");
  EXPECT_EQ(habit_factor(accepted, 2.2, 0.1), 1);
  accepted.habit = rejected.habit = {.careless = 1, .contrary = 0, .unkept = 0};
  EXPECT_EQ(habit_factor(accepted, 2.2, 0.1), 0.1) << "says nothing, and keeps the least";
  EXPECT_EQ(habit_factor(rejected, 2.2, 0.1), 1) << "who takes all and refuses this, means it";
  accepted.habit = {.careless = 0.5, .contrary = 0, .unkept = 0};
  const double right = chance_of(2.2);
  EXPECT_NEAR(habit_factor(accepted, 2.2, 0.1) * 2.2,
              std::log((0.5 + 0.5 * right) / (0.5 + 0.5 * (1 - right))), 1e-12);
  accepted.habit = {.careless = 0, .contrary = 0, .unkept = 1};
  EXPECT_NEAR(habit_factor(accepted, 2.2, 0.1), 1.2 / 2.2, 1e-12);
  EXPECT_EQ(habit_factor(opinion_of("ann", "copied"), 1.2, 0.1), 1) << "no opinion";
}

// How far verdicts are from the truth that only the simulation knows, as mean log-loss.
double loss_of(const std::vector<SimulatedOpinion>& opinions, const Habits& habits) {
  double loss = 0;
  for (const auto& opinion : opinions) {
    Signal said = opinion.one.signals.front();
    if (const auto found = habits.find(said.person); found != habits.end()) {
      said.habit = found->second;
    }
    const auto verdict = decide({said}, default_policy(), "");
    const double chance = chance_of(verdict ? verdict->log_odds : 0);
    loss -= std::log(opinion.good ? chance : 1 - chance) / static_cast<double>(opinions.size());
  }
  return loss;
}

TEST(Habits, BringVerdictsNearerToTheTruth) {
  const auto noisy = simulate_people(workforce(40, 10, 10), 100, 11, "outcome");
  const double raw = loss_of(noisy, {});
  const double minded = loss_of(noisy, held_against(estimated(noisy)));
  EXPECT_LT(minded, raw - 0.05);
  const auto clean = simulate_people(workforce(60, 0, 0), 100, 12, "outcome");
  EXPECT_NEAR(loss_of(clean, held_against(estimated(clean))), loss_of(clean, {}), 0.002)
      << "no worse where nobody is careless";
}

constexpr std::int64_t kMinute = 60'000;

// `number` people who each say `kind`, one every `step_ms`.
void add_crowd(std::vector<Signal>& signals, const std::string& name, const std::string& kind,
               int number, std::int64_t from_ms, std::int64_t step_ms) {
  for (int i = 0; i < number; ++i) {
    signals.push_back(opinion_of(name + std::to_string(i), kind,
                                 from_ms + static_cast<std::int64_t>(i) * step_ms));
  }
}

double log_odds_under(const std::vector<Signal>& signals, const Policy& policy) {
  const auto verdict = decide(signals, policy, "");
  return verdict ? verdict->log_odds : 0;
}

TEST(Bounds, ABrigadeWeighsAsOnePerson) {
  // A dozen people accept an answer in the course of a day; fifty turn it down in five minutes.
  std::vector<Signal> signals;
  add_crowd(signals, "p", "accepted", 12, 0, 60 * kMinute);
  const double before = log_odds_under(signals, default_policy());
  EXPECT_NEAR(before, 12 * 2.2, 1e-9);
  add_crowd(signals, "b", "rejected", 50, 300 * kMinute, 6'000);
  const auto verdict = decide(signals, default_policy(), "");
  ASSERT_TRUE(verdict);
  EXPECT_EQ(verdict->kind, VerdictKind::kAccepted);
  EXPECT_NEAR(verdict->log_odds, before - 2.2, 1e-9);
  for (const Reason& reason : verdict->reasons) {
    if (reason.kind != "rejected") continue;
    ASSERT_EQ(reason.steps.size(), 1U);
    EXPECT_EQ(reason.steps[0].why, kBrigadeStep);
  }
  Policy unguarded = default_policy();
  unguarded.brigade.persons = 0;
  EXPECT_EQ(decide(signals, unguarded, "")->kind, VerdictKind::kRejected) << "the attack works";

  // Ten times as many are no stronger, nor are those who go on for hours.
  add_crowd(signals, "c", "rejected", 500, 310 * kMinute, 30'000);
  EXPECT_NEAR(log_odds_under(signals, default_policy()), before - 2.2, 1e-9);
}

TEST(Bounds, ABrigadeByOtherWordsIsOneAllTheSame) {
  std::vector<Signal> signals;
  add_crowd(signals, "a", "rejected", 4, 0, 1'000);
  add_crowd(signals, "b", "undone", 4, 5'000, 1'000);
  EXPECT_NEAR(log_odds_under(signals, default_policy()), -2.2, 1e-9);
}

TEST(Bounds, APopularAnswerKeepsItsVerdictAndOnePersonsStrength) {
  for (const int number : {8, 30, 1000}) {
    std::vector<Signal> burst;
    add_crowd(burst, "p", "accepted", number, 0, 500);
    const auto verdict = decide(burst, default_policy(), "");
    ASSERT_TRUE(verdict);
    EXPECT_EQ(verdict->kind, VerdictKind::kAccepted);
    EXPECT_GE(verdict->strength, std::tanh(1.1) - 1e-9) << "the bound that verdict.md states";
  }
  // Up to seven in ten minutes cost nothing at all.
  std::vector<Signal> steady;
  add_crowd(steady, "p", "accepted", 30, 0, 2 * kMinute);
  EXPECT_NEAR(log_odds_under(steady, default_policy()), 30 * 2.2, 1e-9);
  std::vector<Signal> seven;
  add_crowd(seven, "p", "accepted", 7, 0, 0);
  EXPECT_NEAR(log_odds_under(seven, default_policy()), 7 * 2.2, 1e-9);
}

TEST(Bounds, OnePersonIsNoCrowdAndHasACap) {
  std::vector<Signal> signals;
  for (int i = 0; i < 40; ++i) {
    Signal signal = opinion_of("ann", i % 2 == 0 ? "accepted" : "copied", i * 1'000);
    signal.source = "api:key-" + std::to_string(i);  // as many keys as she likes
    signals.push_back(signal);
  }
  const auto verdict = decide(signals, default_policy(), "");
  ASSERT_TRUE(verdict);
  EXPECT_NEAR(verdict->log_odds, default_policy().person_cap, 1e-9);
  EXPECT_EQ(verdict->reasons.front().steps.back().why, kPersonStep);
  Signal tests = look_of("outcome", 1);
  signals.push_back(tests);
  EXPECT_NEAR(log_odds_under(signals, default_policy()), default_policy().person_cap + 1.5, 1e-9)
      << "what was observed is nobody's word";
}

TEST(Bounds, OneTeamHasACap) {
  std::vector<Signal> signals;
  add_crowd(signals, "p", "rejected", 10, 0, 60 * kMinute);
  EXPECT_NEAR(log_odds_under(signals, default_policy()), -22, 1e-9);
  for (Signal& signal : signals) signal.team = "red";
  EXPECT_NEAR(log_odds_under(signals, default_policy()), -default_policy().team_cap, 1e-9);
  for (std::size_t i = 0; i < 5; ++i) signals[i].team = "blue";
  EXPECT_NEAR(log_odds_under(signals, default_policy()), -22, 1e-9) << "five each";
}

TEST(Calibration, OfRightChancesHasNoError) {
  std::vector<Foretold> all;
  for (int i = 0; i < 100; ++i) all.push_back({0.8, i < 80});
  for (int i = 0; i < 10; ++i) all.push_back({0.25, i < 5});
  const auto calibration = calibration_of(all, 10);
  EXPECT_EQ(calibration.n, 110);
  ASSERT_EQ(calibration.bins.size(), 2U);
  EXPECT_NEAR(calibration.bins[0].from, 0.2, 1e-12);
  EXPECT_NEAR(calibration.bins[0].predicted, 0.25, 1e-12);
  EXPECT_NEAR(calibration.bins[0].observed, 0.5, 1e-12);
  // Wilson's interval of 5 of 10, from his formula by hand.
  EXPECT_NEAR(calibration.bins[0].low, 0.2366, 1e-4);
  EXPECT_NEAR(calibration.bins[0].high, 0.7634, 1e-4);
  EXPECT_NEAR(calibration.bins[1].observed, 0.8, 1e-12);
  EXPECT_NEAR(calibration.ece, 10 * 0.25 / 110, 1e-12);
  EXPECT_NEAR(calibration.brier, (100 * 0.16 + 10 * 0.3125) / 110, 1e-12);
  EXPECT_EQ(calibration_of({}, 10).n, 0);
}

}  // namespace
}  // namespace hone::feedback
