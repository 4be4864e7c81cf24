// What tools' telemetry says about answers: as recorded, event by event, and in the store.
#include "feedback/telemetry.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "feedback/verdicts.h"
#include "store/rows.h"
#include "support/databases.h"
#include "support/recorded_otlp.h"

namespace hone::feedback {
namespace {

using namespace std::chrono_literals;
using hone::testing::shared_path;
using ToldLines = std::vector<std::string>;

constexpr Time kTelemetryNow{std::chrono::milliseconds(1'795'400'000'000)};  // 2026-11-23

// "KIND by WHO of HANDLE[ = value][: comment] [tool]", sorted.
ToldLines fact_lines(const TelemetryHeard& heard) {
  ToldLines lines;
  for (const ToolFact& fact : heard.facts) {
    std::string line =
        fact.kind + " by " + fact.by + " of " + fact.about.kind + " " + fact.about.value;
    if (fact.value) line += " = " + json::serialize(json::value(*fact.value));
    if (fact.comment) line += ": " + *fact.comment;
    lines.push_back(line + " [" + fact.tool + "]");
  }
  std::ranges::sort(lines);
  return lines;
}

// All telemetry of a recording in one, or that of one signal.
wire::Telemetry recorded_telemetry(const std::string& file,
                                   std::optional<wire::OtlpSignal> only = {}) {
  wire::Telemetry all;
  for (const auto& sent : test::recorded_otlp(file)) {
    if (only && sent.signal != *only) continue;
    auto read = wire::read_otlp(sent.signal, sent.encoding, sent.body);
    EXPECT_TRUE(read) << sent.path << ": " << read.error().message;
    if (!read) continue;
    const std::size_t resources = all.resources.size();
    const std::size_t origins = all.origins.size();
    for (auto& resource : read->resources) all.resources.push_back(std::move(resource));
    for (auto& origin : read->origins) {
      all.origins.push_back({origin.resource + resources, origin.scope});
    }
    for (auto& event : read->events) {
      event.origin += origins;
      all.events.push_back(std::move(event));
    }
    for (auto& span : read->spans) {
      span.origin += origins;
      for (auto& event : span.events) event.origin = span.origin;
      all.spans.push_back(std::move(span));
    }
  }
  return all;
}

// --- As recorded ---------------------------------------------------------------------------------

struct RecordedFacts {
  const char* file;
  ToldLines facts;  // all that somebody who reads the recording would write down
  std::size_t repeated = 0;
};

const std::vector<RecordedFacts>& recorded_facts() {
  static const std::vector<RecordedFacts> all = {
      // Pressed 1 (Yes); its result tells the decision once more.
      {"claude-code__tty-user-accept",
       {"accepted by person of tool_call toolu_stub3 [claude-code]"},
       1},
      {"claude-code__tty-user-accept-with-comment",
       {"accepted by person of tool_call toolu_stub3 [claude-code]"},
       1},
      {"claude-code__tty-user-reject-esc",
       {"rejected by person of tool_call toolu_stub3 [claude-code]"}},
      {"claude-code__tty-user-reject-with-feedback",
       {"rejected by person of tool_call toolu_stub3 [claude-code]"}},
      // Nobody was asked.
      {"claude-code__tty-auto-mode",
       {"accepted by automatic of tool_call toolu_stub3 [claude-code]"},
       1},
      // Allowed by --allowedTools, and refused by nobody's leave: in logs and in traces.
      {"claude-code__otlp-httpjson-tool-accept",
       {"accepted by automatic of tool_call toolu_stub2 [claude-code]"},
       1},
      {"claude-code__otlp-httpjson-tool-deny",
       {"rejected by policy of tool_call toolu_stub3 [claude-code]"},
       1},
      // Greetings: no tool was called.
      {"claude-code__otlp-httpprotobuf", {}},
      {"claude-code__otlp-grpc", {}},
      {"claude-code__otlp-raw-api-bodies", {}},
      {"codex__exec-custom-provider-otlp", {}},
      {"gemini-cli__print-otlp", {}},
      {"codex__exec-tool-call-otlp-logs",
       {"accepted by automatic of tool_call call_stub1 [codex]"}},
      {"sdk__otel-logs-proto", {"rated by person of response chatcmpl-stub = 1E0 [genai]"}},
  };
  return all;
}

TEST(Telemetry, OfARecordingSaysWhatAReaderOfItWouldWriteDown) {
  for (const RecordedFacts& wanted : recorded_facts()) {
    SCOPED_TRACE(wanted.file);
    const auto file = shared_path("recordings/" + std::string(wanted.file) + ".json");
    if (!file) GTEST_SKIP();
    const wire::Telemetry telemetry = recorded_telemetry(*file);
    const TelemetryHeard heard = read_telemetry(telemetry, kTelemetryNow);
    EXPECT_EQ(fact_lines(heard), wanted.facts);
    EXPECT_EQ(heard.counts.signals, wanted.facts.size());
    EXPECT_EQ(heard.counts.repeated, wanted.repeated);
    EXPECT_EQ(heard.counts.rejected, 0U) << heard.problem;
    EXPECT_EQ(heard.counts.without_handle, 0U);
    EXPECT_EQ(heard.counts.without_value, 0U);
    EXPECT_EQ(heard.counts.wrong_clocks, 0U);
    // One of Codex's own log lines ("flushing …") is no event.
    const bool log_line = wanted.file == std::string("codex__exec-custom-provider-otlp");
    EXPECT_EQ(heard.counts.unknown, log_line ? 1U : 0U);
    for (const ToolFact& fact : heard.facts) {
      EXPECT_GT(fact.at, kTelemetryNow - 24h) << "when it was decided, not when it was read";
      EXPECT_LT(fact.at, kTelemetryNow);
    }
  }
}

TEST(Telemetry, SaysTheSameInLogsAndInTraces) {
  for (const auto* name : {"accept", "deny"}) {
    const auto file =
        shared_path("recordings/claude-code__otlp-httpjson-tool-" + std::string(name) + ".json");
    if (!file) GTEST_SKIP();
    const auto told = [&](std::optional<wire::OtlpSignal> only) {
      ToldLines keys;
      const auto heard = read_telemetry(recorded_telemetry(*file, only), kTelemetryNow);
      for (const ToolFact& fact : heard.facts) {
        keys.push_back(to_feedback(fact, "otlp:key_1", "per_1", kTelemetryNow).id);
      }
      return keys;
    };
    EXPECT_EQ(told(std::nullopt).size(), 1U);
    EXPECT_EQ(told(wire::OtlpSignal::kLogs), told(std::nullopt));
    EXPECT_EQ(told(wire::OtlpSignal::kTraces), told(std::nullopt));
  }
}

TEST(Telemetry, NotesWhereASignalComesFrom) {
  const auto file = shared_path("recordings/claude-code__tty-user-accept.json");
  if (!file) GTEST_SKIP();
  const auto heard = read_telemetry(recorded_telemetry(*file), kTelemetryNow);
  ASSERT_EQ(heard.facts.size(), 1U);
  const auto feedback = to_feedback(heard.facts[0], "otlp:key_1", "per_1", kTelemetryNow);
  EXPECT_EQ(feedback.idempotency_key, "accepted/toolu_stub3");
  EXPECT_EQ(feedback.person, "per_1");
  EXPECT_EQ(to_text(feedback.at), "2026-11-22T06:48:13.920Z");
  EXPECT_EQ(canonical(feedback.detail),
            R"({"decided":"user_temporary","event":"claude_code.tool_decision",)"
            R"("fact":"accepted/toolu_stub3","permission_mode":"default",)"
            R"("prompt":"e538a675-74b2-4525-a669-35050a862301","request":"req_stub",)"
            R"("session":"ac162363-962a-4cb4-b3e0-f81f7a348290","tool":"claude-code",)"
            R"("tool_name":"Write","version":"2.1.330"})");
}

// --- Event by event ------------------------------------------------------------------------------

wire::TelemetryEvent told_event(const std::string& name, const std::string& attributes) {
  wire::TelemetryEvent event;
  event.name = name;
  event.time_ns = 1'795'329'000'000'000'000U;
  event.attributes = parse_json_object(attributes).value();
  return event;
}

wire::Telemetry telemetry_of(std::vector<wire::TelemetryEvent> events,
                             std::vector<wire::TelemetrySpan> spans = {}) {
  wire::Telemetry telemetry;
  telemetry.resources.emplace_back();
  telemetry.origins.emplace_back();
  telemetry.events = std::move(events);
  telemetry.spans = std::move(spans);
  return telemetry;
}

ToldLines facts_in(const std::string& name, const std::string& attributes) {
  return fact_lines(read_telemetry(telemetry_of({told_event(name, attributes)}), kTelemetryNow));
}

struct EventCase {
  const char* name;
  const char* attributes;
  const char* line;  // "": says nothing
};

void expect_lines(const std::vector<EventCase>& cases) {
  for (const auto& [name, attributes, line] : cases) {
    const ToldLines wanted = *line == '\0' ? ToldLines{} : ToldLines{line};
    EXPECT_EQ(facts_in(name, attributes), wanted) << name << " " << attributes;
  }
}

TEST(Telemetry, OfClaudeCodeSaysWhoDecided) {
  constexpr auto kDecision = "claude_code.tool_decision";
  constexpr auto kAsked = "accepted by person of tool_call t [claude-code]";
  constexpr auto kAutomatic = "accepted by automatic of tool_call t [claude-code]";
  constexpr auto kPolicy = "rejected by policy of tool_call t [claude-code]";
  expect_lines({
      {kDecision, R"({"decision":"accept","source":"user_temporary","tool_use_id":"t"})", kAsked},
      {kDecision, R"({"decision":"accept","source":"user_permanent","tool_use_id":"t"})", kAsked},
      {kDecision, R"({"decision":"accept","source":"config","tool_use_id":"t"})", kAutomatic},
      {kDecision, R"({"decision":"accept","source":"hook","tool_use_id":"t"})", kAutomatic},
      {kDecision, R"({"decision":"accept","source":"of a version to come","tool_use_id":"t"})",
       kAutomatic},
      // `-p` and the Agent SDK tell an earlier answer again for each call that it covers.
      {kDecision,
       R"({"decision":"accept","source":"user_permanent","tool_use_id":"t",
           "terminal.type":"non-interactive"})",
       kAutomatic},
      {kDecision, R"({"decision":"reject","source":"user_reject","tool_use_id":"t"})",
       "rejected by person of tool_call t [claude-code]"},
      {kDecision, R"({"decision":"reject","source":"user_abort","tool_use_id":"t"})",
       "rejected by person of tool_call t [claude-code]"},
      {kDecision, R"({"decision":"reject","source":"config","tool_use_id":"t"})", kPolicy},
      {kDecision, R"({"decision":"reject","source":"hook","tool_use_id":"t"})", kPolicy},
      {"claude_code.tool_result",
       R"({"decision_type":"accept","decision_source":"user_temporary","tool_use_id":"t"})",
       kAsked},
      {"claude_code.tool_result", R"({"success":"true","tool_use_id":"t"})", ""},
      {"claude_code.user_prompt", R"({"prompt":"no, the other file"})", ""},
      {"claude_code.feedback_survey",
       R"({"event_type":"responded","response":"Bad","appearance_id":"a","session.id":"s"})",
       "comment by person of session s = 0E0: the session was rated bad [claude-code]"},
      {"claude_code.feedback_survey",
       R"({"event_type":"appeared","appearance_id":"a","session.id":"s"})", ""},
  });
}

