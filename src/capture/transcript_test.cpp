// Transcripts of Claude Code and Codex as interactions, as recorded and with what recordings lack.
#include "capture/transcript.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>

#include "base/test_support.h"
#include "capture/content.h"
#include "wire/message.h"

namespace hone::capture {
namespace {

using hone::testing::shared_path;

class Transcripts : public ::testing::Test {
 protected:
  ImportSink sink() {
    ImportSink made;
    made.person = [](std::string_view name, std::string_view team) -> Result<people::Person> {
      people::Person person;
      person.id = "per_" + std::string(name);
      person.team = team;
      person.team_name = team;
      person.consents = {.capture = true, .train = true};
      return person;
    };
    made.interaction = [this](const store::Interaction& interaction) -> Result<void> {
      interactions_.push_back(interaction);
      return {};
    };
    made.feedback = [this](const store::Feedback& signal) -> Result<void> {
      feedback_.push_back(signal);
      return {};
    };
    if (known_) made.known = known_;
    return made;
  }
  ImportReport run(const std::string& path) {
    auto report = import_transcripts({.path = path, .person = "ada", .signals = signals_}, {},
                                     parts_, sink());
    EXPECT_TRUE(report) << (report ? "" : report.error().message);
    return report.value_or(ImportReport{});
  }
  ImportReport run_text(const std::string& text) {
    hone::testing::write_all(folder_.path("s.jsonl"), text);
    return run(folder_.path("s.jsonl"));
  }
  // "ROLE: part, part" of a path's messages, from the root to the node.
  std::vector<std::string> path_to(const std::string& leaf) const {
    std::map<std::string, store::Node> nodes;
    std::map<std::string, json::object> blocks;
    for (const auto& interaction : interactions_) {
      for (const auto& node : interaction.nodes) nodes[node.hash] = node;
      for (const auto& block : interaction.blocks) {
        blocks[block.hash] = parse_json_object(block.content).value();
      }
    }
    std::vector<std::string> path;
    for (std::string at = leaf; !at.empty(); at = nodes.at(at).parent) {
      path.push_back(readable(blocks.at(nodes.at(at).block)));
    }
    std::ranges::reverse(path);
    return path;
  }
  static std::string readable(const json::object& message) {
    std::string line(wire::role_of(message));
    for (const json::value& value : wire::content_of(message)) {
      const json::object& part = value.as_object();
      const auto type = string_or_empty(part, "type");
      line += line.find(':') == std::string::npos ? ": " : ", ";
      if (type == "text") {
        const auto text = string_or_empty(part, "text");
        line += text.size() > 40 ? "…" : std::string(text);
      } else if (type == "tool") {
        line += "[" + std::string(string_or_empty(part, "name")) + "]";
      } else {
        line += std::string(type) + " " + std::string(string_or_empty(part, "id"));
      }
    }
    return line;
  }
  static std::set<std::string> handles_of(const store::Interaction& interaction) {
    std::set<std::string> handles;
    for (const auto& handle : interaction.handles) {
      if (handle.kind != "id" && handle.kind != "import") {
        handles.insert(handle.kind + " " + handle.value);
      }
    }
    return handles;
  }

