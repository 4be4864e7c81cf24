#include "simulate/people.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace hone::simulate {
namespace {

TEST(Workforce, FollowFromTheSeed) {
  EXPECT_EQ(to_json(make_people(5, 40)), to_json(make_people(5, 40)));
  EXPECT_NE(to_json(make_people(5, 40)), to_json(make_people(6, 40)));
  const auto some = make_people(5, 40);
  const auto again = make_people(5, 40);
  for (std::size_t i = 0; i < some.size(); ++i) {
    EXPECT_EQ(some[i].habits.careless, again[i].habits.careless);
    EXPECT_EQ(some[i].habits.contrarian, again[i].habits.contrarian);
  }
}

TEST(Workforce, AreTheSameInASmallerWorkforce) {
  const json::array few = to_json(make_people(5, 8));
  const json::array many = to_json(make_people(5, 40));
  EXPECT_TRUE(std::equal(few.begin(), few.end(), many.begin()));
}

TEST(Workforce, HaveTwoContrariansInForty) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    const auto people = make_people(seed, 80);
    const auto contrarian = [](const Person& person) { return person.habits.contrarian; };
    EXPECT_EQ(std::count_if(people.begin(), people.begin() + 40, contrarian), 2);
    EXPECT_EQ(std::count_if(people.begin() + 40, people.end(), contrarian), 2);
  }
}

TEST(Workforce, HaveNamesOfTheirOwn) {
  std::set<std::string> names;
  for (const Person& person : make_people(3, 1000)) names.insert(person.name);
  EXPECT_EQ(names.size(), 1000U);
}

TEST(Workforce, WorkOnBothWiresStreamedAndNot) {
  std::set<std::pair<Wire, bool>> ways;
  for (const Person& person : make_people(1, 40)) ways.insert({person.wire, person.streamed});
  EXPECT_EQ(ways.size(), 4U);
}

}  // namespace
}  // namespace hone::simulate