TEST(Telemetry, OfCodexSaysWhoDecided) {
  constexpr auto kDecision = "codex.tool_decision";
  constexpr auto kPerson = "accepted by person of tool_call c [codex]";
  constexpr auto kAutomatic = "accepted by automatic of tool_call c [codex]";
  expect_lines({
      {kDecision, R"({"decision":"approved","source":"User","call_id":"c"})", kPerson},
      {kDecision, R"({"decision":"approved","source":"Config","call_id":"c"})", kAutomatic},
      {kDecision, R"({"decision":"approved","source":"AutomatedReviewer","call_id":"c"})",
       kAutomatic},
      // Told again of each later call that it covers.
      {kDecision, R"({"decision":"approved_for_session","source":"User","call_id":"c"})",
       kAutomatic},
      {kDecision, R"({"decision":"approved_execpolicy_amendment","source":"User","call_id":"c"})",
       kPerson},
      {kDecision, R"({"decision":"denied","source":"User","call_id":"c"})",
       "rejected by person of tool_call c [codex]"},
      {kDecision, R"({"decision":"abort","source":"User","call_id":"c"})",
       "rejected by person of tool_call c [codex]"},
      {kDecision, R"({"decision":"denied","source":"Config","call_id":"c"})",
       "rejected by policy of tool_call c [codex]"},
      {kDecision, R"({"decision":"denied","source":"AutomatedReviewer","call_id":"c"})",
       "rejected by agent of tool_call c [codex]"},
      {kDecision, R"({"decision":"timed_out","source":"User","call_id":"c"})", ""},
  });
}

