// Mining the store: real clients' conversations as recorded, and what they do not show.
#include "feedback/miner.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "base/test_support.h"
#include "feedback/mining.h"
#include "feedback/telemetry.h"
#include "feedback/verdicts.h"
#include "store/rows.h"
#include "store/tree.h"
#include "support/databases.h"
#include "support/recorded_otlp.h"
#include "wire/answer.h"
#include "wire/call.h"
#include "wire/message.h"

namespace hone::feedback {
namespace {

using namespace std::chrono_literals;
using hone::testing::shared_path;
using Lines = std::vector<std::string>;
using Messages = std::vector<json::object>;

constexpr Time kStart{std::chrono::milliseconds(1'800'000'000'000)};

struct Asked {
  std::string id = {};
  std::string person = "per_1";
  std::string tool = "claude-code";
  std::string session = "s1";
  Messages messages = {};
  json::object answer = {};  // empty: none
  std::chrono::milliseconds at{0};
  std::chrono::milliseconds took{1000};
  std::int64_t status = 200;
  std::string error = {};
  std::string retry_of = {};
  std::string wire = "anthropic-messages";
};

json::object user(std::string_view text) {
  return wire::text_message("user", text);
}
json::object said(std::string_view text) {
  return wire::text_message("assistant", text);
}

store::Interaction interaction_of(const Asked& asked) {
  store::Interaction i;
  i.id = asked.id;
  i.person = asked.person;
  i.tool = asked.tool;
  i.wire = asked.wire;
  i.alias = "assistant";
  i.model = "m";
  i.started_at = kStart + asked.at;
  i.duration_ms = asked.took.count();
  i.status = asked.status;
  i.error = asked.error;
  i.retry_of = asked.retry_of;
  auto context = store::build_path("key", asked.messages);
  i.context_node = context.leaf;
  i.nodes = context.nodes;
  i.blocks = context.blocks;
  if (!asked.session.empty()) i.handles.push_back({"session", asked.session});
  if (asked.answer.empty()) return i;
  auto answer = store::build_path("key", {asked.answer}, context.leaf, context.depth);
  i.output_node = answer.leaf;
  i.nodes.push_back(answer.nodes.front());
  i.blocks.push_back(answer.blocks.front());
  for (const auto& id : tool_calls_of(asked.answer)) i.handles.push_back({"tool_call", id});
  return i;
}

class MinerBoth : public test::OnBothDatabases {
 protected:
  void SetUp() override {
    OnBothDatabases::SetUp();
    if (IsSkipped()) return;
    db_ = open_unsynced();
  }

  // As the indexer writes it.
  void write(const Asked& asked) {
    const store::OutboxRecord record{.kind = store::RecordKind::kInteraction,
                                     .id = asked.id,
                                     .payload = store::to_payload(interaction_of(asked))};
    const auto done = store::write_record(*db_, record);
    ASSERT_TRUE(done) << done.error().message;
  }
  Result<void> keep(const std::vector<store::OutboxRecord>& records) {
    for (const auto& record : records) {
      if (auto done = store::write_record(*db_, record); !done) return done;
    }
    return {};
  }
  // Until nothing is due; how many signals it found.
  std::int64_t mine(const MiningRules& rules = default_mining_rules(), std::int64_t most = 50) {
    Miner miner(*db_, rules, clock_);
    std::int64_t signals = 0;
    for (int rounds = 0; rounds < 1000; ++rounds) {
      const auto report = miner.mine_batch([this](auto records) { return keep(records); }, most);
      EXPECT_TRUE(report) << (report ? "" : report.error().message);
      if (!report || report->interactions == 0) break;
      EXPECT_EQ(report->unreadable, 0);
      signals += report->signals;
    }
    return signals;
  }
  // "ID KIND by WHO[, weak] [SOURCE][: comment]", sorted.
  Lines mined(const std::string& like = "%") {
    const auto rows = db_->query(
        "SELECT interaction_id, kind, by_whom, source, comment, detail FROM feedback"
        " WHERE source LIKE 'mined:%' AND interaction_id LIKE ?",
        {like});
    EXPECT_TRUE(rows) << (rows ? "" : rows.error().message);
    Lines lines;
    for (const store::Row row : *rows) {
      const bool weak = row.text("detail").find("\"weak\":true") != std::string::npos;
      lines.push_back(row.text("interaction_id") + " " + row.text("kind") + " by " +
                      row.text("by_whom") + (weak ? ", weak" : "") + " [" + row.text("source") +
                      "]" + (row.is_null("comment") ? "" : ": " + row.text("comment")));
    }
    std::ranges::sort(lines);
    return lines;
  }
  std::int64_t count(const std::string& table) {
    const auto rows = db_->query("SELECT COUNT(*) AS n FROM " + table);
    EXPECT_TRUE(rows);
    return rows->front().integer("n");
  }

