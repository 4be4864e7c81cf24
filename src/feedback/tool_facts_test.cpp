// What tools tell by themselves: Claude Code's hooks and transcripts, Codex's rollouts, Continue
// and Tabby, as recorded and as their sources have them; and one fact with several witnesses.
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "base/test_support.h"
#include "feedback/claude_hooks.h"
#include "feedback/editor_events.h"
#include "feedback/transcript_facts.h"
#include "feedback/verdict.h"
#include "feedback/witnesses.h"

namespace hone::feedback {
namespace {

using namespace std::chrono_literals;
using FactLines = std::vector<std::string>;

constexpr Time kNoon{std::chrono::milliseconds(1'800'000'000'000)};

// "HANDLE KIND by WHO[, inferred][, weak][: comment]".
std::string line_of(const ToolFact& fact) {
  return fact.about.value + " " + fact.kind + " by " + fact.by +
         (fact.inferred ? ", inferred" : "") + (fact.weak ? ", weak" : "") +
         (fact.comment ? ": " + *fact.comment : "");
}

FactLines lines_of(const std::vector<ToolFact>& facts) {
  FactLines lines;
  for (const ToolFact& fact : facts) lines.push_back(line_of(fact));
  return lines;
}

// The events of hooks, so long after each other.
FactLines hooked(ClaudeHooks& hooks, const json::array& events,
                 std::chrono::milliseconds apart = 1s) {
  FactLines lines;
  Time now = kNoon;
  for (const json::value& event : events) {
    const auto facts = hooks.read(event.as_object(), "key_1", now += apart);
    EXPECT_TRUE(facts) << (facts ? "" : facts.error().message);
    if (!facts) continue;
    for (const auto& line : lines_of(*facts)) lines.push_back(line);
  }
  return lines;
}

json::array recorded_hooks(const std::string& file) {
  const auto path = hone::testing::shared_path("recordings/" + file);
  if (!path) return {};
  const auto document = parse_json(hone::testing::read_all(*path)).value();
  if (document.is_array()) return document.as_array();
  json::array events;  // as they came over HTTP, among requests to the model
  for (const json::value& request : document.at("requests").as_array()) {
    if (request.at("path") == "/hook") events.push_back(request.at("body"));
  }
  return events;
}

// What a person writes down who reads the hooks alone.
TEST(ClaudeHooks, EachRecordingSaysWhatAPersonReadsThere) {
  const std::vector<std::pair<std::string, FactLines>> cases = {
      // The tool ran and nobody had been asked: a flag allowed it.
      {"hooks__accept.json", {"toolu_stub2 accepted by automatic, inferred"}},
      {"claude-code__thinking-signature-and-http-hooks.json",
       {"toolu_01ThinkStub accepted by automatic, inferred"}},
      // "… requested permissions …, but you haven't granted it yet": nobody was there to be asked.
      {"hooks__deny.json", {"toolu_stub3 rejected by policy"}},
      // Asked; the file was written.
      {"hooks__pty-yes.json", {"toolu_stub3 accepted by person, inferred"}},
      // The same: what was typed with it is in no hook.
      {"hooks__pty-yesamend.json", {"toolu_stub3 accepted by person, inferred"}},
      {"hooks__pty-noamend.json", {"toolu_stub3 rejected by person: use tabs instead"}},
      // Asked; nothing more until the session ended.
      {"hooks__pty-esc.json", {"toolu_stub3 rejected by unknown, inferred, weak"}},
  };
  for (const auto& [file, seen] : cases) {
    const auto events = recorded_hooks(file);
    if (events.empty()) GTEST_SKIP();
    ClaudeHooks hooks;
    EXPECT_EQ(hooked(hooks, events), seen) << file;
    EXPECT_EQ(hooks.sessions(), 0U) << file << ": SessionEnd forgets the session";
  }
}

TEST(ClaudeHooks, AQuestionThatNobodyHadTimeToReadWasAnsweredByAMachine) {
  const auto events = recorded_hooks("hooks__pty-yes.json");
  if (events.empty()) GTEST_SKIP();
  ClaudeHooks hooks;
  EXPECT_EQ(hooked(hooks, events, 100ms),
            (FactLines{"toolu_stub3 accepted by automatic, inferred"}));
}

TEST(ClaudeHooks, WithoutPreToolUseAQuestionFindsItsCallByTheInput) {
  auto events = recorded_hooks("hooks__pty-yes.json");
  if (events.empty()) GTEST_SKIP();
  const auto before = std::ranges::find_if(
      events, [](auto& event) { return event.at("hook_event_name") == "PreToolUse"; });
  ASSERT_NE(before, events.end());
  events.erase(before);
  ClaudeHooks hooks;
  EXPECT_EQ(hooked(hooks, events), (FactLines{"toolu_stub3 accepted by person, inferred"}));
}

json::object hook_event(std::string_view name, std::string_view call = "",
                        std::string_view more = "{}") {
  json::object event{{"session_id", "s"},
                     {"prompt_id", "p1"},
                     {"hook_event_name", name},
                     {"permission_mode", "default"}};
  if (!call.empty()) {
    event["tool_use_id"] = call;
    event["tool_name"] = "Bash";
    event["tool_input"] = json::object{{"command", "make"}};
  }
  const json::object added = parse_json_object(more).value();
  for (const auto& member : added) {
    event[member.key()] = member.value();
  }
  return event;
}

json::object question() {
  json::object event = hook_event("PermissionRequest", "none");
  event.erase("tool_use_id");  // which it does not have
  return event;
}

TEST(ClaudeHooks, OneAnswerIsNotTakenForTheNextCall) {
  ClaudeHooks hooks;
  // "Yes, and don't ask again": the second is the same command, and nobody was asked.
  EXPECT_EQ(
      hooked(hooks, {hook_event("PreToolUse", "t1"), question(), hook_event("PostToolUse", "t1"),
                     hook_event("PreToolUse", "t2"), hook_event("PostToolUse", "t2")}),
      (FactLines{"t1 accepted by person, inferred", "t2 accepted by automatic, inferred"}));
}

TEST(ClaudeHooks, DeliveredTwiceSayTheSame) {
  ClaudeHooks hooks;
  const auto seen =
      hooked(hooks, {hook_event("PreToolUse", "t1"), hook_event("PreToolUse", "t1"), question(),
                     question(), hook_event("PostToolUse", "t1"), hook_event("PostToolUse", "t1")});
  EXPECT_EQ(seen,
            (FactLines{"t1 accepted by person, inferred", "t1 accepted by person, inferred"}));
  EXPECT_EQ(fact_key("accepted", "t1"), "accepted/t1") << "and so they are one row";
}

TEST(ClaudeHooks, NoModeThatDecidesItselfIsAPerson) {
  for (const auto* mode : {"auto", "bypassPermissions", "dontAsk"}) {
    ClaudeHooks hooks;
    const std::string more = std::string(R"({"permission_mode":")") + mode + "\"}";
    json::object asked = question();
    asked["permission_mode"] = mode;
    EXPECT_EQ(hooked(hooks, {hook_event("PreToolUse", "t1", more), asked,
                             hook_event("PostToolUse", "t1", more)}),
              (FactLines{"t1 accepted by automatic, inferred"}))
        << mode;
  }
}

TEST(ClaudeHooks, AProposalThatThePersonChangedIsAnEdit) {
  ClaudeHooks hooks;
  const auto facts =
      hooks
          .read(hook_event("PostToolUse", "t1",
                           R"({"tool_response":{"userModified":true,"content":"y = 2\n"}})"),
                "key_1", kNoon)
          .value();
  ASSERT_EQ(lines_of(facts), (FactLines{"t1 edited by person"}));
  EXPECT_EQ(facts[0].texts.at("written"), "y = 2\n");
}

TEST(ClaudeHooks, FailuresInterruptionsAndDenialsAreToldApart) {
  ClaudeHooks hooks;
  EXPECT_EQ(
      hooked(hooks, {hook_event("PostToolUseFailure", "t1", R"({"error":"exit 1"})"),
                     hook_event("PostToolUseFailure", "t2", R"({"error":"","is_interrupt":true})"),
                     hook_event("PostToolUseFailure", "t3",
                                R"({"error":"Permission to use Bash has been denied."})"),
                     hook_event("PermissionDenied", "t4", R"({"reason":"classifier"})")}),
      (FactLines{"t1 accepted by automatic, inferred", "t2 rejected by person, inferred, weak",
                 "t3 rejected by policy", "t4 rejected by policy"}));
}

TEST(ClaudeHooks, EscShowsWhenALaterPromptHasEnded) {
  ClaudeHooks hooks;
  const std::string later = R"({"prompt_id":"p2"})";
  EXPECT_EQ(hooked(hooks, {hook_event("PreToolUse", "t1"), question(), hook_event("Stop"),
                           hook_event("UserPromptSubmit", "", later)}),
            FactLines{})
      << "it may still be answered";
  EXPECT_EQ(hooked(hooks, {hook_event("Stop", "", later), hook_event("SessionEnd")}),
            (FactLines{"t1 rejected by unknown, inferred, weak"}));
}

TEST(ClaudeHooks, RefuseWhatIsNoHookAndRememberWithinBounds) {
  const auto error_of = [](const json::object& event) {
    ClaudeHooks hooks;
    const auto facts = hooks.read(event, "", kNoon);
    return facts ? std::string() : facts.error().message;
  };
  EXPECT_NE(error_of({}).find("'hook_event_name' is missing"), std::string::npos);
  EXPECT_NE(error_of({{"hook_event_name", "Stop"}}).find("'session_id'"), std::string::npos);
  EXPECT_NE(error_of(hook_event("PostToolUse")).find("'tool_use_id'"), std::string::npos);
  EXPECT_NE(error_of(hook_event("PostToolBatch")).find("'tool_calls'"), std::string::npos);
  EXPECT_NE(error_of(hook_event("Vision")).find("event 'Vision' is not known"), std::string::npos);
  EXPECT_EQ(error_of(hook_event("SessionStart")), "");

  ClaudeHooks few(default_mining_rules(), 8);
  for (int i = 0; i < 100; ++i) {
    auto event = hook_event("PreToolUse", "t" + std::to_string(i));
    event["session_id"] = "s" + std::to_string(i % 20);
    ASSERT_TRUE(few.read(event, "key_1", kNoon + std::chrono::seconds(i)));
  }
  EXPECT_EQ(few.sessions(), 8U);
}

// --- Transcripts ---------------------------------------------------------------------------------

FactLines transcribed(const std::string& text) {
  TranscriptFacts reader;
  FactLines lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) {
    const auto record = parse_json_object(line);
    if (!record) continue;
    for (const auto& found : lines_of(reader.read(*record))) lines.push_back(found);
  }
  return lines;
}

// What a person writes down who reads the transcripts alone.
TEST(TranscriptFacts, EachRecordingSaysWhatAPersonReadsThere) {
  const std::vector<std::pair<std::string, FactLines>> cases = {
      {"claude-code__accept", {"toolu_stub2 accepted by automatic"}},
      // Its toolDenialKind says "user-rejected", and yet nobody was there: the source is "config".
      {"claude-code__deny", {"toolu_stub3 rejected by policy"}},
      {"claude-code__tty-accept-comment", {"toolu_stub3 accepted by person: also add tests"}},
      // Refused and interrupted, by one key.
      {"claude-code__tty-reject-esc", {"toolu_stub3 rejected by person"}},
      {"claude-code__tty-reject-feedback", {"toolu_stub3 rejected by person: use tabs instead"}},
      // approval_policy "never".
      {"codex__tool", {"call_stub1 accepted by automatic"}},
  };
  for (const auto& [name, seen] : cases) {
    const auto path = hone::testing::shared_path("recordings/transcript__" + name + ".jsonl");
    if (!path) GTEST_SKIP();
    EXPECT_EQ(transcribed(hone::testing::read_all(*path)), seen) << name;
  }
}

TEST(TranscriptFacts, AnAnswerThatWasInterruptedIsARejection) {
  const std::string answer =
      R"({"type":"assistant","message":{"id":"msg_1","role":"assistant","content":[]}})"
      "\n";
  const std::string mark =
      R"({"type":"user","message":{"role":"user","content":[{"type":"text","text":)"
      R"("[Request interrupted by user]"}]}})"
      "\n";
  EXPECT_EQ(transcribed(answer + mark + mark), (FactLines{"msg_1 rejected by person, weak"}));
  EXPECT_EQ(transcribed(mark), FactLines{}) << "of nothing";
}

TEST(TranscriptFacts, CodexSaysWhoRefusedAndNotWhoAgreed) {
  const std::string asked = R"({"type":"turn_context","payload":{"approval_policy":"on-request"}})"
                            "\n";
  const auto item = [](const std::string& payload) {
    return R"({"type":"response_item","payload":)" + payload + "}\n";
  };
  const std::string call = item(R"({"type":"function_call","call_id":"c1","name":"shell"})");
  EXPECT_EQ(transcribed(asked + call +
                        item(R"({"type":"function_call_output","call_id":"c1","output":"ok"})")),
            FactLines{})
      << "the sandbox, a rule or a person";
  EXPECT_EQ(transcribed(asked + call +
                        item(R"({"type":"function_call_output","call_id":"c1","output":)"
                             R"({"content":"exec command rejected by user","success":false}})")),
            (FactLines{"c1 rejected by person"}));
  const std::string aborted =
      R"({"type":"event_msg","payload":{"type":"turn_aborted","reason":"interrupted"}})"
      "\n";
  EXPECT_EQ(transcribed(asked + call + aborted), (FactLines{"c1 rejected by person, weak"}));
}

TEST(TranscriptFacts, KnowWhoDecidedByTheToolsWord) {
  EXPECT_EQ(decider_of("user_temporary", true), "person");
  EXPECT_EQ(decider_of("user_permanent", true), "person");
  EXPECT_EQ(decider_of("user_reject", false), "person");
  EXPECT_EQ(decider_of("User", true), "person");
  EXPECT_EQ(decider_of("config", true), "automatic");
  EXPECT_EQ(decider_of("Config", false), "policy");
  EXPECT_EQ(decider_of("hook", true), "automatic") << "a program agreed";
  EXPECT_EQ(decider_of("AutomatedReviewer", true), "agent");
  EXPECT_EQ(decider_of("something_new", true), "automatic");
  EXPECT_EQ(decider_of("something_new", false), "unknown");
}

// --- Editors -------------------------------------------------------------------------------------

Result<EditorEvent> continued(const std::string& name, const std::string& data) {
  return read_continue_event(
      parse_json_object(R"({"name":")" + name + R"(","schema":"0.2.0","data":)" + data + "}")
          .value(),
      kNoon);
}

TEST(EditorEvents, ContinuesCompletionsAreCallsOfTheirOwn) {
  const auto taken =
      continued(
          "autocomplete",
          R"({"accepted":true,"prefix":"def f(","suffix":"\n","prompt":"<PRE>def f(<SUF>\n",)"
          R"("completion":"x):","modelName":"qwen2.5-coder","completionId":"c-1","time":120.5,)"
          R"("timestamp":"2027-01-15T07:59:00.000Z"})")
          .value();
  ASSERT_TRUE(taken.suggestion);
  EXPECT_EQ(taken.suggestion->key, "autocomplete/c-1");
  EXPECT_EQ(taken.suggestion->prompt, "<PRE>def f(<SUF>\n");
  EXPECT_EQ(taken.suggestion->text, "x):");
  EXPECT_EQ(taken.suggestion->duration_ms, 121);
  EXPECT_EQ(to_text(taken.suggestion->at), "2027-01-15T07:59:00.000Z");
  EXPECT_EQ(line_of(taken.suggestion->fact), " accepted by person");
  const auto left =
      continued("autocomplete", R"({"accepted":false,"prefix":"a","suffix":"b","completion":"c"})")
          .value();
  EXPECT_EQ(line_of(left.suggestion->fact), " rejected by unknown, weak") << "or not seen at all";
  EXPECT_EQ(left.suggestion->prompt, "a\n<|hole|>\nb");
  EXPECT_EQ(left.suggestion->at, kNoon);
  EXPECT_EQ(continued("autocomplete", R"({"accepted":true,"completionId":"c"})")->left_out,
            "no_code");
}

TEST(EditorEvents, ContinuesEditsRatingsAndToolsSayWhoDecided) {
  const auto edit =
      continued(
          "editOutcome",
          R"({"accepted":false,"prompt":"rename x","completion":"y = 1","previousCode":"x = 1",)"
          R"("newCode":"y = 1","modelTitle":"Llama"})")
          .value();
  EXPECT_EQ(line_of(edit.suggestion->fact), " rejected by person");
  const auto rating =
      continued("chatFeedback", R"({"feedback":false,"prompt":"p","completion":"c"})").value();
  EXPECT_EQ(line_of(rating.suggestion->fact), " rated by person");
  EXPECT_EQ(rating.suggestion->fact.value, 0.0);
  EXPECT_EQ(lines_of(continued("toolUsage",
                               R"({"toolCallId":"call_1","functionName":"edit","accepted":true,)"
                               R"("succeeded":true})")
                         ->facts),
            (FactLines{"call_1 accepted by automatic, inferred"}))
      << "a tool may be allowed once and for all";
  EXPECT_EQ(lines_of(continued("toolUsage",
                               R"({"toolCallId":"call_1","accepted":false,"succeeded":false})")
                         ->facts),
            (FactLines{"call_1 rejected by person"}));
  EXPECT_EQ(continued("tokensGenerated", "{}").error().code, ErrorCode::kNotFound);
  EXPECT_NE(continued("editOutcome", R"({"accepted":"yes"})").error().message.find("'accepted'"),
            std::string::npos);
  EXPECT_NE(continued("autocomplete", "3").error().message.find("'data' must be an object"),
            std::string::npos);
}

TEST(EditorEvents, TabbysNameTheResponse) {
  const auto event = [](const std::string& text) {
    return read_tabby_event(parse_json_object(text).value(), kNoon);
  };
  const auto shown = event(R"({"type":"view","completion_id":"cmpl-1","choice_index":0})").value();
  EXPECT_EQ(lines_of(shown.facts), (FactLines{"cmpl-1 shown by automatic"}));
  EXPECT_EQ(shown.facts[0].about.kind, "response");
  const auto taken = event(R"({"type":"select","completion_id":"cmpl-1","choice_index":1,)"
                           R"("select_kind":"line","elapsed":812})")
                         .value();
  EXPECT_EQ(lines_of(taken.facts), (FactLines{"cmpl-1 accepted by person"}));
  EXPECT_EQ(to_feedback(taken.facts[0], "event:tabby/k", "per_1", kNoon).idempotency_key,
            "accepted/cmpl-1/1");
  EXPECT_EQ(lines_of(event(R"({"type":"dismiss","completion_id":"cmpl-1"})")->facts),
            (FactLines{"cmpl-1 rejected by person"}));
  EXPECT_EQ(event(R"({"type":"chat","completion_id":"x"})").error().code, ErrorCode::kNotFound);
  EXPECT_NE(event(R"({"type":"view"})").error().message.find("'completion_id'"), std::string::npos);
  EXPECT_NE(event(R"({"type":"view","completion_id":"x","choice_index":1e9})")
                .error()
                .message.find("'choice_index'"),
            std::string::npos);
}

TEST(EditorEvents, ClocksThatCannotBeTrueAreOurs) {
  EXPECT_EQ(plausible_time("1999-01-01T00:00:00Z", kNoon), kNoon);
  EXPECT_EQ(plausible_time("2027-01-16T08:00:00Z", kNoon), kNoon);
  EXPECT_EQ(plausible_time("soon", kNoon), kNoon);
  EXPECT_EQ(to_text(plausible_time("2027-01-14T08:00:00Z", kNoon)), "2027-01-14T08:00:00.000Z");
}

// --- One fact, several witnesses -----------------------------------------------------------------

Signal witness(const ToolFact& fact, const std::string& source,
               const std::string& person = "per_1") {
  const auto feedback = to_feedback(fact, source, person, kNoon);
  Signal signal;
  signal.id = feedback.id;
  signal.kind = feedback.kind;
  signal.by = feedback.by;
  signal.source = feedback.source;
  signal.person = feedback.person;
  signal.at = fact.at;
  read_witness(json::serialize(feedback.detail), signal);
  return signal;
}

ToolFact decision(std::string kind, std::string by, bool inferred = false) {
  ToolFact fact{.tool = "claude-code",
                .about = {"tool_call", "toolu_1"},
                .kind = std::move(kind),
                .by = std::move(by)};
  fact.inferred = inferred;
  fact.at = kNoon;
  return fact;
}

TEST(Witnesses, ToldBySeveralAFactCountsOnce) {
  const auto alone = decide({witness(decision("accepted", "person"), "transcript:claude-code/p")},
                            default_policy(), "answer");
  const auto all = decide({witness(decision("accepted", "person"), "transcript:claude-code/p"),
                           witness(decision("accepted", "person"), "otlp:key_1"),
                           witness(decision("accepted", "person", true), "hook:claude-code/key_1")},
                          default_policy(), "answer");
  ASSERT_TRUE(alone && all);
  EXPECT_EQ(alone->log_odds, all->log_odds);
  ASSERT_EQ(all->reasons.size(), 3U) << "all witnesses are kept";
  EXPECT_EQ(std::ranges::count_if(all->reasons, [](auto& one) { return one.log_odds != 0; }), 1);
}

TEST(Witnesses, WhoWasToldKnowsBetterThanWhoInferred) {
  // Another hook answered, slowly: it looked like a person.
  EXPECT_FALSE(decide({witness(decision("accepted", "person", true), "hook:claude-code/key_1"),
                       witness(decision("accepted", "automatic"), "otlp:key_1")},
                      default_policy(), "answer"))
      << "an automatic approval is not an acceptance";
  ToolFact silence = decision("rejected", "unknown", true);
  silence.weak = true;
  const auto refused = decide({witness(silence, "hook:claude-code/key_1"),
                               witness(decision("rejected", "person"), "otlp:key_1")},
                              default_policy(), "answer");
  const auto told =
      decide({witness(decision("rejected", "person"), "otlp:key_1")}, default_policy(), "answer");
  ASSERT_TRUE(refused && told);
  EXPECT_EQ(refused->log_odds, told->log_odds);
}

TEST(Witnesses, WordsTypedWhileAnAutomaticModeWorkedAreNoAcceptance) {
  Signal mined;
  mined.id = "fb_mined";
  mined.kind = "accepted";
  mined.by = "person";
  mined.source = "mined:commented@1";
  mined.person = "per_1";
  mined.at = kNoon;
  read_witness(R"({"rule":"commented","weak":true})", mined);
  EXPECT_TRUE(mined.weak);
  EXPECT_TRUE(decide({mined}, default_policy(), "answer"));
  EXPECT_FALSE(decide({mined, witness(decision("accepted", "automatic"), "otlp:key_1")},
                      default_policy(), "answer"));
}

TEST(Witnesses, NobodyTakesAnothersWordFromHim) {
  const Signal owners = witness(decision("accepted", "person"), "otlp:key_1");
  const auto alone = decide({owners}, default_policy(), "answer");
  // A stranger who knows the call's id says that nobody was asked; and more, to be the best first.
  const Signal automatic = witness(decision("accepted", "automatic"), "api:key_2", "per_2");
  ToolFact earlier = decision("accepted", "person");
  earlier.at = kNoon - 1h;
  const auto attacked =
      decide({owners, automatic, witness(earlier, "hook:claude-code/key_2", "per_2")},
             default_policy(), "answer");
  ASSERT_TRUE(alone && attacked);
  EXPECT_EQ(attacked->kind, VerdictKind::kAccepted);
  EXPECT_EQ(attacked->log_odds, alone->log_odds);
  // Of the same person, or of nobody known, it is what the tool knows better.
  for (const auto* person : {"per_1", ""}) {
    EXPECT_FALSE(decide(
        {owners, witness(decision("accepted", "automatic"), "hook:claude-code/key_1", person)},
        default_policy(), "answer"))
        << person;
  }
  Signal mined = owners;
  mined.id = "fb_mined";
  mined.source = "mined:commented@1";
  mined.fact.clear();
  mined.weak = true;
  EXPECT_TRUE(decide({mined, automatic}, default_policy(), "answer"));
}

TEST(Witnesses, OtherFactsOfTheSameCallCountBeside) {
  ToolFact other = decision("accepted", "person");
  other.about.value = "toolu_2";
  const auto one =
      decide({witness(decision("accepted", "person"), "otlp:a")}, default_policy(), "answer");
  const auto two =
      decide({witness(decision("accepted", "person"), "otlp:a"), witness(other, "otlp:a")},
             default_policy(), "answer");
  ASSERT_TRUE(one && two);
  EXPECT_GT(two->log_odds, one->log_odds);
}

}  // namespace
}  // namespace hone::feedback