TEST(Telemetry, OfGeminiAndCopilotSaysWhatBecameOfAnAnswer) {
  constexpr auto kTool = "gemini_cli.tool_call";
  constexpr auto kHunk = "copilot_chat.edit.hunk.action";
  constexpr auto kFile = "copilot_chat.edit.feedback";
  constexpr auto kStill = "copilot_chat.edit.survival";
  constexpr auto kVote = "copilot_chat.user.feedback";
  expect_lines({
      {kTool, R"({"decision":"accept","prompt_id":"p"})",
       "accepted by person of prompt p [gemini-cli]"},
      {kTool, R"({"decision":"auto_accept","prompt_id":"p"})",
       "accepted by automatic of prompt p [gemini-cli]"},
      {kTool, R"({"decision":"accept","prompt_id":"p","interactive":false})",
       "accepted by automatic of prompt p [gemini-cli]"},
      {kTool, R"({"decision":"reject","prompt_id":"p","call_id":"c"})",
       "rejected by person of tool_call c [gemini-cli]"},
      {kTool, R"({"decision":"modify","prompt_id":"p"})",
       "edited by person of prompt p [gemini-cli]"},
      {kTool, R"({"success":true,"prompt_id":"p"})", ""},
      {kHunk, R"({"outcome":"accepted","request_id":"r"})",
       "accepted by person of  r [copilot-chat]"},
      {kHunk, R"({"outcome":"rejected","request_id":"r"})",
       "rejected by person of  r [copilot-chat]"},
      {kFile, R"({"outcome":"accepted","request_id":"r"})",
       "accepted by unknown of  r [copilot-chat]"},
      {kFile, R"({"outcome":"saved","request_id":"r"})", ""},
      {kStill,
       R"({"survival_rate_four_gram":0.75,"survival_rate_no_revert":1,"time_delay_ms":300000,
           "did_branch_change":false,"request_id":"r"})",
       "persisted by automatic of  r = 7.5E-1 [copilot-chat]"},
      {kStill,
       R"({"survival_rate_four_gram":1,"time_delay_ms":5000,"did_branch_change":false,
           "request_id":"r"})",
       ""},
      {kStill,
       R"({"survival_rate_four_gram":0,"time_delay_ms":300000,"did_branch_change":true,
           "request_id":"r"})",
       ""},
      {kVote, R"({"rating":"positive","request_id":"r"})",
       "rated by person of  r = 1E0 [copilot-chat]"},
      {kVote, R"({"rating":"negative","request_id":"r"})",
       "rated by person of  r = 0E0 [copilot-chat]"},
  });
}

