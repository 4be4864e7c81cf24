// How feedback is read out of a conversation: what tools write where somebody refused or
// interrupted, and what people write where they thank or correct. A TOML file with a version
// (recipes/mining.toml, whose text is built in as the default); the format is explained there, what
// is mined in docs/formats/feedback.md. Texts are only compared with beginnings and words: reading
// one costs its length, whatever stands in it.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hone::feedback {

// What a tool itself writes.
struct PhraseRule {
  std::string name;
  std::string kind;  // as store::feedback_kinds() has them
  std::string by;    // who decided
  bool weak = false;
  bool failed_only = false;        // of results: only those that the tool calls an error
  std::vector<std::string> tools;  // as in interaction.tool
  std::vector<std::string> begins;
  std::string contains;     // and holds this; empty: nothing more
  std::string words_after;  // behind it stands what the person typed
};

// What people write. Always weak.
struct WordsRule {
  std::string name;
  std::string language;
  std::string kind;
  std::vector<std::string> begins;  // these three as `plain_words` makes them
  std::vector<std::string> whole;
  std::vector<std::string> unless;
  std::int64_t most_words = 0;  // 0: any number
  bool after_question = false;  // also where the answer ends with a question
};

struct MiningRules {
  std::int64_t version = 0;
  std::vector<std::string> machine;  // beginnings of what nobody typed
  std::vector<PhraseRule> refusals;
  std::vector<PhraseRule> interruptions;
  std::vector<std::string> commented_tools;
  std::vector<WordsRule> words;
  std::chrono::minutes retried_within{0};  // 0: not mined
  std::int64_t retried_most = 4;
  std::chrono::minutes rewritten_within{0};  // likewise
  double rewritten_distance = 0.5;
  std::chrono::hours abandoned_after{24};
  std::vector<std::string> abandoned_tools;
};

// `name` is the file's, for messages.
[[nodiscard]] Result<MiningRules> parse_mining_rules(std::string_view text, std::string name);

// recipes/mining.toml as it was when this program was built.
[[nodiscard]] std::string_view default_mining_text();
[[nodiscard]] const MiningRules& default_mining_rules();

// In small letters (ASCII and Latin-1), with ' for typographic ones, without . , ; : ! … and
// quotes, one blank between words and none at the ends. Of a long text the beginning.
[[nodiscard]] std::string plain_words(std::string_view text);

// `text` is not plain yet. Null where no rule fits.
[[nodiscard]] const WordsRule* match_words(const MiningRules& rules, std::string_view text,
                                           bool after_question);

// Whether a tool wrote this text of a user's message.
[[nodiscard]] bool is_machine_text(const MiningRules& rules, std::string_view text);

[[nodiscard]] bool names_tool(const std::vector<std::string>& tools, std::string_view tool);

}  // namespace hone::feedback