  ManualClock clock_{kStart + 1h};
  std::unique_ptr<store::Database> db_;
};

// --- As recorded ---------------------------------------------------------------------------------

// Of the recordings' vendor texts only the beginning is left, behind a mark.
void unscrub(json::value& value) {
  constexpr std::string_view kMark = "[vendor text redacted, ";
  if (auto* text = value.if_string(); text != nullptr && text->starts_with(kMark)) {
    *text = std::string(*text).substr(text->find("] ") + 2);
  }
  if (auto* array = value.if_array()) {
    for (auto& item : *array) unscrub(item);
  }
  if (auto* object = value.if_object()) {
    for (auto& member : *object) unscrub(member.value());
  }
}

struct Recorded {
  std::string thread;  // calls of one thread follow each other
  std::string session;
  wire::Call call;
};

std::vector<Recorded> model_calls(const std::string& file) {
  std::vector<Recorded> calls;
  const auto document = parse_json(hone::testing::read_all(file));
  if (!document || !document->is_object()) return calls;
  for (const json::value& value : document->at("requests").as_array()) {
    const json::object& request = value.as_object();
    const std::string path(string_or_empty(request, "path"));
    const std::string bare = path.substr(0, path.find('?'));
    std::optional<wire::Format> format;
    if (bare.ends_with("/chat/completions")) format = wire::Format::kOpenAIChat;
    if (bare == "/v1/messages") format = wire::Format::kAnthropicMessages;
    if (bare == "/v1/responses") format = wire::Format::kOpenAIResponses;
    const auto* body = request.if_contains("body");
    if (!format || body == nullptr || !body->is_object()) continue;
    json::value readable = *body;
    unscrub(readable);
    auto call = wire::read_call(*format, readable.get_object());
    EXPECT_TRUE(call) << file;
    if (!call) continue;
    const json::object& headers = request.at("headers").as_object();
    Recorded one;
    one.thread = string_or_empty(headers, "x-claude-code-agent-id");
    for (const auto* name : {"x-claude-code-session-id", "session-id", "x-session-id"}) {
      if (one.session.empty()) one.session = string_or_empty(headers, name);
    }
    one.call = std::move(*call);
    calls.push_back(std::move(one));
  }
  return calls;
}

// What the recordings' upstream answered where no later call shows it (shared/recordings/stub.mjs):
// greetings, and the tool call that was refused by Esc, after which the client sent nothing.
json::object last_answer(const std::string& name) {
  std::string content = R"([{"type":"text","text":"Hello from stub."}])";
  if (name == "claude-code__tty-user-reject-esc") {
    content =
        R"([{"type":"tool_use","id":"toolu_stub3","name":"Write","input":)"
        R"({"file_path":"/home/dev/proj-pty-esc/c.py","content":"def f():\n    return 2\n"}}])";
  }
  wire::AnswerReader reader(wire::Format::kAnthropicMessages, false);
  reader.feed(R"({"id":"msg_stub","type":"message","role":"assistant","model":"m","content":)" +
              content +
              R"(,"stop_reason":"end_turn","usage":{"input_tokens":1,"output_tokens":1}})");
  auto answer = reader.finish();
  EXPECT_TRUE(answer.complete) << name;
  return answer.message;
}

// The interactions of one recording, a minute apart: "NAME#1", … `as_sent`: with the vendor's texts
// as scrubbed, which differ from call to call, so that no call continues the one before it.
std::vector<Asked> recorded(const std::string& file, bool as_sent = false) {
  const std::string name = std::filesystem::path(file).stem();
  auto calls = model_calls(file);
  std::vector<Asked> all;
  std::map<std::string, std::size_t> last;  // of each thread
  for (std::size_t k = 0; k < calls.size(); ++k) {
    Asked asked{.id = name + "#" + std::to_string(k + 1)};
    asked.person = "per_" + name;
    asked.tool = name.substr(0, name.find("__"));
    asked.session = calls[k].session;
    asked.at = std::chrono::minutes(k);
    asked.messages = calls[k].call.messages;
    asked.answer = last_answer(name);
    if (const auto before = last.find(calls[k].thread); before != last.end()) {
      Asked& earlier = all[before->second];
      const std::size_t shown = earlier.messages.size();
      // What does not go on with an answer is another request of the thread, such as for a title.
      if (shown < asked.messages.size() && wire::role_of(asked.messages[shown]) == "assistant") {
        // Those that the clients re-sent, as wire/recordings_test.cpp holds.
        if (!as_sent) std::ranges::copy(earlier.messages, asked.messages.begin());
        earlier.answer = asked.messages[shown];
      }
    }
    last[calls[k].thread] = all.size();
    all.push_back(std::move(asked));
  }
  if (name == "claude-code__retry-529-and-midstream-error" && all.size() == 3) {
    all[0].answer = {};
    all[0].status = 529;
    all[0].error = "overloaded_error";
    all[1].answer = {};
    all[1].error = "overloaded_error";
    all[1].retry_of = all[0].id;
    all[2].retry_of = all[1].id;
  }
  return all;
}

// What a person writes down who reads the conversations alone. In all others: nothing. In
// particular nothing of tty-user-accept, tty-auto-mode and otlp-httpjson-tool-accept: a Write call
// and its success, in each, and no word of whether a person, a mode or a flag allowed it.
const std::map<std::string, Lines> kSeenInRecordings = {
    // The file was written, and behind that stands, in the same message, "also add tests".
    {"claude-code__tty-user-accept-with-comment",
     {"claude-code__tty-user-accept-with-comment#1 accepted by person, weak [mined:commented@1]: "
      "also add tests"}},
    // The result says that the user refused, and what the user said.
    {"claude-code__tty-user-reject-with-feedback",
     {"claude-code__tty-user-reject-with-feedback#1 rejected by person [mined:refused@1]: use tabs "
      "instead"}},
    // One request, whose answer calls a tool; nothing after it.
    {"claude-code__tty-user-reject-esc",
     {"claude-code__tty-user-reject-esc#1 rejected by unknown, weak [mined:abandoned@1]"}},
    // "… requested permissions …, but you haven't granted it yet": nobody was asked.
    {"claude-code__otlp-httpjson-tool-deny",
     {"claude-code__otlp-httpjson-tool-deny#1 rejected by policy [mined:denied@1]"}},
};

std::vector<std::string> agents_recordings() {
  std::vector<std::string> files;
  const auto folder = shared_path("recordings");
  if (!folder) return files;
  for (const auto& entry : std::filesystem::directory_iterator(*folder)) {
    const std::string name = entry.path().filename();
    const bool agent = name.starts_with("claude-code__") || name.starts_with("codex__") ||
                       name.starts_with("opencode__") || name.starts_with("continue-cli__");
    if (agent && name.ends_with(".json")) files.push_back(entry.path());
  }
  std::ranges::sort(files);
  return files;
}

Lines seen_in_all() {
  Lines lines;
  for (const auto& [name, seen] : kSeenInRecordings) {
    lines.insert(lines.end(), seen.begin(), seen.end());
  }
  std::ranges::sort(lines);
  return lines;
}

TEST_P(MinerBoth, FindsInEachRecordingWhatAPersonReadsThere) {
  const auto files = agents_recordings();
  if (files.empty()) GTEST_SKIP();
  std::size_t calls = 0;
  for (const auto& file : files) {
    for (const auto& asked : recorded(file)) write(asked);
    calls += recorded(file).size();
  }
  EXPECT_GE(calls, 35U);
  mine();
  Lines at_once = seen_in_all();
  std::erase_if(at_once, [](auto& line) { return line.find("abandoned") != std::string::npos; });
  EXPECT_EQ(mined(), at_once) << "Esc sends nothing: that shows with time";
  EXPECT_EQ(count("mining_due"), 1) << "and waits for it";

  clock_.advance(25h);
  EXPECT_EQ(mine(), 1);
  EXPECT_EQ(mined(), seen_in_all());
  EXPECT_EQ(count("mining_due"), 0);

  const auto due = mine_again(*db_, default_mining_rules());
  ASSERT_TRUE(due) << due.error().message;
  EXPECT_EQ(*due, static_cast<std::int64_t>(calls));
  EXPECT_EQ(mine(), 0) << "mining again adds nothing";
  EXPECT_EQ(mined(), seen_in_all());
}

TEST_P(MinerBoth, FindsTheSameInWhateverOrderTheyAreIndexed) {
  const auto files = agents_recordings();
  if (files.empty()) GTEST_SKIP();
  for (const auto& file : files) {
    auto all = recorded(file);
    std::ranges::reverse(all);
    for (const auto& asked : all) {
      write(asked);
      mine();
    }
  }
  clock_.advance(25h);
  mine();
  EXPECT_EQ(mined(), seen_in_all());
}

TEST_P(MinerBoth, JoinsByTheToolCallWhereTheTreeDoesNot) {
  const auto file = shared_path("recordings/claude-code__tty-user-reject-with-feedback.json");
  if (!file) GTEST_SKIP();
  const auto all = recorded(*file, true);
  ASSERT_EQ(all.size(), 2U);
  const auto shown = static_cast<std::ptrdiff_t>(all[0].messages.size());
  const Messages again(all[1].messages.begin(), all[1].messages.begin() + shown);
  ASSERT_NE(store::build_path("key", all[0].messages).leaf, store::build_path("key", again).leaf)
      << "the scrubbed texts differ";
  for (const auto& asked : all) write(asked);
  mine();
  EXPECT_EQ(mined(), kSeenInRecordings.at("claude-code__tty-user-reject-with-feedback"));
  EXPECT_EQ(count("mining_due"), 0) << "its call has a result: it is not abandoned";
}

// --- What the recordings do not show -------------------------------------------------------------

json::object read_message(std::string_view text) {
  const std::string body = R"({"model":"m","messages":[)" + std::string(text) + "]}";
  return wire::read_call(wire::Format::kAnthropicMessages, parse_json_object(body).value())
      ->messages.at(0);
}

// As the transcript of the Esc has it (transcript__claude-code__tty-reject-esc.jsonl), and then one
// more prompt: the client sends all of it in one message.
TEST_P(MinerBoth, EscAndTheNextPromptAreOneRejection) {
  const std::string body =
      R"({"model":"m","messages":[{"role":"user","content":"edit a.py"},
      {"role":"assistant","content":[{"type":"tool_use","id":"toolu_1","name":"Write","input":{}}]},
      {"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_1","is_error":true,"content":
      "The user doesn't want to proceed with this tool use. The tool use was rejected (eg. if it was a file edit, the new_string was NOT written to the file). STOP what you are doing and wait for the user to tell you how to proceed."},
      {"type":"text","text":"[Request interrupted by user for tool use]"},
      {"type":"text","text":"call it d.py"}]}]})";
  std::string one_line = body;
  std::ranges::replace(one_line, '\n', ' ');
  const auto call =
      wire::read_call(wire::Format::kAnthropicMessages, parse_json_object(one_line).value());
  ASSERT_TRUE(call);
  const Messages& all = call->messages;
  write({.id = "i1", .messages = {all[0]}, .answer = all[1]});
  write({.id = "i2", .messages = all, .answer = said("Done."), .at = 1min});
  // A client that did not get its answer sends the same again.
  write({.id = "i3", .messages = all, .answer = said("Done."), .at = 2min, .retry_of = "i2"});
  mine();
  EXPECT_EQ(mined(), (Lines{"i1 rejected by person [mined:refused@1]: call it d.py"}));
}