  hone::testing::TempFolder folder_;
  ManualClock clock_{from_millis(1'800'000'000'000)};
  std::unique_ptr<privacy::Redactor> redactor_ = privacy::Redactor::create("key").value();
  ImportParts parts_{*redactor_, "key", clock_};
  std::function<TranscriptSignals()> signals_;
  KnownInteraction known_;
  std::vector<store::Interaction> interactions_;
  std::vector<store::Feedback> feedback_;
};

TEST_F(Transcripts, OfClaudeCodeHaveEachAnswerWithItsContext) {
  const auto path = shared_path("recordings/transcript__claude-code__tty-accept-comment.jsonl");
  if (!path) GTEST_SKIP();
  const auto report = run(*path);
  EXPECT_EQ(report.records, 38);
  EXPECT_EQ(report.interactions, 2);
  EXPECT_TRUE(report.left_out.empty()) << json::serialize(to_json(report));
  ASSERT_EQ(interactions_.size(), 2U);
  const auto& first = interactions_[0];
  EXPECT_EQ(first.tool, "claude-code");
  EXPECT_EQ(first.wire, "anthropic-messages");
  EXPECT_EQ(first.model, "claude-opus-5-5");
  EXPECT_EQ(first.stop_reason, "tool_use");
  EXPECT_EQ(first.prompt_tokens, 11);
  EXPECT_EQ(first.completion_tokens, 5);
  EXPECT_FALSE(first.trainable);
  EXPECT_EQ(to_text(first.started_at), "2026-11-22T06:50:26.807Z") << "when it was asked";
  EXPECT_EQ(first.duration_ms, 7);
  EXPECT_EQ(handles_of(first),
            (std::set<std::string>{"session bb703fe1-4722-428b-81e8-348526c83053",
                                   "response msg_stub3", "tool_call toolu_stub3"}));
  auto whole = path_to(interactions_[1].output_node);
  ASSERT_EQ(whole.size(), 8U);
  EXPECT_TRUE(whole[0].starts_with("tools: [Agent]")) << whole[0];
  EXPECT_TRUE(whole[1].starts_with("system: …")) << whole[1];
  // What the tool puts in stands before the person's words, as it is sent.
  EXPECT_EQ(whole[2], "user: …, …, edit a.py");
  EXPECT_TRUE(whole[3].starts_with("system: …")) << whole[3];
  EXPECT_EQ(whole[4], "assistant: tool_call toolu_stub3");
  EXPECT_EQ(whole[5], "tool: tool_result toolu_stub3");
  EXPECT_EQ(whole[6], "user: also add tests");
  EXPECT_EQ(whole[7], "assistant: Hello from stub.");
  EXPECT_EQ(path_to(first.output_node), std::vector<std::string>(whole.begin(), whole.begin() + 5))
      << "one conversation is one path";
}

TEST_F(Transcripts, OfCodexHaveEachAnswerWithItsContext) {
  const auto path = shared_path("recordings/transcript__codex__tool.jsonl");
  if (!path) GTEST_SKIP();
  const auto report = run(*path);
  EXPECT_EQ(report.records, 19);
  EXPECT_TRUE(report.left_out.empty()) << json::serialize(to_json(report));
  ASSERT_EQ(interactions_.size(), 2U);
  const auto& first = interactions_[0];
  EXPECT_EQ(first.tool, "codex");
  EXPECT_EQ(first.wire, "openai-responses");
  EXPECT_EQ(first.model, "gpt-x");
  EXPECT_EQ(first.prompt_tokens, 11);
  EXPECT_EQ(first.completion_tokens, 5);
  EXPECT_EQ(handles_of(first),
            (std::set<std::string>{"session 01a20201-a945-7a50-9003-158d19a94b48",
                                   "response resp_stub2", "tool_call call_stub1"}));
  const auto whole = path_to(interactions_[1].output_node);
  ASSERT_EQ(whole.size(), 7U);
  EXPECT_TRUE(whole[0].starts_with("system: …")) << whole[0];
  EXPECT_TRUE(whole[1].starts_with("system: …, …")) << whole[1];
  EXPECT_TRUE(whole[2].starts_with("user: …")) << whole[2];
  EXPECT_EQ(whole[3], "user: run echo");
  EXPECT_EQ(whole[4], "assistant: tool_call call_stub1");
  EXPECT_EQ(whole[5], "tool: tool_result call_stub1");
  EXPECT_EQ(whole[6], "assistant: Hello from stub.");
}

TEST_F(Transcripts, OfAFolderAreAllReadAndTheSameAgain) {
  const auto recordings = shared_path("recordings");
  if (!recordings) GTEST_SKIP();
  std::filesystem::create_directories(folder_.path("a/b"));
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(*recordings)) {
    const std::string name = entry.path().filename();
    if (!name.starts_with("transcript__")) continue;
    const std::string into = folder_.path(files++ % 2 == 0 ? "a/" : "a/b/");
    std::filesystem::copy_file(entry.path(), into + name);
  }
  ASSERT_EQ(files, 6U);
  hone::testing::write_all(folder_.path("a/notes.txt"), "no transcript");
  const auto report = run(folder_.path("a"));
  // Two answers in each; after the Esc there was no second.
  EXPECT_EQ(report.interactions, 11);
  EXPECT_EQ(report.people, 1);
  std::set<std::string> ids;
  for (const auto& interaction : interactions_) ids.insert(interaction.id);
  EXPECT_EQ(ids.size(), 11U);
  EXPECT_EQ(run(folder_.path("a")).interactions, 11);
  for (const auto& interaction : interactions_) ids.insert(interaction.id);
  EXPECT_EQ(ids.size(), 11U) << "the same records again, which are stored once";
}

std::string claude_line(const std::string& uuid, const std::string& parent,
                        const std::string& rest) {
  return R"({"uuid":")" + uuid + R"(","parentUuid":)" +
         (parent.empty() ? "null" : "\"" + parent + "\"") +
         R"(,"sessionId":"s-1","timestamp":"2026-11-22T06:00:00.000Z",)" + rest + "}\n";
}

std::string claude_typed(const std::string& uuid, const std::string& parent,
                         const std::string& text) {
  return claude_line(uuid, parent,
                     R"("type":"user","message":{"role":"user","content":")" + text + "\"}");
}