TEST(Telemetry, OfEvaluationsIsARatingByWhoeverJudged) {
  constexpr auto kNow = "gen_ai.evaluation.result";
  expect_lines({
      {kNow,
       R"({"gen_ai.evaluation.name":"user_feedback","gen_ai.evaluation.score.value":0,
           "gen_ai.evaluation.explanation":"too long","gen_ai.response.id":"r"})",
       "rated by person of response r = 0E0: too long [genai]"},
      {kNow,
       R"({"gen_ai.evaluation.name":"Relevance","gen_ai.evaluation.score.label":"pass",
           "gen_ai.response.id":"r"})",
       "rated by unknown of response r = 1E0 [genai]"},
      // Before 1.37 the name was the event's.
      {"gen_ai.evaluation.thumbs", R"({"gen_ai.evaluation.score":1,"gen_ai.response.id":"r"})",
       "rated by person of response r = 1E0 [genai]"},
      {kNow,
       R"({"gen_ai.evaluation.name":"Toxicity","gen_ai.evaluation.score.value":1,
           "gen_ai.response.id":"r"})",
       ""},
      {kNow,
       R"({"gen_ai.evaluation.name":"stars","gen_ai.evaluation.score.value":4,
           "gen_ai.response.id":"r"})",
       ""},
      {kNow,
       R"({"gen_ai.evaluation.name":"user_feedback","gen_ai.evaluation.score.value":1,
           "hone.interaction.id":"int_1","gen_ai.response.id":"r"})",
       "rated by person of id int_1 = 1E0 [genai]"},
  });
  // In the body, as conventions before 1.37 have it; and on a span, whose answer it is about.
  auto event = told_event("", R"({"event.name":"gen_ai.evaluation.user_feedback"})");
  event.body = parse_json(R"({"gen_ai.evaluation.score":1,"gen_ai.response.id":"b"})").value();
  wire::TelemetrySpan span;
  span.attributes = {{"gen_ai.response.id", "on the span"}};
  span.events.push_back(told_event(kNow, R"({"gen_ai.evaluation.name":"human",
      "gen_ai.evaluation.score.value":"0.5"})"));
  EXPECT_EQ(fact_lines(read_telemetry(telemetry_of({event}, {span}), kTelemetryNow)),
            (ToldLines{"rated by person of response b = 1E0 [genai]",
                       "rated by person of response on the span = 5E-1 [genai]"}));
}

