// Claude Code's hooks as facts (feedback/tool_fact.h), whether they come over HTTP or through
// `hone hook`. A hook says what is about to happen or has happened, and seldom who decided: that a
// person was asked is told by PermissionRequest, which does not name the call, and a refusal with
// Esc is told by nothing at all. So some memory is kept of each session's calls, bounded in every
// direction; what it has lost makes an acceptance automatic, never the reverse.
//
//   ClaudeHooks hooks;
//   auto facts = hooks.read(event, "key_1", clock.now());
//
// | event | gives |
// |---|---|
// | PreToolUse, PermissionRequest | nothing yet: that the call is there, that a person is asked |
// | PostToolUse | accepted: by a person who was asked and took time to answer, else automatic; |
// |             | edited, where the person changed the proposal before agreeing |
// | PostToolUseFailure | the same; rejected (weak), where the person interrupted it |
// | PostToolBatch | rejected, where a result tells of a refusal, with the person's words |
// | PermissionDenied | rejected by policy |
// | SessionEnd, Stop of a later prompt | rejected by unknown (weak): asked, and never run |
//
// Thread-safe.
#pragma once

#include <cstddef>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "feedback/tool_fact.h"

namespace hone::feedback {

class ClaudeHooks {
 public:
  explicit ClaudeHooks(const MiningRules& rules = default_mining_rules(),
                       std::size_t most_sessions = 2048)
      : rules_(rules), most_sessions_(most_sessions) {}

  // `caller` keeps the sessions of different keys apart. kNotFound: an event that this version does
  // not know; kInvalid names the field that is wrong.
  [[nodiscard]] Result<std::vector<ToolFact>> read(const json::object& event,
                                                   std::string_view caller, Time now);
  [[nodiscard]] std::size_t sessions() const;

 private:
  struct Call {
    std::string id;  // empty while only its input is known
    std::string tool;
    std::string input;   // digest of tool and input, by which a question finds its call
    std::string prompt;  // in which it was made
    std::optional<Time> asked;
    bool settled = false;
  };
  struct Session {
    std::vector<Call> calls;  // the oldest first
    Time used{};
  };
  struct Event;

  Session& session(const std::string& name, Time now);
  Call& call_of(Session& session, const Event& event);
  void ask(Session& session, const Event& event, Time now);
  static void complete(ToolFact& refusal, const Event& event, Time now);
  void add_run(Call& call, const Event& event, Time now, std::vector<ToolFact>& facts) const;
  Result<void> add_batch(Session& session, const Event& event, Time now,
                         std::vector<ToolFact>& facts) const;
  static void add_given_up(Session& session, const Event& event, bool all, Time now,
                           std::vector<ToolFact>& facts);

  const MiningRules& rules_;
  const std::size_t most_sessions_;
  mutable std::mutex mutex_;
  std::map<std::string, Session, std::less<>> sessions_;
};

}  // namespace hone::feedback