std::string claude_said(const std::string& uuid, const std::string& parent, const std::string& id,
                        const std::string& block, const std::string& stop = "\"end_turn\"") {
  return claude_line(uuid, parent,
                     R"("type":"assistant","message":{"id":")" + id +
                         R"(","role":"assistant","model":"m","stop_reason":)" + stop +
                         R"(,"content":[)" + block +
                         R"(],"usage":{"input_tokens":3,)"
                         R"("cache_read_input_tokens":7,"output_tokens":2}})");
}

std::string claude_text(const std::string& text) {
  return R"({"type":"text","text":")" + text + "\"}";
}

std::string claude_call(const std::string& id) {
  return R"({"type":"tool_use","id":")" + id + R"(","name":"Read","input":{}})";
}

std::string claude_result(const std::string& uuid, const std::string& parent,
                          const std::string& id) {
  return claude_line(uuid, parent,
                     R"("type":"user","message":{"role":"user","content":[{"type":"tool_result",)"
                     R"("tool_use_id":")" +
                         id + R"(","content":"read"}]})");
}

TEST_F(Transcripts, PutBlocksOfOneAnswerTogetherAndCallsThatRanBesideEachOther) {
  const auto report = run_text(
      claude_typed("u1", "", "read both") +
      claude_said("a1", "u1", "msg_1", claude_text("I read them."), "null") +
      claude_said("a2", "a1", "msg_1", claude_call("t1"), "null") +
      claude_result("r1", "a2", "t1") +
      claude_said("a3", "a2", "msg_1", claude_call("t2"), "\"tool_use\"") +
      claude_result("r2", "a3", "t2") + claude_said("a4", "r2", "msg_2", claude_text("Done.")));
  EXPECT_EQ(report.interactions, 2);
  ASSERT_EQ(interactions_.size(), 2U);
  EXPECT_EQ(interactions_[0].prompt_tokens, 10);
  EXPECT_EQ(interactions_[0].cached_tokens, 7);
  EXPECT_EQ(interactions_[0].stop_reason, "tool_use");
  EXPECT_EQ(path_to(interactions_[1].output_node),
            (std::vector<std::string>{
                "user: read both", "assistant: I read them., tool_call t1, tool_call t2",
                "tool: tool_result t1", "tool: tool_result t2", "assistant: Done."}));
}

TEST_F(Transcripts, FollowTheBranchOnWhichAnAnswerStands) {
  run_text(claude_typed("u1", "", "hello") + claude_said("a1", "u1", "msg_1", claude_text("Hi.")) +
           claude_typed("u2", "a1", "write a poem") +
           claude_said("a2", "u2", "msg_2", claude_text("Roses.")) +
           claude_typed("u3", "a1", "write a song") +
           claude_said("a3", "u3", "msg_3", claude_text("La.")));
  ASSERT_EQ(interactions_.size(), 3U);
  EXPECT_EQ(path_to(interactions_[2].output_node),
            (std::vector<std::string>{"user: hello", "assistant: Hi.", "user: write a song",
                                      "assistant: La."}));
}

