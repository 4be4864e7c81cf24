// What the transcripts of Claude Code and Codex say became of each tool call: one record of the
// file after another, in their order. Claude Code writes down who decided (permissionDecision) and
// what the person typed (userFeedback); Codex only what was refused, and that nobody was to be
// asked (approval_policy "never"). What neither says is no fact: a call that ran in Codex under
// another policy may have been allowed by anybody.
//
//   TranscriptFacts facts;
//   for (const json::object& record : records) add(facts.read(record));
//
// What is wrong in a record says nothing; nothing here fails. One thread.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "feedback/tool_fact.h"

namespace hone::feedback {

class TranscriptFacts {
 public:
  explicit TranscriptFacts(const MiningRules& rules = default_mining_rules()) : rules_(rules) {}
  [[nodiscard]] std::vector<ToolFact> read(const json::object& record);

 private:
  void read_claude(const json::object& record, std::vector<ToolFact>& facts);
  void read_claude_result(const json::object& record, const json::object& result,
                          const std::string& typed, std::vector<ToolFact>& facts);
  void read_codex(const json::object& record, std::vector<ToolFact>& facts);
  void read_codex_item(const json::object& item, std::vector<ToolFact>& facts);
  void add_interruption(std::string_view tool, std::vector<ToolFact>& facts);

  const MiningRules& rules_;
  Time at_{};                    // of the record
  std::string answer_;           // the provider's id of the last answer
  std::string last_call_;        // and its last tool call
  bool refused_ = false;         // since then
  std::string approval_policy_;  // Codex
  std::map<std::string, std::string, std::less<>> policies_;  // of calls without a result
};

}  // namespace hone::feedback