TEST_P(MinerBoth, AnAnswerThatWasInterruptedIsFoundByWhatWasAsked) {
  const Messages asked = {user("explain the parser")};
  const auto mark = user("[Request interrupted by user]");
  // The client keeps the part that had come; the record has a little more of it.
  write({.id = "i1", .messages = asked, .answer = said("The parser rea"), .error = "incomplete"});
  write({.id = "i2",
         .messages = {asked[0], said("The parser"), mark, user("only the lexer")},
         .answer = said("The lexer is"),
         .at = 1min});
  // Another, interrupted before anything had come.
  const Messages again = {user("rewrite it")};
  write({.id = "i3", .messages = again, .at = 5min, .status = 0});
  write({.id = "i4",
         .messages = {again[0], mark, user("in C++")},
         .answer = said("Done."),
         .at = 6min});
  mine();
  EXPECT_EQ(mined(), (Lines{"i1 rejected by person, weak [mined:interrupted@1]: only the lexer",
                            "i3 rejected by person, weak [mined:interrupted@1]: in C++"}));
}

TEST_P(MinerBoth, AnInterruptionAfterAResultIsNotOfTheCallThatHadIt) {
  const auto call = read_message(
      R"({"role":"assistant","content":[{"type":"tool_use","id":"t1","name":"Read","input":{}}]})");
  const auto result = read_message(
      R"({"role":"user","content":[{"type":"tool_result","tool_use_id":"t1","content":"text"}]})");
  const Messages first = {user("read it")};
  const Messages second = {first[0], call, result};
  write({.id = "i1", .messages = first, .answer = call});
  write({.id = "i2", .messages = second, .at = 1min, .status = 0});  // stopped, no answer
  write({.id = "i3",
         .messages = {second[0], second[1], second[2], user("[Request interrupted by user]"),
                      user("never mind")},
         .answer = said("As you like."),
         .at = 2min});
  mine();
  EXPECT_EQ(mined(), (Lines{"i2 rejected by person, weak [mined:interrupted@1]: never mind"}));
}