TEST_F(Transcripts, BeginANewContextWhereTheToolHasCompactedTheOld) {
  const auto report =
      run_text(claude_typed("u1", "", "hello") +
               claude_said("a1", "u1", "msg_1", claude_text("Hi."), "null") +
               claude_line("b1", "", R"("type":"system","logicalParentUuid":"a1")") +
               claude_typed("u2", "b1", "we said hello") +
               claude_said("a2", "u2", "msg_2", claude_text("Go on.")));
  EXPECT_EQ(report.interactions, 2) << "what stands behind an answer shows that it has ended";
  ASSERT_EQ(interactions_.size(), 2U);
  EXPECT_EQ(path_to(interactions_[1].output_node),
            (std::vector<std::string>{"user: we said hello", "assistant: Go on."}));
}

TEST_F(Transcripts, CutInTheMiddleKeepWhatWasBefore) {
  const std::string whole =
      claude_typed("u1", "", "hello") + claude_said("a1", "u1", "msg_1", claude_text("Hi.")) +
      claude_typed("u2", "a1", "more") + claude_said("a2", "u2", "msg_2", claude_text("More."));
  const auto report = run_text(whole.substr(0, whole.size() - 40));
  EXPECT_EQ(report.interactions, 1);
  EXPECT_EQ(report.left_out.at("malformed"), 1);
  ASSERT_EQ(report.errors.size(), 1U);
  EXPECT_TRUE(report.errors[0].starts_with("s.jsonl: line 4: ")) << report.errors[0];
  const auto grown = run_text(whole);
  EXPECT_EQ(grown.interactions, 2);
  EXPECT_EQ(interactions_[0].id, interactions_[1].id) << "what was there is the same again";
}

TEST_F(Transcripts, AnAnswerThatIsStillWrittenWaits) {
  const std::string begun = claude_typed("u1", "", "hello") +
                            claude_said("a1", "u1", "msg_1", claude_text("I look."), "null") +
                            claude_said("a2", "a1", "msg_1", claude_call("t1"), "null");
  const auto report = run_text(begun);
  EXPECT_EQ(report.interactions, 0);
  EXPECT_EQ(report.left_out.at("unfinished"), 1);
  EXPECT_EQ(run_text(begun + claude_result("r1", "a2", "t1")).interactions, 1)
      << "what follows it shows that it has ended, though older versions say no reason";
}

TEST_F(Transcripts, NameAndCountWhatTheyDoNotKnow) {
  const auto report =
      run_text(claude_typed("u1", "", "hello") +
               "{\"type\":\"hologram\"}\n{\"type\":\"hologram\"}\n" + "not json\n{\"kind\":3}\n" +
               claude_said("a0", "u1", "msg_0", claude_text("API Error: 529"))
                   .replace(0, 1, R"({"isApiErrorMessage":true,)") +
               claude_said("a1", "u1", "msg_1", claude_text("Hi.")));
  EXPECT_EQ(report.interactions, 1);
  EXPECT_EQ(report.left_out.at("unknown:hologram"), 2);
  EXPECT_EQ(report.left_out.at("unknown:untyped"), 1);
  EXPECT_EQ(report.left_out.at("malformed"), 1);
  EXPECT_EQ(report.left_out.at("not_a_models"), 1);
  const auto named = std::ranges::count_if(report.errors, [](auto& error) {
    return error.find("type 'hologram' are not known") != std::string::npos;
  });
  EXPECT_EQ(named, 1) << "once, by its name";
}

TEST_F(Transcripts, ThatLeadInCirclesEnd) {
  const auto report = run_text(claude_typed("u1", "u2", "hello") + claude_typed("u2", "u1", "you") +
                               claude_said("a1", "u2", "msg_1", claude_text("Hi.")));
  EXPECT_EQ(report.interactions, 1);
}

