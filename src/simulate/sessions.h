// Agent sessions as Claude Code has them: 30 to 200 calls, each of which sends the whole
// conversation again, up to 150 KB; the cache marker moves on with every call, the answer comes
// back in the form in which the client keeps it, a failed call is sent again, a context that has
// become too long is compacted, and now and then a subagent has a conversation of its own. Tool
// output is real text: files that the caller gives. The same seed gives the same sessions.
//
//   SessionTexts texts({"a.cpp", "b.py"});
//   AgentSession session(texts, 7);
//   AgentCall call;
//   while (session.next(call)) …       // call.body goes out, call.answer (SSE) comes back
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/random.h"

namespace hone::simulate {

// Lines of real files, to cut from.
class SessionTexts {
 public:
  explicit SessionTexts(const std::vector<std::string>& files);
  // Whole lines of about `bytes`, and where they are from.
  [[nodiscard]] std::string cut(Random& random, std::size_t bytes) const;
  [[nodiscard]] bool empty() const { return lines_.empty(); }

 private:
  std::vector<std::string> lines_;
};

struct AgentCall {
  std::string session;  // what the tool calls it, in a header
  std::string body;     // POST /v1/messages
  std::string answer;   // the stream's bytes; of a failed call the error's
  int status = 200;
  bool subagent = false;
};

class AgentSession {
 public:
  AgentSession(const SessionTexts& texts, std::uint64_t seed);
  // False after the last one.
  bool next(AgentCall& call);
  [[nodiscard]] std::int64_t calls() const { return calls_; }  // that it will have, retries aside

 private:
  // One conversation: the main one, or a subagent's.
  struct Thread {
    std::string system;
    json::array messages;
    bool subagent = false;
  };

  void begin();
  [[nodiscard]] std::string body_of(const Thread& thread) const;
  [[nodiscard]] json::array system_of(const Thread& thread) const;
  std::string answer_to(Thread& thread, bool last);
  void add_result(Thread& thread);
  void compact();

  const SessionTexts& texts_;
  Random random_;
  std::string name_;
  json::array tools_;
  Thread main_;
  Thread side_;                 // while a subagent works
  std::int64_t side_left_ = 0;  // calls of it
  std::int64_t calls_ = 0;
  std::int64_t made_ = 0;
  std::int64_t messages_ = 0;  // for ids
  bool retry_ = false;         // the last call failed: the same again
  std::string failed_body_;
};

}  // namespace hone::simulate
