// A workforce's calls, one after the other, as the recorder hands them to the outbox: sessions of
// five calls, each with one new message and one answer.
#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/json.h"
#include "base/random.h"
#include "store/outbox.h"
#include "store/records.h"
#include "store/tree.h"

namespace hone::bench {

inline constexpr int kCallsOfASession = 5;

inline std::string name_of(std::int64_t number) {
  const std::string digits = std::to_string(number);
  return "int_" + std::string(26 - digits.size(), '0') + digits;
}

class Calls {
 public:
  store::OutboxRecord next() {
    if (number_ % kCallsOfASession == 0) place_ = {};
    store::Interaction facts;
    facts.id = name_of(number_);
    facts.person = "per_" + std::to_string(number_ / kCallsOfASession % 70'000);
    facts.team = "team_1";
    facts.tool = "claude-code";
    facts.wire = "anthropic-messages";
    facts.alias = "assistant";
    facts.model = "assistant-1";
    facts.status = 200;
    facts.started_at = from_millis(1'700'000'000'000 + number_ * 10);
    facts.content = "stored";
    facts.handles = {{"id", facts.id}, {"response", "msg_" + random_word(24)}};
    facts.handles.push_back({"session", "session_" + std::to_string(number_ / kCallsOfASession)});
    say("user", 500, facts);
    facts.context_node = place_.leaf;
    say("assistant", 300, facts);
    facts.output_node = place_.leaf;
    ++number_;
    return {.kind = store::RecordKind::kInteraction,
            .id = facts.id,
            .persons = {facts.person},
            .payload = store::to_payload(facts)};
  }
  [[nodiscard]] std::int64_t made() const { return number_; }

 private:
  std::string random_word(int letters) {
    std::string word;
    for (int i = 0; i < letters; ++i) word.push_back(static_cast<char>('a' + random_.below(26)));
    return word;
  }
  void say(std::string_view role, std::size_t bytes, store::Interaction& facts) {
    std::string text = std::to_string(number_);
    while (text.size() < bytes) text += " " + random_word(6);
    const json::object message{{"role", role},
                               {"content", json::array{{{"type", "text"}, {"text", text}}}}};
    auto path = store::build_path("tenant key", {message}, place_.leaf, place_.depth);
    facts.nodes.push_back(std::move(path.nodes.front()));
    facts.blocks.push_back(std::move(path.blocks.front()));
    place_ = {std::move(path.leaf), path.depth};
  }

  struct Place {
    std::string leaf;
    std::int64_t depth = 0;
  };
  std::int64_t number_ = 0;
  Place place_;
  Random random_{11};
};

}  // namespace hone::bench