TEST_P(MinerBoth, OneTreeHoldsTheConversationsOfAllAndAReplyIsOfItsOwn) {
  const Messages hello = {user("hello")};
  const Messages reply = {hello[0], said("Hello!"), user("thank you")};
  write({.id = "i1", .person = "ann", .session = "a", .messages = hello, .answer = said("Hello!")});
  write({.id = "i2", .person = "bob", .session = "b", .messages = hello, .answer = said("Hello!")});
  write({.id = "i3", .person = "ann", .session = "c", .messages = hello, .answer = said("Hello!")});
  write({.id = "i4",
         .person = "ann",
         .session = "a",
         .messages = reply,
         .answer = said("Sure."),
         .at = 1min});
  mine();
  EXPECT_EQ(mined(), (Lines{"i1 accepted by person, weak [mined:thanks@1]: thank you"}));
  const auto rows = db_->query("SELECT person_id, detail, at FROM feedback");
  EXPECT_EQ(rows->front().text("person_id"), "ann");
  EXPECT_EQ(rows->front().time("at"), kStart + 1min);
  EXPECT_NE(rows->front().text("detail").find("\"witness\":\"i4\""), std::string::npos);
}

TEST_P(MinerBoth, AskingAgainCountsInAConversationOnly) {
  const auto twice = [this](const std::string& name, const Asked& how,
                            std::chrono::milliseconds after, const std::string& session = "") {
    Asked first = how;
    first.id = name + "1";
    first.person = "per_" + name;
    first.answer = said("One");
    write(first);
    Asked second = first;
    second.id = name + "2";
    if (!session.empty()) second.session = session;
    second.retry_of = how.retry_of;
    second.answer = said("Two");
    second.at = first.at + first.took + after;
    write(second);
  };
  const Messages first = {user("write a poem")};
  const Messages later = {user("hi"), said("Hello!"), user("write a poem")};
  twice("same-session-", {.messages = first}, 5s);
  twice("conversation-", {.session = "", .messages = later}, 5s);
  twice("alone-", {.session = "", .messages = first}, 5s);
  twice("other-session-", {.messages = first}, 5s, "s2");
  twice("at-once-", {.messages = first}, 100ms);
  twice("days-after-", {.messages = first}, 48h);
  twice("failed-", {.messages = first, .status = 500}, 5s);
  twice("clients-own-", {.messages = first, .retry_of = "clients-own-1"}, 5s);
  for (int i = 0; i < 7; ++i) {
    write({.id = "sampling-" + std::to_string(i),
           .person = "per_sampling",
           .messages = first,
           .answer = said("Take " + std::to_string(i)),
           .at = i * 5s});
  }
  mine();
  EXPECT_EQ(mined("sampling-%"), Lines());
  EXPECT_EQ(mined(), (Lines{"conversation-1 retried by person, weak [mined:retried@1]",
                            "same-session-1 retried by person, weak [mined:retried@1]"}));
}

