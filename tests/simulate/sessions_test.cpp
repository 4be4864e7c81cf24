#include "simulate/sessions.h"

#include <gtest/gtest.h>

#include "base/test_support.h"
#include "wire/answer.h"
#include "wire/call.h"
#include "wire/call_parts.h"

namespace hone::simulate {
namespace {

class Sessions : public ::testing::Test {
 protected:
  Sessions() {
    std::string text;
    for (int i = 0; i < 400; ++i) text += "line " + std::to_string(i) + " of a \"real\" file\n";
    testing::write_all(folder_.path("a.txt"), text);
    texts_.emplace(std::vector<std::string>{folder_.path("a.txt")});
  }
  hone::testing::TempFolder folder_;
  std::optional<SessionTexts> texts_;
};

// The conversation grows by the answer, in whatever form, and what came after it.
TEST_F(Sessions, EveryCallContinuesTheOneBefore) {
  std::size_t retries = 0;
  std::size_t subagents = 0;
  std::size_t continued = 0;
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    AgentSession session(*texts_, seed);
    EXPECT_TRUE(session.calls() >= 30 && session.calls() <= 200);
    AgentCall call;
    std::vector<json::object> before;  // of the main conversation, with its answer
    std::string failed;
    while (session.next(call)) {
      ASSERT_LT(call.body.size(), 200'000U);
      if (!failed.empty()) {
        EXPECT_EQ(call.body, failed) << "the same again";
      }
      failed.clear();
      ASSERT_TRUE(wire::cut_call(wire::Format::kAnthropicMessages, call.body));
      const auto read =
          wire::read_call(wire::Format::kAnthropicMessages, parse_json_object(call.body).value());
      ASSERT_TRUE(read) << read.error().message;
      wire::AnswerReader reader(wire::Format::kAnthropicMessages, call.status == 200);
      reader.feed(call.answer);
      const auto answer = reader.finish();
      if (call.status == 529) {
        EXPECT_EQ(answer.error, "overloaded_error");
        failed = call.body;
        ++retries;
        continue;
      }
      ASSERT_TRUE(answer.complete) << answer.error;
      if (call.subagent) {
        ++subagents;
        continue;
      }
      const auto& messages = read->messages;
      if (messages.size() > before.size()) {
        for (std::size_t i = 0; i < before.size(); ++i) ASSERT_EQ(messages[i], before[i]) << i;
        ++continued;
      }
      before = messages;
      before.push_back(answer.message);
    }
  }
  EXPECT_GT(retries, 0U);
  EXPECT_GT(subagents, 0U);
  EXPECT_GT(continued, 100U);
}

TEST_F(Sessions, TheSameSeedGivesTheSame) {
  AgentSession one(*texts_, 3);
  AgentSession other(*texts_, 3);
  AgentCall a;
  AgentCall b;
  while (one.next(a)) {
    ASSERT_TRUE(other.next(b));
    ASSERT_EQ(a.body, b.body);
    ASSERT_EQ(a.answer, b.answer);
  }
}

}  // namespace
}  // namespace hone::simulate
