#include "simulate/people.h"

#include <array>
#include <utility>

#include "base/random.h"

namespace hone::simulate {
namespace {

constexpr std::uint64_t kBlock = 40;  // people who have two contrarians among them

constexpr std::array<std::string_view, 40> kFirstNames{
    "anna",  "ben",    "chloe", "daniel", "emma", "farid", "greta", "hugo",   "ines",  "jonas",
    "kira",  "liam",   "maya",  "nils",   "olga", "pablo", "quinn", "rosa",   "samir", "tessa",
    "umar",  "vera",   "wendy", "xavier", "yuki", "zoe",   "amir",  "bianca", "carl",  "dora",
    "elias", "fatima", "gwen",  "hanna",  "ivo",  "jana",  "kofi",  "lena",   "milan", "nora"};
constexpr std::array<std::string_view, 20> kLastNames{
    "keller", "moreau", "lindt", "okafor", "silva", "novak",  "berg",   "costa", "ito",   "marsh",
    "petrov", "haas",   "quist", "rossi",  "stein", "tanaka", "ulrich", "varga", "wolff", "young"};
constexpr std::array<std::string_view, 5> kTeams{"product", "engineering", "support", "operations",
                                                 "sales"};

struct Tool {
  std::string_view name;
  std::string_view user_agent;
  Wire wire;
  bool streamed;
};
constexpr std::array<Tool, 6> kTools{{
    {"claude-code", "claude-cli/2.1.330 (external, cli)", Wire::kAnthropicMessages, true},
    {"openai-sdk", "OpenAI/Python 2.8.0", Wire::kOpenAiChat, false},
    {"opencode", "opencode/1.18.33 ai-sdk/provider-utils/4.0.46 runtime/bun/1.3.14",
     Wire::kOpenAiChat, true},
    {"anthropic-sdk", "Anthropic/Python 0.74.0", Wire::kAnthropicMessages, false},
    {"hone-chat", "hone-chat/1.0", Wire::kOpenAiChat, true},
    {"openai-sdk", "OpenAI/JS 6.49.0", Wire::kOpenAiChat, false},
}};

double between(Random& random, double low, double high) {
  return low + (high - low) * random.uniform();
}

Habits make_habits(Random& random, bool contrarian) {
  Habits habits;
  habits.careless = between(random, 0, 0.10);
  habits.strict = between(random, 0, 0.06);
  habits.edits = between(random, 0.75, 1);
  habits.edits_badly = between(random, 0, 0.08);
  habits.contrarian = contrarian;
  return habits;
}

// Two different places in the block of forty, drawn for each block.
std::pair<std::uint64_t, std::uint64_t> contrarian_places(const Random& seeded,
                                                          std::uint64_t block) {
  Random random = seeded.fork(1'000'000 + block);
  const std::uint64_t first = random.below(kBlock);
  const std::uint64_t second = (first + 1 + random.below(kBlock - 1)) % kBlock;
  return {first, second};
}

// Different for 800 people in a row, then with a number.
std::string make_name(std::uint64_t start, std::uint64_t index) {
  const std::uint64_t place = (start + index) % (kFirstNames.size() * kLastNames.size());
  // Neighbours differ in both names: the last name moves on by one more at each round of first
  // names.
  const std::uint64_t last = (place + place / kFirstNames.size()) % kLastNames.size();
  std::string name =
      std::string(kFirstNames[place % kFirstNames.size()]) + "." + std::string(kLastNames[last]);
  const std::uint64_t round = index / (kFirstNames.size() * kLastNames.size());
  return round == 0 ? name : name + std::to_string(round + 1);
}

}  // namespace

std::vector<Person> make_people(std::uint64_t seed, int count) {
  const Random seeded(seed);
  const std::uint64_t start = seeded.fork(0).next() % (kFirstNames.size() * kLastNames.size());
  std::vector<Person> people;
  for (std::uint64_t i = 0; i < static_cast<std::uint64_t>(count); ++i) {
    const auto [first, second] = contrarian_places(seeded, i / kBlock);
    const std::uint64_t place = i % kBlock;
    Random random = seeded.fork(1 + i);
    const Tool& tool = kTools[random.below(kTools.size())];
    Person person;
    person.name = make_name(start, i);
    person.team = kTeams[random.below(kTeams.size())];
    person.tool = tool.name;
    person.user_agent = tool.user_agent;
    person.wire = tool.wire;
    person.streamed = tool.streamed;
    person.uses_response_id = random.chance(0.15);
    person.habits = make_habits(random, place == first || place == second);
    people.push_back(std::move(person));
  }
  return people;
}

json::array to_json(const std::vector<Person>& people) {
  json::array array;
  for (const Person& person : people) {
    array.push_back(
        json::object{{"name", person.name}, {"team", person.team}, {"tool", person.tool}});
  }
  return array;
}

}  // namespace hone::simulate