TEST_P(MinerBoth, ALastMessageRewrittenIsASecondTry) {
  const auto environment = wire::text_message("system", "# Environment");
  const Messages before = {wire::text_message("system", "You help.")};
  const auto ask = [&](std::string_view text) {
    return Messages{before[0], user(text), environment};
  };
  write({.id = "i1", .messages = ask("sort the list by name"), .answer = said("One")});
  write({.id = "i2",
         .messages = ask("sort the list by name, descending"),
         .answer = said("Two"),
         .at = 1min});
  write({.id = "i3", .messages = ask("what is in b.py?"), .answer = said("Three"), .at = 2min});
  // A program that fills in a form: no session, no conversation.
  write({.id = "p1",
         .person = "bot",
         .session = "",
         .messages = ask("translate: house"),
         .answer = said("Haus")});
  write({.id = "p2",
         .person = "bot",
         .session = "",
         .messages = ask("translate: mouse"),
         .answer = said("Maus"),
         .at = 1min});
  mine();
  EXPECT_EQ(mined(), (Lines{"i1 retried by person, weak [mined:rewritten@1]: sort the list by "
                            "name, descending"}));
}

TEST_P(MinerBoth, AnAnswerIsAbandonedOnlyWhereItsToolAlwaysReports) {
  const auto call = read_message(
      R"({"role":"assistant","content":[{"type":"tool_use","id":"t1","name":"Read","input":{}}]})");
  write({.id = "i1", .messages = {user("a")}, .answer = call});
  write({.id = "i2", .tool = "openai-sdk", .messages = {user("b")}, .answer = call});
  write({.id = "i3", .messages = {user("c")}, .answer = said("text")});
  write({.id = "i4", .messages = {user("d")}, .answer = call, .error = "incomplete"});
  write({.id = "i5", .messages = {user("e")}, .answer = call});
  mine();
  EXPECT_EQ(count("mining_due"), 2);
  const auto result = read_message(
      R"({"role":"user","content":[{"type":"tool_result","tool_use_id":"t1","content":"text"}]})");
  write({.id = "i6", .messages = {user("e"), call, result}, .answer = said("ok"), .at = 1h});
  mine();
  EXPECT_EQ(count("mining_due"), 1) << "i5 has gone on";
  clock_.advance(25h);
  mine();
  EXPECT_EQ(mined(), (Lines{"i1 rejected by unknown, weak [mined:abandoned@1]"}));
  EXPECT_EQ(count("mining_due"), 0);
}