TEST_F(Transcripts, OfOtherFilesAreRefused) {
  hone::testing::write_all(folder_.path("other.jsonl"), "{\"prompt\":\"p\"}\n{\"prompt\":\"q\"}\n");
  const auto other = import_transcripts({.path = folder_.path("other.jsonl"), .person = "ada"}, {},
                                        parts_, sink());
  ASSERT_FALSE(other);
  EXPECT_NE(other.error().message.find("no transcript of Claude Code or Codex"), std::string::npos);
  const auto none =
      import_transcripts({.path = folder_.path("none"), .person = "ada"}, {}, parts_, sink());
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, ErrorCode::kNotFound);
  std::filesystem::create_directories(folder_.path("empty"));
  const auto empty =
      import_transcripts({.path = folder_.path("empty"), .person = "ada"}, {}, parts_, sink());
  ASSERT_FALSE(empty);
  EXPECT_NE(empty.error().message.find("no transcript (*.jsonl)"), std::string::npos);
}

TEST_F(Transcripts, WhatTheGatewayHasIsNotAddedAgainAndItsSignalsAre) {
  known_ = [](const store::Handle& handle, std::string_view session) -> Result<std::string> {
    EXPECT_EQ(session, "s-1");
    return std::string(handle.kind == "response" && handle.value == "msg_1" ? "int_gateway" : "");
  };
  signals_ = [] {
    return [](const json::object& record) {
      std::vector<ImportedFeedback> found;
      if (string_or_empty(record, "uuid") != "u2") return found;
      ImportedFeedback signal{.kind = "accepted"};
      signal.about = {"tool_call", "t1"};
      signal.key = "accepted/t1";
      signal.marks = {{"fact", "accepted/t1"}};
      signal.detail = {{"by", "ada@example.com"}};
      found.push_back(std::move(signal));
      return found;
    };
  };
  const auto report = run_text(
      claude_typed("u1", "", "hello") + claude_said("a1", "u1", "msg_1", claude_text("Hi.")) +
      claude_typed("u2", "a1", "more") + claude_said("a2", "u2", "msg_2", claude_text("More.")));
  EXPECT_EQ(report.left_out.at("captured"), 1);
  ASSERT_EQ(interactions_.size(), 1U);
  EXPECT_TRUE(handles_of(interactions_[0]).contains("response msg_2"));
  ASSERT_EQ(feedback_.size(), 1U);
  EXPECT_EQ(feedback_[0].source, "transcript:claude-code/per_ada");
  EXPECT_EQ(feedback_[0].idempotency_key, "accepted/t1");
  EXPECT_EQ(feedback_[0].handle.kind, "tool_call");
  EXPECT_EQ(feedback_[0].detail.at("fact"), "accepted/t1");
  EXPECT_EQ(json::serialize(feedback_[0].detail).find("ada@"), std::string::npos) << "redacted";
}

