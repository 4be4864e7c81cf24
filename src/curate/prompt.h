// The prompts of many interactions at once: the path from the root of the conversation tree to each
// context node, as messages of plain text or, where tools are asked for, as messages of Chat
// Completions with tools, calls and results (wire/chat_form.h). Shared beginnings are read once;
// prompts are put together one at a time, so that memory holds each block once however many prompts
// have it.
//
//   auto prompts = PromptReader::load(db, nodes, recipe.tool_calls);  // some hundreds at a time
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
#include "wire/chat_form.h"

namespace hone::store {
class Database;
}

namespace hone::curate {

struct Prompt {
  json::array messages;           // {"role", "content"}; with tools as wire/chat_form.h has them
  json::array tools;              // definitions; none without tools
  Digest digest{};                // equal for equal messages and tools
  std::string group;              // equal where the last user messages are, normalised
  std::string last_user;          // that message, normalised; with tools, what a person typed of it
  std::int64_t conversation = 0;  // the node of the first user message: where conversations part
  std::size_t characters = 0;     // of messages and definitions
  bool has_tools = false;         // definitions, calls or results
  wire::ChatNames names;          // what an answer to it goes on from
};

// A message can be trained on as text only where it is text: one with images is not, nor, unless
// they are asked for, one with tool definitions, calls or results (thinking is passed over, as the
// model is not to be shown it again).
enum class PromptState { kText, kMissing, kNotText };

struct LoadedPrompt {
  PromptState state = PromptState::kMissing;
  std::optional<Prompt> prompt = {};  // where kText
};

class PromptReader {
 public:
  // Nodes go by their number in the database (interaction.context_node).
  [[nodiscard]] static Result<PromptReader> load(store::Database& database,
                                                 const std::set<std::int64_t>& context_nodes,
                                                 bool with_tools);
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

// An answer, as the lines of a dataset have it.
struct Answer {
  json::value said;  // its text; of one with tool calls the message
  std::string text;  // all that it says, calls too
  [[nodiscard]] bool has_calls() const { return said.is_object(); }
  // Equal for equal answers.
  [[nodiscard]] std::string identity() const { return has_calls() ? canonical(said) : text; }
};

// Of one stored message; nothing where it is more than text or, where tools are asked for, than
// text and calls. `names`: the prompt's, or null where they are not.
[[nodiscard]] std::optional<Answer> read_answer(const json::object& message,
                                                const wire::ChatNames* names);

// Lower-case letters and digits (other alphabets as they are), everything else one blank: what is
// equal under it is the same prompt to a person.
[[nodiscard]] std::string normalised(std::string_view text);

[[nodiscard]] std::size_t count_characters(std::string_view utf8);

}  // namespace hone::curate
