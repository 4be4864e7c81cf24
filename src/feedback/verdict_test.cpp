#include "feedback/verdict.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/random.h"

namespace hone::feedback {
namespace {

constexpr std::string_view kAnswer = "Dear Ms Kim, the parcel left today.";
constexpr std::string_view kEdited = "Hello Ms Kim, the parcel left today.";

struct Given {
  std::string kind;
  std::string by = "person";
  std::optional<double> value = {};
  std::optional<std::string> final_text = {};
  std::string person = "ann";
};

// One signal a second, in the order given.
std::vector<Signal> signals_of(const std::vector<Given>& given) {
  std::vector<Signal> signals;
  for (std::size_t i = 0; i < given.size(); ++i) {
    const Given& g = given[i];
    signals.push_back({"fb_" + std::to_string(i), g.kind, g.by, "api:" + g.person, g.person,
                       g.value, g.final_text,
                       from_millis(1000 * static_cast<std::int64_t>(i + 1))});
  }
  return signals;
}

std::optional<Verdict> decided(const std::vector<Given>& given) {
  return decide(signals_of(given), default_policy(), kAnswer);
}

struct Case {
  std::string title;
  std::vector<Given> given;
  std::string verdict;  // "none" where there is none
  double low = 0;       // of the strength
  double high = 1;
};

Given final_text(std::string kind, std::string_view text, std::string by = "person",
                 std::string person = "ann") {
  return {std::move(kind), std::move(by), {}, std::string(text), std::move(person)};
}

TEST(Verdict, IsWhatPeopleWouldSay) {
  const std::string edited(kEdited);
  const std::vector<Case> cases = {
      {"nothing said", {}, "none"},
      {"only shown", {{"shown"}}, "none"},
      {"only a comment", {{"comment"}}, "none"},
      {"accepted by a person", {{"accepted"}}, "accepted", 0.75, 0.85},
      {"approved automatically", {{"accepted", "automatic"}}, "none"},
      {"approved by an agent", {{"accepted", "agent"}}, "accepted", 0.2, 0.45},
      {"approved automatically, rejected by a person",
       {{"accepted", "automatic"}, {"rejected"}},
       "rejected",
       0.75,
       0.85},
      {"rejected by a person", {{"rejected"}}, "rejected", 0.75, 0.85},
      {"rejected by an agent", {{"rejected", "agent"}}, "rejected", 0.2, 0.45},
      {"edited", {final_text("edited", kEdited)}, "modified", 0.8, 0.9},
      {"edited, text not known", {{"edited"}}, "modified", 0.8, 0.9},
      {"edited to the same text", {final_text("edited", kAnswer)}, "accepted", 0.75, 0.85},
      {"edited to the same text but for blanks",
       {final_text("edited", std::string(kAnswer) + "\n")},
       "accepted",
       0.75,
       0.85},
      {"edited down to nothing", {final_text("edited", " ")}, "rejected", 0.75, 0.85},
      {"edited by a formatter", {final_text("edited", kEdited, "automatic")}, "none"},
      {"edited by a formatter, accepted by a person",
       {final_text("edited", kEdited, "automatic"), {"accepted"}},
       "accepted",
       0.75,
       0.85},
      {"accepted, then edited",
       {{"accepted"}, final_text("edited", kEdited)},
       "modified",
       0.8,
       0.9},
      {"rejected, then corrected",
       {{"rejected"}, final_text("corrected", "Nothing alike at all")},
       "modified",
       0.85,
       0.95},
      {"edited, and what was made of it accepted",
       {final_text("edited", kEdited), {"accepted", "person", {}, {}, "bob"}},
       "modified",
       0.97,
       1},
      {"edited, then undone",
       {final_text("edited", kEdited), {"undone", "person", {}, {}, "bob"}},
       "contested"},
      {"edited, and it did not persist",
       {final_text("edited", kEdited), {"persisted", "automatic", 0.0}},
       "contested",
       0,
       0.2},
      {"edited, and half of it persisted",
       {final_text("edited", kEdited), {"persisted", "automatic", 0.6}},
       "modified",
       0.6,
       0.8},
      {"two edits, the later stands",
       {final_text("edited", "A first try"), final_text("edited", kEdited)},
       "modified",
       0.5,
       0.9},
      {"the same edit by two",
       {final_text("edited", kEdited), final_text("edited", kEdited, "person", "bob")},
       "modified",
       0.97,
       1},
      {"rated well", {{"rated", "person", 1.0}}, "accepted", 0.75, 0.85},
      {"rated badly", {{"rated", "person", 0.0}}, "rejected", 0.75, 0.85},
      {"rated so-so", {{"rated", "person", 0.5}}, "none"},
      {"rated a little better than so-so", {{"rated", "person", 0.6}}, "accepted", 0.1, 0.3},
      {"rated off the scale", {{"rated", "person", 50.0}}, "accepted", 0.75, 0.85},
      {"rated without a value", {{"rated"}}, "none"},
      {"one accepts, another rejects",
       {{"accepted"}, {"rejected", "person", {}, {}, "bob"}},
       "contested",
       0,
       0.01},
      {"two accept, one rejects",
       {{"accepted"}, {"accepted", "person", {}, {}, "bob"}, {"rejected", "person", {}, {}, "cy"}},
       "contested"},
      {"five accept, one rejects",
       {{"accepted", "person", {}, {}, "a"},
        {"accepted", "person", {}, {}, "b"},
        {"accepted", "person", {}, {}, "c"},
        {"accepted", "person", {}, {}, "d"},
        {"accepted", "person", {}, {}, "e"},
        {"rejected", "person", {}, {}, "f"}},
       "accepted"},
      {"accepted, then changed his mind", {{"accepted"}, {"rejected"}}, "rejected", 0.75, 0.85},
      {"rejected, then changed her mind",
       {{"rejected"}, {"rated", "person", 1.0}},
       "accepted",
       0.75,
       0.85},
      {"accepted, retried", {{"accepted"}, {"retried"}}, "accepted", 0.5, 0.7},
      {"accepted, undone", {{"accepted"}, {"undone"}}, "contested", 0, 0.01},
      {"copied", {{"copied"}}, "accepted", 0.5, 0.6},
      {"copied and it persisted",
       {{"copied"}, {"persisted", "automatic", 1.0}},
       "accepted",
       0.8,
       0.9},
      {"tests passed", {{"outcome", "automatic", 1.0}}, "accepted", 0.5, 0.7},
      {"tests failed", {{"outcome", "automatic", 0.0}}, "rejected", 0.5, 0.7},
      {"retried", {{"retried"}}, "rejected", 0.3, 0.5},
      {"preferred over another", {{"compared", "person", 1.0}}, "accepted", 0.6, 0.8},
      {"a kind that the policy does not know", {{"sniffed"}}, "none"},
  };
  for (const auto& one : cases) {
    const auto verdict = decided(one.given);
    ASSERT_EQ(verdict ? name(verdict->kind) : "none", one.verdict) << one.title;
    if (!verdict) continue;
    EXPECT_GE(verdict->strength, one.low) << one.title;
    EXPECT_LE(verdict->strength, one.high) << one.title;
    EXPECT_EQ(verdict->reasons.size(), one.given.size()) << one.title;
    EXPECT_EQ(verdict->decided_at, from_millis(1000 * static_cast<std::int64_t>(one.given.size())))
        << one.title;
  }
}

Signal signal_from(std::string source, std::string kind, std::string by, bool weak = false) {
  Signal signal;
  signal.id = source;
  signal.source = std::move(source);
  signal.kind = std::move(kind);
  signal.by = std::move(by);
  signal.weak = weak;
  return signal;
}

double log_odds_of(std::vector<Signal> signals) {
  const auto verdict = decide(std::move(signals), default_policy(), kAnswer);
  return verdict ? verdict->log_odds : 0;
}

TEST(Verdict, AGuessCountsLessAndNothingBesideWhatAPersonSaid) {
  const auto thanks = signal_from("mined:thanks@1", "accepted", "person", true);
  EXPECT_NEAR(log_odds_of({thanks}), 0.25 * 2.2, 1e-9);
  EXPECT_NEAR(log_odds_of({thanks, signal_from("api:k", "rejected", "person")}), -2.2, 1e-9);
  EXPECT_NEAR(log_odds_of({thanks, signal_from("mined:refused@1", "rejected", "person")}), -2.2,
              1e-9);
  EXPECT_NEAR(log_odds_of({thanks, signal_from("git:x", "rejected", "agent")}), 0.55 - 0.7, 1e-9)
      << "an agent is no person";
  EXPECT_NEAR(log_odds_of({thanks, signal_from("api:k", "comment", "person")}), 0.55, 1e-9)
      << "who says nothing knows nothing better";
  EXPECT_NEAR(log_odds_of({signal_from("mined:abandoned@1", "rejected", "unknown", true)}),
              -0.25 * 0.7, 1e-9);
}

TEST(Verdict, AFactSeenTwiceCountsOnce) {
  const auto mined = signal_from("mined:refused@1", "rejected", "person");
  const auto event = signal_from("otlp:claude-code", "rejected", "person");
  EXPECT_NEAR(log_odds_of({mined}), -2.2, 1e-9);
  EXPECT_NEAR(log_odds_of({mined, event}), -2.2, 1e-9);
  EXPECT_NEAR(log_odds_of({event, mined}), -2.2, 1e-9);
  const auto yes = signal_from("otlp:claude-code", "accepted", "person");
  const auto both = decide({mined, yes}, default_policy(), kAnswer);
  ASSERT_TRUE(both);
  EXPECT_EQ(both->kind, VerdictKind::kContested) << "two acts, about two calls of one answer";
}

TEST(Verdict, OfAnEditHasItsTextAndDistance) {
  const auto verdict =
      decided({final_text("edited", "A first try"), final_text("edited", kEdited)});
  ASSERT_TRUE(verdict);
  EXPECT_EQ(verdict->final_text, kEdited);
  ASSERT_TRUE(verdict->edit_distance);
  EXPECT_NEAR(*verdict->edit_distance, 5.0 / 36, 0.03);
}

TEST(Verdict, KeepsNoTextOfWhatWasTurnedDown) {
  const auto verdict =
      decided({final_text("edited", kEdited, "agent"), {"undone", "person", {}, {}, "bob"}});
  ASSERT_TRUE(verdict);
  EXPECT_EQ(verdict->kind, VerdictKind::kRejected);
  EXPECT_FALSE(verdict->final_text);
  EXPECT_FALSE(verdict->edit_distance);
}

TEST(Verdict, RepeatedSignalsCountLessEachTime) {
  const double once = decided({{"copied"}})->log_odds;
  const double twice = decided({{"copied"}, {"copied"}})->log_odds;
  const double often = decided(std::vector<Given>(50, Given{"copied"}))->log_odds;
  EXPECT_NEAR(twice, 1.5 * once, 1e-9);
  EXPECT_LT(often, 2 * once + 1e-9);
  const double by_two = decided({{"copied"}, {"copied", "person", {}, {}, "bob"}})->log_odds;
  EXPECT_NEAR(by_two, 2 * once, 1e-9);
}

TEST(Verdict, DoesNotDependOnTheOrderOfArrival) {
  auto signals = signals_of({{"shown"},
                             {"accepted"},
                             final_text("edited", kEdited),
                             {"copied"},
                             {"accepted", "person", {}, {}, "bob"}});
  const auto before = decide(signals, default_policy(), kAnswer);
  Random random(1);
  for (int i = 0; i < 20; ++i) {
    random.shuffle(signals);
    const auto after = decide(signals, default_policy(), kAnswer);
    EXPECT_EQ(after->log_odds, before->log_odds);
    EXPECT_EQ(after->final_text, before->final_text);
    EXPECT_EQ(after->reasons.front().signal, before->reasons.front().signal);
  }
}

TEST(Verdict, TakesAnObserversNewestLookForAll) {
  Signal first = signal_from("git", "persisted", "automatic");
  first.id = "fb_1";
  first.value = 1;
  Signal last = first;
  last.id = "fb_2";
  last.value = 0;
  last.at = from_millis(1000);
  last.after_seconds = 300;
  EXPECT_NEAR(log_odds_of({first}), 1.2, 1e-9);
  EXPECT_NEAR(log_odds_of({last}), -1.2 * 2 * 2, 1e-9) << "a later look weighs more";
  EXPECT_NEAR(log_odds_of({first, last}), -4.8, 1e-9);
  Signal unseen = last;
  unseen.value.reset();
  EXPECT_NEAR(log_odds_of({first, unseen}), 1.2, 1e-9) << "who saw nothing replaces nothing";
  Signal elsewhere = last;
  elsewhere.about = "toolu_2";
  EXPECT_NEAR(log_odds_of({first, elsewhere}), 0.75 * (1.2 - 4.8), 1e-9)
      << "of another part of the answer: two parts weigh 1.5 together, each as much as the other";
  first.after_seconds = 600;  // a commit within seconds, and then a look at the working tree
  last.after_seconds = 30;
  EXPECT_NEAR(log_odds_of({first, last}), -1.2 * 2 * 2, 1e-9) << "from the highest rung";
  last.at = first.at;
  last.value = 1;
  first.value = 0;
  EXPECT_NEAR(log_odds_of({first, last}), -1.2 * 2 * 2, 1e-9) << "of two at once, the higher rung";
}

TEST(Verdict, AnObserverWhoSeesItUndoneTakesBackThatItStood) {
  Signal stood = signal_from("git", "persisted", "automatic");
  stood.id = "fb_1";
  stood.value = 1;
  stood.about = "toolu_1";
  stood.after_seconds = 600;
  Signal undone = signal_from("git", "undone", "unknown");
  undone.id = "fb_2";
  undone.about = "toolu_1";
  undone.at = from_millis(1000);
  EXPECT_NEAR(log_odds_of({stood}), 2.4, 1e-9);
  EXPECT_NEAR(log_odds_of({stood, undone}), -2.4, 1e-9);
  Signal other = stood;
  other.id = "fb_3";
  other.about = "toolu_2";
  EXPECT_NEAR(log_odds_of({stood, other, undone}), 2.4 - 2.4, 1e-9) << "the other edit stands";
  Signal elsewhere = undone;
  elsewhere.source = "api:k";
  EXPECT_NEAR(log_odds_of({stood, elsewhere}), 2.4 - 1.1, 1e-9) << "another observer";
  undone.at = from_millis(-1000);
  EXPECT_NEAR(log_odds_of({stood, undone}), 2.4 - 2.4, 1e-9) << "and then it was there again";
}

TEST(Verdict, OldEvidenceFadesBesideNewerThatSaysOtherwise) {
  constexpr std::chrono::hours kDay(24);
  Signal accepted = signal_from("api:k", "accepted", "person");
  Signal undone = signal_from("api:m", "undone", "unknown");
  undone.at = accepted.at + kDay;
  EXPECT_NEAR(log_odds_of({accepted, undone}), 2.2 - 1.1, 1e-9) << "fresh for a day";
  undone.at = accepted.at + 91 * kDay;
  EXPECT_NEAR(log_odds_of({accepted, undone}), 2.2 / 2 - 1.1, 1e-9);
  Signal copied = signal_from("api:l", "copied", "person");
  copied.at = accepted.at + 1000 * kDay;
  EXPECT_NEAR(log_odds_of({accepted, copied}), 2.2 + 1.2, 1e-9) << "nobody says otherwise";
}

TEST(Verdict, TakesTheWeightThatWasMeasuredForASource) {
  EXPECT_NEAR(log_odds_of({signal_from("import:cups-copilot", "accepted", "person")}), 1.3, 1e-9);
  EXPECT_NEAR(log_odds_of({signal_from("import:cups-copilot", "accepted", "person"),
                           signal_from("import:cups-copilot", "undone", "person")}),
              -0.9, 1e-9);
}

TEST(Verdict, SaysWhyASignalDidNotCount) {
  const auto verdict = decided({{"accepted", "automatic"}, {"rejected"}});
  ASSERT_TRUE(verdict);
  EXPECT_EQ(verdict->reasons[0].log_odds, 0);
  EXPECT_EQ(verdict->reasons[0].note, "an automatic approval is not an acceptance");
}

TEST(Verdict, StrengthIsNeverOutsideItsRange) {
  Random random(7);
  const std::vector<std::string> kinds = {"accepted", "rejected",  "edited", "rated",
                                          "undone",   "persisted", "copied", "corrected"};
  const std::vector<std::string> deciders = {"person", "agent", "automatic", "policy", "unknown"};
  for (int round = 0; round < 2000; ++round) {
    std::vector<Given> given(random.below(8));
    for (auto& g : given) {
      g.kind = kinds[random.below(kinds.size())];
      g.by = deciders[random.below(deciders.size())];
      g.person = std::string(1, static_cast<char>('a' + random.below(3)));
      if (random.chance(0.5)) g.value = random.uniform();
      if (random.chance(0.5)) g.final_text = std::string(random.below(5), 'x');
    }
    const auto verdict = decided(given);
    if (!verdict) continue;
    EXPECT_GE(verdict->strength, 0);
    EXPECT_LE(verdict->strength, 1);
    EXPECT_EQ(verdict->edit_distance.has_value() && verdict->kind == VerdictKind::kModified,
              verdict->final_text.has_value());
  }
}

}  // namespace
}  // namespace hone::feedback