TEST(Telemetry, TakesNoLongTextOfASpanForEachOfItsEvents) {
  wire::TelemetrySpan span;
  span.attributes = {{"gen_ai.response.id", "r"},
                     {"gen_ai.evaluation.explanation", std::string(100'000, 'x')}};
  for (int i = 0; i < 100; ++i) {
    span.events.push_back(told_event("gen_ai.evaluation.human" + std::to_string(i),
                                     R"({"gen_ai.evaluation.score":1})"));
  }
  const auto heard = read_telemetry(telemetry_of({}, {span}), kTelemetryNow);
  ASSERT_EQ(heard.facts.size(), 100U);
  for (const ToolFact& fact : heard.facts) {
    EXPECT_EQ(fact.about.value, "r");
    EXPECT_FALSE(fact.comment) << fact.comment->size();
  }
}

TEST(Telemetry, OfOpenInferenceIsARatingByItsAnnotator) {
  wire::TelemetrySpan span;
  span.name = "ChatCompletion";
  span.attributes = parse_json_object(R"({"openinference.span.kind":"LLM",
    "output.value":"{\"id\":\"chatcmpl-7\",\"choices\":[]}","output.mime_type":"application/json",
    "annotations.0.annotation.name":"quality","annotations.0.annotation.score":0.5,
    "annotations.0.annotation.annotator_kind":"HUMAN",
    "annotations.0.annotation.explanation":"so so",
    "annotations.1.annotation.name":"judge","annotations.1.annotation.label":"incorrect",
    "annotations.1.annotation.annotator_kind":"LLM",
    "annotations.2.annotation.name":"format","annotations.2.annotation.score":1,
    "annotations.2.annotation.annotator_kind":"CODE",
    "annotations.4.annotation.name":"beyond a gap","annotations.4.annotation.score":1})")
                        .value();
  EXPECT_EQ(fact_lines(read_telemetry(telemetry_of({}, {span}), kTelemetryNow)),
            (ToldLines{"rated by agent of response chatcmpl-7 = 0E0 [openinference]",
                       "rated by automatic of response chatcmpl-7 = 1E0 [openinference]",
                       "rated by person of response chatcmpl-7 = 5E-1: so so [openinference]"}));
}

TEST(Telemetry, CountsWhatItDoesNotTakeAndKeepsTheRest) {
  const auto heard = read_telemetry(
      telemetry_of({
          told_event("claude_code.tool_decision", R"({"decision":"maybe","tool_use_id":"t"})"),
          told_event("codex.tool_decision", R"({"decision":"approved","source":"User"})"),
          told_event("gen_ai.evaluation.result",
                     R"({"gen_ai.evaluation.score.value":7,"gen_ai.response.id":"r"})"),
          told_event("claude_code.of_a_version_to_come", R"({"decision":"accept"})"),
          told_event("", R"({})"),
          told_event("claude_code.api_request", R"({})"),
          told_event("copilot_chat.inline.done", R"({"accepted":true})"),
          told_event("copilot_chat.user.feedback", R"({"rating":7,"request_id":"r"})"),
          told_event("codex.tool_decision",
                     R"({"decision":"denied","source":"User","call_id":"c"})"),
          told_event("codex.tool_decision",
                     R"({"decision":"denied","source":"User","call_id":"c"})"),
          told_event("codex.tool_decision", R"({"decision":"denied","source":"User","call_id":")" +
                                                std::string(513, 'x') + R"("})"),
      }),
      kTelemetryNow);
  EXPECT_EQ(fact_lines(heard), (ToldLines{"rejected by person of tool_call c [codex]"}));
  EXPECT_EQ(heard.counts.signals, 1U);
  EXPECT_EQ(heard.counts.repeated, 1U);
  EXPECT_EQ(heard.counts.nothing, 1U);
  EXPECT_EQ(heard.counts.unknown, 2U);
  EXPECT_EQ(heard.counts.without_handle, 2U);
  EXPECT_EQ(heard.counts.without_value, 1U);
  EXPECT_EQ(heard.counts.rejected, 3U);
  EXPECT_EQ(heard.problem,
            "log record 1 (claude_code.tool_decision): 'decision' must be one of accept, reject, "
            "not 'maybe'");
}

