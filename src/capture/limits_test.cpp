#include "capture/limits.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "capture/limits_answer.h"

namespace hone::capture {
namespace {

using namespace std::chrono_literals;

people::Caller caller(const std::string& person, const std::string& team = "blue") {
  people::Caller made;
  made.person = person;
  made.team_name = team;
  made.key_id = "key_" + person;
  return made;
}

Allowance most(Measure measure, Period period, std::int64_t amount) {
  Allowance allowance;
  allowance.most.at(measure, period) = amount;
  return allowance;
}

class LimitsTest : public ::testing::Test {
 protected:
  bool admits(const std::string& person, const std::string& team = "blue") {
    return limits_.admit(caller(person, team)).has_value();
  }
  void set(LimitRules rules) { limits_.set_rules(std::move(rules)); }

  ManualClock clock_{parse_time("2026-11-27T06:00:30Z").value()};
  Limits limits_{clock_};
};

TEST_F(LimitsTest, WithoutRulesNobodyIsLimitedOrCounted) {
  const auto admitted = limits_.admit(caller("ana"));
  ASSERT_TRUE(admitted);
  EXPECT_FALSE(admitted->any());
}

TEST_F(LimitsTest, EachPersonHasTheirOwn) {
  set({.everyone = most(Measure::kRequests, Period::kMinute, 2)});
  EXPECT_TRUE(admits("ana"));
  EXPECT_TRUE(admits("ana"));
  EXPECT_FALSE(admits("ana"));
  EXPECT_TRUE(admits("sam"));
  EXPECT_EQ(limits_.counters().refused[0], 1U);
}

TEST_F(LimitsTest, ANewMinuteBeginsAnew) {
  set({.everyone = most(Measure::kRequests, Period::kMinute, 1)});
  EXPECT_TRUE(admits("ana"));
  clock_.advance(29s);
  EXPECT_FALSE(admits("ana"));
  clock_.advance(1s);
  EXPECT_TRUE(admits("ana"));
}

TEST_F(LimitsTest, DaysAndMonthsEndWithUtc) {
  const Time now = clock_.now();
  EXPECT_EQ(to_text(end_of(Period::kMinute, now)), "2026-11-27T06:01:00.000Z");
  EXPECT_EQ(to_text(end_of(Period::kDay, now)), "2026-11-28T00:00:00.000Z");
  EXPECT_EQ(to_text(end_of(Period::kMonth, now)), "2026-12-01T00:00:00.000Z");
  EXPECT_EQ(to_text(begin_of(Period::kMonth, now)), "2026-11-01T00:00:00.000Z");
  const Time december = parse_time("2026-12-31T23:59:59Z").value();
  EXPECT_EQ(to_text(end_of(Period::kMonth, december)), "2027-01-01T00:00:00.000Z");
  EXPECT_EQ(number_of(Period::kMonth, december) + 1,
            number_of(Period::kMonth, december + std::chrono::seconds(1)));
  set({.everyone = most(Measure::kRequests, Period::kMonth, 1)});
  EXPECT_TRUE(admits("ana"));
  clock_.set(parse_time("2026-11-30T23:59:59Z").value());
  EXPECT_FALSE(admits("ana"));
  clock_.set(parse_time("2026-12-01").value());
  EXPECT_TRUE(admits("ana"));
}

TEST_F(LimitsTest, ATeamsMembersShareAndAPersonsOwnReplacesEveryones) {
  LimitRules rules;
  rules.everyone = most(Measure::kRequests, Period::kDay, 2);
  rules.persons["ana"] = most(Measure::kRequests, Period::kDay, 3);
  rules.teams["blue"] = most(Measure::kRequests, Period::kDay, 4);
  set(std::move(rules));
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(admits("ana"));
  EXPECT_FALSE(admits("ana"));
  EXPECT_TRUE(admits("sam"));
  EXPECT_FALSE(admits("sam")) << "the team has used its four";
  EXPECT_TRUE(admits("sam", "red")) << "who was refused was not counted";
  EXPECT_FALSE(admits("sam", "red"));
}

TEST_F(LimitsTest, AKeyMayHaveALimitBesidesThePersons) {
  LimitRules rules;
  rules.keys["key_ana"] = most(Measure::kRequests, Period::kMinute, 1);
  set(std::move(rules));
  EXPECT_TRUE(limits_.admit(caller("ana"))->of_key);
  EXPECT_FALSE(admits("ana"));
  EXPECT_TRUE(admits("sam"));
}

TEST_F(LimitsTest, AKeysOwnLimitsHoldWithoutAnyRule) {
  auto ana = caller("ana");
  ana.limits = std::make_shared<Allowance>(most(Measure::kRequests, Period::kMinute, 1));
  const auto admitted = limits_.admit(ana);
  ASSERT_TRUE(admitted);
  EXPECT_TRUE(admitted->of_key);
  const auto refused = limits_.admit(ana);
  ASSERT_FALSE(refused);
  EXPECT_TRUE(
      refused.error().message.starts_with("this key has used the 1 requests of this minute"))
      << refused.error().message;
  EXPECT_TRUE(admits("ana")) << "by another snapshot of the keys it has none";
}

TEST_F(LimitsTest, OfAKeysOwnAndTheSettingsTheStricterOneHoldsAndACallCountsOnce) {
  LimitRules rules;
  rules.keys["key_ana"] = most(Measure::kRequests, Period::kDay, 3);
  rules.keys["key_ana"].most.at(Measure::kTokens, Period::kDay) = 10;
  set(std::move(rules));
  auto ana = caller("ana");
  Allowance own = most(Measure::kRequests, Period::kDay, 2);
  own.most.at(Measure::kTokens, Period::kDay) = 20;
  ana.limits = std::make_shared<Allowance>(own);
  const auto first = limits_.admit(ana);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->count, 1U);
  const LimitStandings after = standings(*first, clock_.now());
  EXPECT_EQ(after.requests->most, 2);
  EXPECT_EQ(after.requests->left, 1) << "counted once, though both limit it";
  EXPECT_EQ(after.tokens->most, 10);
  EXPECT_TRUE(limits_.admit(ana));
  EXPECT_FALSE(limits_.admit(ana)) << "the key's own two";
  ana.limits = nullptr;
  EXPECT_TRUE(limits_.admit(ana)) << "the settings' third";
  EXPECT_FALSE(limits_.admit(ana));
}

TEST_F(LimitsTest, WhatAKeyIsChargedOutlivesItsLimits) {
  auto ana = caller("ana");
  ana.limits = std::make_shared<Allowance>(most(Measure::kTokens, Period::kDay, 10));
  const auto admitted = limits_.admit(ana);
  ana.limits = std::make_shared<Allowance>(most(Measure::kTokens, Period::kDay, 15));
  limits_.charge(*admitted, 15, 0);
  EXPECT_FALSE(limits_.admit(ana));
}

TEST_F(LimitsTest, TokensAndCostCountWhenTheyAreKnown) {
  LimitRules rules;
  rules.everyone = most(Measure::kTokens, Period::kMinute, 100);
  rules.everyone.most.at(Measure::kCost, Period::kDay) = 2'000'000;
  rules.currency = "EUR";
  set(std::move(rules));
  auto admitted = limits_.admit(caller("ana"));
  EXPECT_TRUE(admits("ana")) << "nothing is used up yet";
  limits_.charge(*admitted, 150, 0.5);
  EXPECT_FALSE(admits("ana"));
  clock_.advance(1min);
  EXPECT_TRUE(admits("ana"));
  limits_.charge(*admitted, 0, 1.5);
  const auto refused = limits_.admit(caller("ana"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().measure, Measure::kCost);
  EXPECT_EQ(refused.error().message,
            "you have used the 2 EUR of this day; the next begins at 2026-11-28T00:00:00.000Z");
  const LimitStandings& standings = refused.error().standings;
  ASSERT_TRUE(standings.tokens);
  EXPECT_EQ(standings.tokens->left, 100);
  EXPECT_FALSE(standings.requests);
}

TEST_F(LimitsTest, NewRulesCountWhatWasUsedBefore) {
  set({.everyone = most(Measure::kRequests, Period::kDay, 5)});
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(admits("ana"));
  const auto before = limits_.admit(caller("ana"));
  EXPECT_FALSE(before);
  set({.everyone = most(Measure::kRequests, Period::kDay, 6)});
  EXPECT_TRUE(admits("ana"));
  EXPECT_FALSE(admits("ana"));
}

TEST_F(LimitsTest, WhatWasAdmittedUnderOldRulesIsStillCharged) {
  set({.everyone = most(Measure::kTokens, Period::kDay, 10)});
  const auto admitted = limits_.admit(caller("ana"));
  set({.everyone = most(Measure::kTokens, Period::kDay, 20)});
  limits_.charge(*admitted, 20, 0);
  EXPECT_FALSE(admits("ana"));
}

TEST_F(LimitsTest, TotalsAreRaisedAndNeverLowered) {
  auto& account = limits_.account(Limits::Scope::kPerson, "ana");
  const Time now = clock_.now();
  account.add(Measure::kTokens, Period::kDay, now, 30);
  account.raise_to(Measure::kTokens, Period::kDay, now, 20);
  EXPECT_EQ(account.used(Measure::kTokens, Period::kDay, now), 30);
  account.raise_to(Measure::kTokens, Period::kDay, now, 50);
  EXPECT_EQ(account.used(Measure::kTokens, Period::kDay, now), 50);
  account.add(Measure::kTokens, Period::kDay, now, std::int64_t{1} << 62);
  account.add(Measure::kTokens, Period::kDay, now, std::int64_t{1} << 62);
  EXPECT_GE(account.used(Measure::kTokens, Period::kDay, now), std::int64_t{1} << 43)
      << "a count that is full stays full";
  EXPECT_EQ(account.used(Measure::kTokens, Period::kDay, now + std::chrono::days(1)), 0);
}

TEST_F(LimitsTest, ManyAtOnceGetExactlyWhatThereIs) {
  set({.everyone = most(Measure::kRequests, Period::kDay, 1000)});
  std::atomic<int> admitted = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 500; ++i) admitted += admits("ana") ? 1 : 0;
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(admitted, 1000);
}

TEST_F(LimitsTest, TellsClientsInTheWordsOfTheirFormat) {
  LimitRules rules;
  rules.everyone = most(Measure::kRequests, Period::kMinute, 1);
  rules.everyone.most.at(Measure::kTokens, Period::kDay) = 1000;
  set(std::move(rules));
  EXPECT_TRUE(admits("ana"));
  const auto refused = limits_.admit(caller("ana"));
  ASSERT_FALSE(refused);
  const auto openai = limit_headers(refused.error(), wire::Format::kOpenAIChat, clock_.now());
  EXPECT_EQ(openai.get("retry-after"), "30");
  EXPECT_FALSE(openai.has("x-should-retry"));
  EXPECT_EQ(openai.get("x-ratelimit-limit-requests"), "1");
  EXPECT_EQ(openai.get("x-ratelimit-remaining-requests"), "0");
  EXPECT_EQ(openai.get("x-ratelimit-reset-requests"), "30s");
  EXPECT_EQ(openai.get("x-ratelimit-limit-tokens"), "1000");
  EXPECT_EQ(openai.get("x-ratelimit-remaining-tokens"), "1000");
  EXPECT_EQ(openai.get("x-ratelimit-reset-tokens"), "17h59m30s");
  const auto anthropic =
      limit_headers(refused.error(), wire::Format::kAnthropicMessages, clock_.now());
  EXPECT_EQ(anthropic.get("anthropic-ratelimit-requests-limit"), "1");
  EXPECT_EQ(anthropic.get("anthropic-ratelimit-requests-remaining"), "0");
  EXPECT_EQ(anthropic.get("anthropic-ratelimit-requests-reset"), "2026-11-27T06:01:00.000Z");
  EXPECT_FALSE(anthropic.has("x-ratelimit-limit-requests"));
}

TEST_F(LimitsTest, TellsClientsNotToRetryWhatLastsForHours) {
  set({.everyone = most(Measure::kRequests, Period::kDay, 0)});
  const auto refused = limits_.admit(caller("ana"));
  ASSERT_FALSE(refused);
  const auto headers = limit_headers(refused.error(), wire::Format::kOpenAIChat, clock_.now());
  EXPECT_EQ(headers.get("retry-after"), std::to_string(17 * 3600 + 59 * 60 + 30));
  EXPECT_EQ(headers.get("x-should-retry"), "false");
  EXPECT_EQ(duration_text(60s), "1m0s");
  EXPECT_EQ(duration_text(3600s), "1h0m0s");
}

}  // namespace
}  // namespace hone::capture