TEST_P(MinerBoth, WhatCouldNotBeKeptIsMinedAgain) {
  const Messages asked = {user("hi")};
  write({.id = "i1", .messages = asked, .answer = said("Hello!")});
  write({.id = "i2",
         .messages = {asked[0], said("Hello!"), user("no, I meant Ann")},
         .answer = said("Hello Ann!"),
         .at = 1min});
  Miner miner(*db_, default_mining_rules(), clock_);
  const auto full = miner.mine_batch(
      [](const auto&) -> Result<void> { return fail(ErrorCode::kUnavailable, "full"); });
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(count("mining_due"), 2);
  // Killed between the outbox and the database: kept twice.
  std::vector<store::OutboxRecord> kept;
  const auto cut = miner.mine_batch([&](auto records) -> Result<void> {
    kept = std::move(records);
    return fail(ErrorCode::kIo, "killed");
  });
  ASSERT_FALSE(cut);
  ASSERT_EQ(kept.size(), 1U);
  EXPECT_EQ(kept[0].persons, (Lines{"per_1"})) << "an erasure finds it";
  EXPECT_EQ(mine(), 1);
  ASSERT_TRUE(keep(kept));
  EXPECT_EQ(count("feedback"), 1);
  EXPECT_EQ(count("verdict_due"), 1);
}