TEST(Telemetry, DoesNotBelieveAClockThatCannotBeRight) {
  const auto at = [](std::uint64_t time_ns, std::uint64_t observed_ns, const char* text) {
    auto event =
        told_event("codex.tool_decision", R"({"decision":"denied","source":"User","call_id":"c"})");
    event.time_ns = time_ns;
    event.observed_ns = observed_ns;
    if (*text != '\0') event.attributes["event.timestamp"] = text;
    const auto heard = read_telemetry(telemetry_of({event}), kTelemetryNow);
    EXPECT_EQ(heard.facts.size(), 1U);
    return to_text(heard.facts.at(0).at) + (heard.counts.wrong_clocks > 0 ? ", wrong" : "");
  };
  const std::string now = to_text(kTelemetryNow);
  EXPECT_EQ(at(1'795'329'000'000'000'000U, 7, ""), "2026-11-22T06:30:00.000Z");
  EXPECT_EQ(at(0, 1'795'329'000'001'000'000U, ""), "2026-11-22T06:30:00.001Z") << "Codex";
  EXPECT_EQ(at(0, 0, "2026-11-22T06:30:00.002Z"), "2026-11-22T06:30:00.002Z");
  EXPECT_EQ(at(0, 0, "soon"), now);
  EXPECT_EQ(at(1'000'000'000, 0, ""), now + ", wrong");
  EXPECT_EQ(at(1'800'000'000'000'000'000U, 0, ""), now + ", wrong");
  EXPECT_EQ(at(~std::uint64_t{0}, 0, ""), now + ", wrong");
}

// --- In the store --------------------------------------------------------------------------------

class TelemetryBoth : public test::OnBothDatabases {
 protected:
  void SetUp() override {
    OnBothDatabases::SetUp();
    if (!IsSkipped()) db_ = open();
  }
  void write_call(const std::string& call) {
    store::Interaction interaction;
    interaction.id = "int_1";
    interaction.person = "per_1";
    interaction.content = "policy";
    interaction.handles = {{"tool_call", call}};
    write({.kind = store::RecordKind::kInteraction,
           .id = interaction.id,
           .payload = store::to_payload(interaction)});
  }
  void post(const wire::Telemetry& telemetry, const std::string& key) {
    const auto heard = read_telemetry(telemetry, kTelemetryNow);
    for (const ToolFact& fact : heard.facts) {
      write_feedback(to_feedback(fact, "otlp:" + key, "per_1", kTelemetryNow));
    }
  }
  void write_feedback(const store::Feedback& feedback) {
    write({.kind = store::RecordKind::kFeedback,
           .id = feedback.id,
           .payload = store::to_payload(feedback)});
  }
  void write(const store::OutboxRecord& record) {
    const auto done = store::write_record(*db_, record);
    ASSERT_TRUE(done) << done.error().message;
  }
  std::int64_t linked() {
    const auto rows =
        db_->query("SELECT COUNT(*) AS n FROM feedback WHERE interaction_id = 'int_1'");
    return rows ? rows->front().integer("n") : -1;
  }
  // What it amounts to, without its reasons.
  static std::string sum_of(const std::string& text) {
    return text.substr(std::min(text.find(" for, "), text.size()));
  }
  std::string explained() {
    const auto text = explain(*db_, default_policy(), "int_1");
    return text ? to_text(*text) : text.error().message;
  }

  std::unique_ptr<store::Database> db_;
};

TEST_P(TelemetryBoth, ADecisionIsOneFactHoweverOftenAndByWhomeverItIsTold) {
  const auto file = shared_path("recordings/claude-code__tty-user-reject-esc.json");
  if (!file) GTEST_SKIP();
  const auto telemetry = recorded_telemetry(*file);
  post(telemetry, "key_1");  // before its interaction is there
  write_call("toolu_stub3");
  EXPECT_EQ(linked(), 1);
  const std::string alone = sum_of(explained());
  EXPECT_NE(alone.find("rejected, strength"), std::string::npos) << alone;
  post(telemetry, "key_1");
  EXPECT_EQ(linked(), 1) << "delivered again";
  post(telemetry, "key_2");
  EXPECT_EQ(linked(), 2) << "another witness";
  ToolFact fact{.tool = "claude-code", .about = {"tool_call", "toolu_stub3"}, .kind = "rejected"};
  fact.by = "person";
  fact.at = kTelemetryNow;
  write_feedback(to_feedback(fact, "hook:claude-code/key_1", "per_1", kTelemetryNow));
  EXPECT_EQ(linked(), 3);
  EXPECT_EQ(sum_of(explained()), alone) << explained();
}

TEST_P(TelemetryBoth, AnAutomaticApprovalIsNoAcceptance) {
  const auto file = shared_path("recordings/claude-code__tty-auto-mode.json");
  if (!file) GTEST_SKIP();
  write_call("toolu_stub3");
  post(recorded_telemetry(*file), "key_1");
  EXPECT_EQ(linked(), 1);
  const std::string text = explained();
  EXPECT_NE(text.find("no verdict"), std::string::npos) << text;
}

INSTANTIATE_TEST_SUITE_P(Databases, TelemetryBoth, test::both_databases(), test::database_name);

}  // namespace
}  // namespace hone::feedback
