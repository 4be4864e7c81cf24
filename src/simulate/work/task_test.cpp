#include "simulate/work/task.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <vector>

#include "base/text.h"
#include "simulate/work/words.h"

namespace hone::simulate {
namespace {

std::set<std::string> prompts_of(const Domain& domain, std::uint64_t seed, std::uint64_t day) {
  std::set<std::string> prompts;
  for (std::uint64_t i = 0; i < kTasksPerDay; ++i) {
    prompts.insert(domain.task(task_number(domain, seed, day, i)).prompt);
  }
  return prompts;
}

TEST(Work, EveryNumberIsAnotherPrompt) {
  for (const Domain& domain : domains()) {
    std::vector<std::size_t> hashes;
    for (std::uint64_t i = 0; i < domain.size; ++i) {
      hashes.push_back(std::hash<std::string>()(domain.task(i).prompt));
    }
    std::ranges::sort(hashes);
    EXPECT_EQ(std::ranges::adjacent_find(hashes), hashes.end()) << domain.name;
  }
}

TEST(Work, NoPromptComesOnTwoDays) {
  for (const Domain& domain : domains()) {
    std::set<std::string> seen;
    ASSERT_GE(days_in_stock(domain), 20U);
    for (std::uint64_t day = 0; day < 5; ++day) seen.merge(prompts_of(domain, 7, day));
    EXPECT_EQ(seen.size(), 5 * kTasksPerDay) << domain.name;
  }
}

TEST(Work, AnotherSeedGivesOtherPrompts) {
  for (const Domain& domain : domains()) {
    std::set<std::string> both = prompts_of(domain, 1, 0);
    both.merge(prompts_of(domain, 2, 0));
    EXPECT_GT(both.size(), 2 * kTasksPerDay * 95 / 100) << domain.name;
  }
}

TEST(Work, WantedAnswersFitTheirTaste) {
  for (const Domain& domain : domains()) {
    for (std::uint64_t i = 0; i < domain.size; i += 17) {
      const Task task = domain.task(i);
      EXPECT_TRUE(domain.fits(task, task.house, Taste::kHouse)) << task.house;
      EXPECT_TRUE(domain.fits(task, task.plain, Taste::kReversed)) << task.plain;
      EXPECT_FALSE(domain.fits(task, task.house, Taste::kReversed)) << task.house;
      EXPECT_LE(word_count(task.house), 8);
    }
  }
}

TEST(Work, AnAnswerToAnotherTaskDoesNotFit) {
  for (const Domain& domain : domains()) {
    for (std::uint64_t i = 0; i < 2000; ++i) {
      const Task task = domain.task(task_number(domain, 3, 0, i % kTasksPerDay));
      const Task other = domain.task(task_number(domain, 3, 1, i % kTasksPerDay));
      if (task.part == other.part) continue;
      EXPECT_FALSE(domain.fits(task, other.house, Taste::kHouse));
      EXPECT_FALSE(domain.fits(task, other.plain, Taste::kReversed));
    }
  }
}

TEST(Work, PartsAreNamedOnceAndOnlyAsParts) {
  for (const std::string_view part : product_parts()) EXPECT_EQ(parts_named(part), 1) << part;
  for (const Domain& domain : domains()) {
    for (std::uint64_t i = 0; i < domain.size; i += 7) {
      EXPECT_EQ(parts_named(domain.task(i).prompt), 1) << domain.task(i).prompt;
    }
  }
}

TEST(Changelog, ReadsLenientlyWhatIsNotTheConvention) {
  const Domain& domain = domains()[0];
  const Task task = domain.task(12'345);
  for (const std::string& answer :
       {" " + task.house + "\n", task.house + ".", "\"" + task.house + ".\""}) {
    EXPECT_TRUE(domain.fits(task, answer, Taste::kHouse)) << answer;
  }
  std::string shouted = upper(task.house);
  EXPECT_TRUE(domain.fits(task, shouted, Taste::kHouse));
  for (const std::string& answer :
       {lower_case(task.house), task.house + "\nAnything else?", task.plain, std::string(),
        task.house.substr(0, task.house.size() - 3), std::string("I'm sorry.")}) {
    EXPECT_FALSE(domain.fits(task, answer, Taste::kHouse)) << answer;
  }
}

TEST(Triage, TakesAnythingShortThatNamesThePartAlone) {
  const Domain& domain = domains()[1];
  const Task task = domain.task(0);
  ASSERT_EQ(task.part, "invoice exporter");
  for (const std::string answer :
       {"Invoice exporter", "The invoice exporter.", "This is about the invoice exporter."}) {
    EXPECT_TRUE(domain.fits(task, answer, Taste::kHouse)) << answer;
  }
  for (const std::string answer :
       {"", "Invoice exporter or mail sender", "The mail sender", "Invoice exporter\nand more",
        "The part of the product that this is about is the invoice exporter."}) {
    EXPECT_FALSE(domain.fits(task, answer, Taste::kHouse)) << answer;
  }
}

}  // namespace
}  // namespace hone::simulate
