#include "curate/split.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/random.h"

namespace hone::curate {
namespace {

struct Row {
  std::string person;
  std::string prompt;
};

std::vector<SplitRow> views(const std::vector<Row>& rows) {
  std::vector<SplitRow> result;
  for (const auto& row : rows) result.push_back({row.person, row.prompt});
  return result;
}

// Everyone has prompts of their own, and a share of prompts that others have too.
std::vector<Row> workforce(int people, int prompts_each, double shared, std::uint64_t seed) {
  Random random(seed);
  std::vector<Row> rows;
  for (int p = 0; p < people; ++p) {
    for (int i = 0; i < prompts_each; ++i) {
      const bool common = random.chance(shared);
      rows.push_back(
          {"p" + std::to_string(p), common ? "common" + std::to_string(random.below(30))
                                           : "own" + std::to_string(p) + "." + std::to_string(i)});
    }
  }
  return rows;
}

TEST(Split, PutsNoPersonAndNoPromptOnBothSides) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const auto rows = workforce(12, 20, 0.5, seed);
    const auto split = make_split(views(rows), {.held_out_people = 0.25,
                                                .held_out_prompts = 0.2,
                                                .seed = static_cast<std::int64_t>(seed)});
    std::map<std::string, Side> people;
    std::map<std::string, Side> prompts;
    int straddling = 0;
    for (const auto& row : rows) {
      const Side side = split.side({row.person, row.prompt});
      if (side == Side::kStraddles) {
        ++straddling;
        continue;
      }
      EXPECT_EQ(people.try_emplace(row.person, side).first->second, side);
      EXPECT_EQ(prompts.try_emplace(row.prompt, side).first->second, side);
    }
    EXPECT_GT(straddling, 0);
    EXPECT_EQ(split.held_out_people.size(), 3U);
  }
}

TEST(Split, DoesNotDependOnTheOrderOfRows) {
  auto rows = workforce(9, 10, 0.4, 3);
  const SplitOptions options{.held_out_people = 0.3, .held_out_prompts = 0.3, .seed = 7};
  const auto before = make_split(views(rows), options);
  Random random(5);
  random.shuffle(rows);
  const auto after = make_split(views(rows), options);
  EXPECT_EQ(before.held_out_people, after.held_out_people);
  EXPECT_EQ(before.held_out_prompts, after.held_out_prompts);
}

TEST(Split, HoldsOutSomebodyButNotAllHoweverFew) {
  for (int people = 2; people <= 5; ++people) {
    for (const double fraction : {0.01, 0.25, 0.9}) {
      const auto rows = workforce(people, 4, 0, 1);
      const auto split = make_split(views(rows), {.held_out_people = fraction, .seed = 1});
      EXPECT_GE(split.held_out_people.size(), 1U);
      EXPECT_LT(split.held_out_people.size(), static_cast<std::size_t>(people));
    }
  }
}

TEST(Split, WastesNothingWherePromptsAreNotShared) {
  const auto rows = workforce(8, 10, 0, 2);
  const auto split =
      make_split(views(rows), {.held_out_people = 0.25, .held_out_prompts = 0.2, .seed = 1});
  for (const auto& row : rows) EXPECT_NE(split.side({row.person, row.prompt}), Side::kStraddles);
}

TEST(Split, OnePersonIsSplitByPromptAlone) {
  const auto rows = workforce(1, 20, 0, 2);
  const auto split =
      make_split(views(rows), {.held_out_people = 0, .held_out_prompts = 0.2, .seed = 1});
  const auto held_out = std::ranges::count_if(
      rows, [&](const Row& row) { return split.side({row.person, row.prompt}) == Side::kHeldOut; });
  EXPECT_EQ(held_out, 4);
}

TEST(Split, FoldsHoldOutEveryPersonOnce) {
  const auto rows = workforce(12, 3, 0, 2);
  std::multiset<std::string> seen;
  for (std::int64_t fold = 0; fold < 4; ++fold) {
    const auto split = make_split(views(rows), {.held_out_people = 0.25, .fold = fold, .seed = 11});
    seen.insert(split.held_out_people.begin(), split.held_out_people.end());
  }
  EXPECT_EQ(seen.size(), 12U);
  EXPECT_EQ(std::set<std::string>(seen.begin(), seen.end()).size(), 12U);
}

TEST(Split, AnotherSeedHoldsOutOthers) {
  const auto rows = workforce(40, 3, 0, 2);
  const auto one = make_split(views(rows), {.held_out_people = 0.25, .seed = 1});
  const auto two = make_split(views(rows), {.held_out_people = 0.25, .seed = 2});
  EXPECT_NE(one.held_out_people, two.held_out_people);
}

}  // namespace
}  // namespace hone::curate