TEST_F(Transcripts, WhatIsKnownOfASharedContextIsNotReadAgain) {
  Content content(*redactor_, "key", 1'000);
  std::vector<SharedMessage> said;
  said.emplace_back(wire::text_message("user", "one"));
  said.emplace_back(wire::text_message("assistant", "two"));
  said.emplace_back(wire::text_message("user", "three"));
  std::vector<const SharedMessage*> context{&said[0]};
  store::Interaction first;
  const auto learned = content.fill_shared(context, said[1].message, {}, first);
  EXPECT_EQ(first.content, "stored");
  EXPECT_EQ(first.nodes.size(), 2U);
  context = {&said[0], &said[1], &said[2]};
  const json::object answer = wire::text_message("assistant", "four");
  store::Interaction whole;
  (void)content.fill_shared(context, answer, {}, whole);
  EXPECT_EQ(whole.nodes.size(), 4U) << "nothing is known before it is in the outbox";
  content.appended(first, learned);
  // Under the key that it is known by, in words that nobody should look at.
  SharedMessage unread(wire::text_message("user", "unread"));
  unread.key = said[0].key;
  context.front() = &unread;
  store::Interaction second;
  (void)content.fill_shared(context, answer, {}, second);
  ASSERT_EQ(second.nodes.size(), 2U) << "what is new";
  EXPECT_EQ(second.nodes.front().parent, first.output_node);
  EXPECT_EQ(second.output_node, whole.output_node);
}

TEST_F(Transcripts, OfALongSessionBringEachMessageOnce) {
  constexpr int kRounds = 200;
  std::string text;
  std::string above;
  for (int i = 0; i < kRounds; ++i) {
    const std::string n = std::to_string(i);
    text += claude_typed("u" + n, above, "ask " + n);
    text += claude_line("r" + n, "u" + n,
                        R"("type":"attachment","rendered":[{"content":"put in )" + n + R"("}])");
    text += claude_said("a" + n, "r" + n, "msg_" + n, claude_text("say " + n));
    above = "a" + n;
  }
  EXPECT_EQ(run_text(text).interactions, kRounds);
  std::set<std::string> nodes;
  for (const auto& interaction : interactions_) {
    EXPECT_EQ(interaction.nodes.size(), 2U);
    for (const auto& node : interaction.nodes) nodes.insert(node.hash);
  }
  EXPECT_EQ(nodes.size(), 2U * kRounds);
  const auto whole = path_to(interactions_.back().output_node);
  ASSERT_EQ(whole.size(), 2U * kRounds);
  EXPECT_EQ(whole[2], "user: put in 1, ask 1") << "what a tool puts in stands in front";
  EXPECT_EQ(whole[3], "assistant: say 1");
}

std::string codex_line(const std::string& type, const std::string& payload) {
  return R"({"timestamp":"2026-11-22T06:00:00.000Z","type":")" + type + R"(","payload":)" +
         payload + "}\n";
}

std::string codex_text(const std::string& role, const std::string& text) {
  return codex_line("response_item", R"({"type":"message","role":")" + role +
                                         R"(","content":[{"type":"input_text","text":")" + text +
                                         "\"}]}");
}

TEST_F(Transcripts, OfOlderCodexCountAfterTheToolAndCompactTheirContext) {
  const auto report = run_text(
      codex_line("session_meta", R"({"id":"c-1","instructions":"be brief"})") +
      codex_line("turn_context", R"({"model":"gpt-x","approval_policy":"on-request"})") +
      codex_text("user", "list") +
      codex_line("response_item",
                 R"({"type":"function_call","call_id":"c1","name":"shell","arguments":"{}"})") +
      codex_line("response_item",
                 R"({"type":"function_call_output","call_id":"c1","output":"a.py"})") +
      codex_line("event_msg", R"({"type":"token_count","info":{"last_token_usage":)"
                              R"({"input_tokens":9,"output_tokens":4}}})") +
      codex_text("assistant", "a.py it is") +
      codex_line("event_msg", R"({"type":"token_count","info":{"last_token_usage":)"
                              R"({"input_tokens":20,"output_tokens":6}}})") +
      codex_line("compacted", R"({"message":"we listed files"})") + codex_text("user", "and now") +
      codex_text("assistant", "nothing") + codex_text("user", "thanks") +
      codex_text("assistant", "half an ans"));
  EXPECT_EQ(report.left_out, (std::map<std::string, std::int64_t>{{"unfinished", 1}}));
  ASSERT_EQ(interactions_.size(), 3U);
  EXPECT_EQ(interactions_[0].prompt_tokens, 9);
  EXPECT_EQ(interactions_[1].completion_tokens, 6);
  EXPECT_EQ(path_to(interactions_[1].output_node),
            (std::vector<std::string>{"system: be brief", "user: list", "assistant: tool_call c1",
                                      "tool: tool_result c1", "assistant: a.py it is"}));
  EXPECT_EQ(path_to(interactions_[2].output_node),
            (std::vector<std::string>{"system: be brief", "user: we listed files", "user: and now",
                                      "assistant: nothing"}));
}

}  // namespace
}  // namespace hone::capture
