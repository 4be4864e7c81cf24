// The workforce: who they are, with which tool they work, and what they are like as judges. All of
// it follows from the seed. People know nothing of models or arms.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace hone::simulate {

enum class Wire { kOpenAiChat, kAnthropicMessages };

// What a person does with answers; chances from 0 to 1. A contrarian takes what the house would
// refuse, and refuses what it would take.
struct Habits {
  double careless = 0;     // accepts an answer without reading it well
  double strict = 0;       // rejects an answer that is good
  double edits = 0;        // mends a bad answer instead of rejecting it
  double edits_badly = 0;  // and mends it into something the house would not want
  bool contrarian = false;
};

struct Person {
  std::string name;  // "anna.keller", unique in a workforce
  std::string team;
  std::string tool;        // "claude-code", …
  std::string user_agent;  // as that tool sends it
  Wire wire = Wire::kOpenAiChat;
  bool streamed = false;
  bool uses_response_id = false;  // names an interaction by the provider's id instead of ours
  Habits habits;
};

// The first `count` people of an endless workforce: a smaller count gives the same people. Two of
// each forty are contrarians.
[[nodiscard]] std::vector<Person> make_people(std::uint64_t seed, int count);

// What a demo needs to enrol them: name, team, tool.
[[nodiscard]] json::array to_json(const std::vector<Person>& people);

}  // namespace hone::simulate
