#include "store/session.h"

#include <gtest/gtest.h>

#include "store/rows.h"
#include "support/databases.h"

namespace hone::store {
namespace {

json::object message(std::string_view role, std::string_view text) {
  return {{"role", role}, {"content", json::array{{{"type", "text"}, {"text", text}}}}};
}

std::string text_of(const SessionStep& step) {
  const auto content = parse_json(step.step.block.content).value();
  return std::string(content.at("content").at(0).at("text").as_string());
}

class SessionBoth : public test::OnBothDatabases {
 protected:
  void SetUp() override {
    OnBothDatabases::SetUp();
    if (!IsSkipped()) db = open();
  }
  // A call with `context`, answered by `answer` ("" for no answer).
  void call(const std::string& id, const std::vector<json::object>& context,
            const std::string& answer, const std::string& session = "",
            const std::string& person = "per_1", const std::string& retry_of = "") {
    Interaction i;
    i.id = id;
    i.retry_of = retry_of;
    i.person = person;
    i.status = answer.empty() ? 529 : 200;
    i.started_at = from_millis(++time);
    if (!session.empty()) i.handles.push_back({"session", session});
    Path path = build_path("key", context);
    i.context_node = path.leaf;
    i.nodes = path.nodes;
    i.blocks = path.blocks;
    if (!answer.empty()) {
      const Path step = build_path("key", {message("assistant", answer)}, path.leaf, path.depth);
      i.nodes.push_back(step.nodes[0]);
      i.blocks.push_back(step.blocks[0]);
      i.output_node = step.leaf;
    }
    ASSERT_TRUE(write_record(*db, {.kind = RecordKind::kInteraction,
                                   .id = id,
                                   .persons = {person},
                                   .payload = to_payload(i)}));
    leaf = i.context_node;
  }
  std::vector<std::string> texts(const Session& session) const {
    std::vector<std::string> all;
    for (const auto& step : session.steps) {
      all.push_back(std::string(2 * step.branch, ' ') + text_of(step));
    }
    return all;
  }
  std::unique_ptr<Database> db;
  std::string leaf;  // where the last call's context ends
  std::int64_t time = 0;
};

using Texts = std::vector<std::string>;

TEST_P(SessionBoth, ShowsBranchesUnderTheFirstMessage) {
  const auto system = message("system", "s");
  call("int_1", {system, message("user", "a")}, "A");
  call("int_2", {system, message("user", "a"), message("assistant", "A"), message("user", "b")},
       "");
  const std::string node = leaf;
  call("int_3", {system, message("user", "a"), message("assistant", "A"), message("user", "b")},
       "B", "", "per_1", "int_2");
  call("int_4", {system, message("user", "a"), message("assistant", "A"), message("user", "c")},
       "C");
  call("int_other", {system, message("user", "x")}, "X");
  call("int_else", {system, message("user", "a")}, "E", "", "per_2");
  for (const std::string& name : {std::string("int_1"), std::string("int_4"), node}) {
    const auto session = load_session(*db, name);
    ASSERT_TRUE(session) << session.error().message;
    EXPECT_EQ(session->person, "per_1");
    EXPECT_EQ(texts(*session), (Texts{"s", "a", "A", "b", "B", "  c", "  C"})) << name;
    ASSERT_EQ(session->calls.size(), 4U);
    EXPECT_EQ(session->calls[1].id, "int_2");
    EXPECT_EQ(session->calls[1].retry_of, "");
    EXPECT_EQ(session->calls[2].retry_of, "int_2");
    EXPECT_EQ(to_json(*session)->at("calls").at(2).at("retry_of"), "int_2");
    EXPECT_EQ(session->steps[3].calls_end, (std::vector<std::size_t>{1, 2})) << "one tried again";
  }
}

TEST_P(SessionBoth, TheToolsOwnSessionJoinsConversations) {
  call("int_1", {message("user", "a")}, "A", "session-1");
  call("int_2", {message("user", "subagent")}, "S", "session-1");
  call("int_3", {message("user", "a")}, "other", "session-2");
  const auto session = load_session(*db, "session-1");
  ASSERT_TRUE(session) << session.error().message;
  EXPECT_EQ(texts(*session), (Texts{"a", "A", "subagent", "S"}));
  EXPECT_EQ(load_session(*db, "int_3")->calls.size(), 1U);
}

TEST_P(SessionBoth, ACallWithoutContentIsASessionOfItsOwn) {
  Interaction i;
  i.id = "int_1";
  i.person = "per_1";
  i.content = "no_consent";
  ASSERT_TRUE(
      write_record(*db, {.kind = RecordKind::kInteraction, .id = i.id, .payload = to_payload(i)}));
  const auto session = load_session(*db, "int_1");
  ASSERT_TRUE(session) << session.error().message;
  EXPECT_EQ(session->calls.size(), 1U);
  EXPECT_TRUE(session->steps.empty());
  EXPECT_EQ(load_session(*db, "int_none").error().code, ErrorCode::kNotFound);
}

TEST_P(SessionBoth, ALongOneIsCutAndSaysSo) {
  std::vector<json::object> context;
  for (int i = 0; i < 12; ++i) {
    context.push_back(message("user", "u" + std::to_string(i)));
    call("int_" + std::to_string(i), context, "");
  }
  const auto session = load_session(*db, "int_0", 10);
  ASSERT_TRUE(session) << session.error().message;
  EXPECT_EQ(session->calls.size(), 10U);
  EXPECT_TRUE(session->cut);
}

INSTANTIATE_TEST_SUITE_P(Databases, SessionBoth, test::both_databases(), test::database_name);

}  // namespace
}  // namespace hone::store