TEST_P(MinerBoth, ImportsAndCallsWithoutContentAreNotMined) {
  Asked import{.id = "i1", .messages = {user("hi")}, .answer = said("Hello!")};
  import.wire = "import";
  write(import);
  write({.id = "i2"});
  EXPECT_EQ(count("mining_due"), 0);
  const auto due = mine_again(*db_, default_mining_rules());
  ASSERT_TRUE(due) << due.error().message;
  EXPECT_EQ(*due, 0);
}

TEST_P(MinerBoth, NewRulesTakeThePlaceOfOldOnes) {
  const Messages asked = {user("hi")};
  write({.id = "i1", .messages = asked, .answer = said("Hello!")});
  write({.id = "i2",
         .messages = {asked[0], said("Hello!"), user("thanks")},
         .answer = said("Sure."),
         .at = 1min});
  write({.id = "i3",
         .messages = {asked[0], said("Hello!"), user("thanks"), said("Sure."), user("merci")},
         .answer = said("Oui."),
         .at = 2min});
  EXPECT_EQ(mine(), 1);
  ASSERT_TRUE(refresh(*db_, default_policy()));
  EXPECT_EQ(count("verdict"), 1);
  const auto rules = parse_mining_rules(
      "version = 2\n[[words]]\nname = \"thanks\"\nlanguage = \"fr\"\nkind = \"accepted\"\n"
      "whole = [\"merci\"]\n",
      "mine.toml");
  ASSERT_TRUE(rules) << rules.error().message;
  ASSERT_TRUE(mine_again(*db_, *rules));
  EXPECT_EQ(mine(*rules), 1);
  EXPECT_EQ(mined(), (Lines{"i2 accepted by person, weak [mined:thanks@2]: merci"}));
  ASSERT_TRUE(refresh(*db_, default_policy()));
  const auto rows = db_->query("SELECT interaction_id FROM verdict");
  ASSERT_EQ(rows->size(), 1U);
  EXPECT_EQ(rows->front().text("interaction_id"), "i2") << "nothing speaks for i1 any more";
}

