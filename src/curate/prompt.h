// The prompts of many interactions at once: the path from the root of the conversation tree to each
// context node, as plain text messages. Shared beginnings are read once; prompts are put together
// one at a time, so that memory holds each block once however many prompts have it.
//
//   auto prompts = PromptReader::load(db, nodes);      // some hundreds of nodes at a time
//   for (const auto node : nodes) use(prompts->make(node));
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/hash.h"
#include "base/json.h"
#include "base/result.h"

namespace hone::store {
class Database;
}

namespace hone::curate {

struct Prompt {
  json::array messages;           // {"role": "system"|"user"|"assistant", "content": text}
  Digest digest{};                // equal for equal messages
  std::string group;              // equal where the last user messages are, normalised
  std::string last_user;          // that message, normalised
  std::int64_t conversation = 0;  // the node of the first user message: where conversations part
  std::size_t characters = 0;
};

// A message can be trained on as text only where it is text: one with tool calls or results, tool
// definitions or images is not (thinking is passed over, as the model is not to be shown it again).
enum class PromptState { kText, kMissing, kNotText };

struct LoadedPrompt {
  PromptState state = PromptState::kMissing;
  std::optional<Prompt> prompt = {};  // where kText
};

class PromptReader {
 public:
  // Nodes go by their number in the database (interaction.context_node).
  [[nodiscard]] static Result<PromptReader> load(store::Database& database,
                                                 const std::set<std::int64_t>& context_nodes);
  PromptReader(PromptReader&&) noexcept;
  ~PromptReader();

  [[nodiscard]] LoadedPrompt make(std::int64_t context_node);

 private:
  struct State;
  explicit PromptReader(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// Canonical JSON of the messages that answer: block contents by output node; absent where not
// there.
[[nodiscard]] Result<std::unordered_map<std::int64_t, std::string>> load_blocks_of(
    store::Database& database, const std::set<std::int64_t>& nodes);

// The text of one stored message, or nothing where it is more than text.
[[nodiscard]] std::optional<std::string> plain_text(const json::object& message);

// Lower-case letters and digits (other alphabets as they are), everything else one blank: what is
// equal under it is the same prompt to a person.
[[nodiscard]] std::string normalised(std::string_view text);

[[nodiscard]] std::size_t count_characters(std::string_view utf8);

}  // namespace hone::curate