TEST_P(MinerBoth, AToolsOwnEventSaysItBetter) {
  const auto file = shared_path("recordings/claude-code__tty-user-reject-with-feedback.json");
  if (!file) GTEST_SKIP();
  const auto all = recorded(*file);
  for (const auto& asked : all) write(asked);
  mine();
  // As the tool reports it, later and by another name of the call.
  store::Feedback event;
  event.id = "fb_event";
  event.idempotency_key = "toolu_stub3";
  event.source = "otlp:claude-code";
  event.handle = {"tool_call", "toolu_stub3"};
  event.kind = "rejected";
  event.at = event.received_at = kStart + 1h;
  const store::OutboxRecord record{
      .kind = store::RecordKind::kFeedback, .id = event.id, .payload = store::to_payload(event)};
  ASSERT_TRUE(keep({record}));
  const auto explained = explain(*db_, default_policy(), all[0].id);
  ASSERT_TRUE(explained) << explained.error().message;
  const std::string text = to_text(*explained);
  EXPECT_NE(text.find("reported by otlp:claude-code: the same, seen twice"), std::string::npos)
      << text;
  EXPECT_NE(text.find("+0.00 for, -2.20 against: -2.20"), std::string::npos) << text;
}

// What a person writes down who reads conversation and telemetry of a recording together.
const std::map<std::string, Lines> kSaidByBoth = {
    {"claude-code__tty-user-accept", {"#1 accepted"}},
    {"claude-code__tty-user-accept-with-comment", {"#1 accepted"}},
    {"claude-code__tty-user-reject-esc", {"#1 rejected"}},
    {"claude-code__tty-user-reject-with-feedback", {"#1 rejected"}},
    {"claude-code__tty-auto-mode", {}},
    {"claude-code__otlp-httpjson-tool-accept", {}},
    {"claude-code__otlp-httpjson-tool-deny", {"#1 rejected"}},
};

TEST_P(MinerBoth, TelemetryAndConversationSayOneThingInEitherOrder) {
  const auto tell = [this](const std::string& file, const std::string& person) {
    for (const auto& sent : test::recorded_otlp(file)) {
      const auto telemetry = wire::read_otlp(sent.signal, sent.encoding, sent.body);
      ASSERT_TRUE(telemetry) << telemetry.error().message;
      const TelemetryHeard heard = read_telemetry(*telemetry, clock_.now());
      for (const ToolFact& fact : heard.facts) {
        const auto event = to_feedback(fact, "otlp:key", person, clock_.now());
        ASSERT_TRUE(keep({{.kind = store::RecordKind::kFeedback,
                           .id = event.id,
                           .payload = store::to_payload(event)}}));
      }
    }
  };
  clock_.advance(25h);  // what was left counts as such
  for (const auto& [name, wanted] : kSaidByBoth) {
    for (const bool telemetry_first : {true, false}) {
      SCOPED_TRACE(name + (telemetry_first ? ", telemetry first" : ", conversation first"));
      const auto file = shared_path("recordings/" + name + ".json");
      if (!file) GTEST_SKIP();
      // The recordings' upstream gave its calls the same ids.
      for (const auto* table :
           {"feedback", "handle", "interaction", "mining_due", "verdict_due", "verdict"}) {
        ASSERT_TRUE(db_->execute("DELETE FROM " + std::string(table)));
      }
      if (telemetry_first) tell(*file, "per_" + name);
      for (const auto& asked : recorded(*file)) write(asked);
      mine();
      if (!telemetry_first) tell(*file, "per_" + name);
      ASSERT_TRUE(refresh(*db_, default_policy()));
      const auto rows = db_->query("SELECT interaction_id, verdict FROM verdict");
      ASSERT_TRUE(rows) << rows.error().message;
      Lines said;
      for (const store::Row row : *rows) {
        said.push_back(row.text("interaction_id").substr(name.size()) + " " + row.text("verdict"));
      }
      EXPECT_EQ(said, wanted);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Databases, MinerBoth, test::both_databases(), test::database_name);

}  // namespace
}  // namespace hone::feedback
