// The pure part of mining: rules, words, and what one reply says.
#include "feedback/mining.h"

#include <gtest/gtest.h>

#include "wire/message.h"

namespace hone::feedback {
namespace {

std::string error_of(std::string_view text) {
  const auto rules = parse_mining_rules(text, "my.toml");
  return rules ? "" : rules.error().message;
}

// The rule that a text of a person fits, with its language; "" for none.
std::string rule_for(std::string_view text, bool after_question = false) {
  const auto* rule = match_words(default_mining_rules(), text, after_question);
  return rule == nullptr ? "" : rule->name + " " + rule->language;
}

TEST(MiningRules, ShipsRulesThatAreRead) {
  const auto& rules = default_mining_rules();
  EXPECT_GE(rules.version, 1);
  EXPECT_FALSE(rules.machine.empty());
  EXPECT_GE(rules.refusals.size(), 5U);
  EXPECT_EQ(rules.abandoned_after, std::chrono::hours(24));
  for (const auto& rule : rules.refusals) {
    EXPECT_NE(rule.kind, "accepted") << "no tool's words for a refusal approve of anything";
  }
}

TEST(MiningRules, OfAVersionAloneMineNothing) {
  const auto rules = parse_mining_rules("version = 1\n", "my.toml");
  ASSERT_TRUE(rules) << rules.error().message;
  EXPECT_TRUE(rules->refusals.empty() && rules->words.empty() && rules->commented_tools.empty());
  EXPECT_TRUE(rules->abandoned_tools.empty());
  EXPECT_EQ(rules->retried_within.count(), 0);
  EXPECT_EQ(rules->rewritten_within.count(), 0);
}

TEST(MiningRules, NameTheLineOfWhatIsWrong) {
  EXPECT_NE(error_of("machine = []\n").find("'version' is missing"), std::string::npos);
  EXPECT_EQ(error_of("version = 0\n"), "my.toml: line 1: 'version' must be 1 or more");
  EXPECT_EQ(error_of("version = 1\n[[words]]\nname = \"a\"\nlanguage = \"en\"\nkind = \"liked\"\n"
                     "whole = [\"yes\"]\n"),
            "my.toml: line 5: 'words.kind' is no kind of feedback (docs/formats/feedback.md)");
  EXPECT_EQ(error_of("version = 1\n[[refusal]]\nname = \"a\"\nkind = \"rejected\"\nby = \"me\"\n"
                     "tools = [\"x\"]\nbegins = [\"y\"]\n"),
            "my.toml: line 5: 'refusal.by' must be person, automatic, policy, agent or unknown");
  EXPECT_NE(error_of("version = 1\n[[words]]\nname = \"a\"\nlanguage = \"en\"\n"
                     "kind = \"rejected\"\nbegins = [\"\"]\n")
                .find("which everything begins with"),
            std::string::npos);
  EXPECT_NE(error_of("version = 1\n[[words]]\nname = \"a\"\nlanguage = \"en\"\n"
                     "kind = \"rejected\"\nbegins = [\"...\"]\n")
                .find("without a word"),
            std::string::npos);
  EXPECT_NE(error_of("version = 1\n[retrid]\nmost = 3\n").find("did you mean 'retried'"),
            std::string::npos);
}

TEST(MiningRules, CompareWordsAsPeopleWriteThem) {
  EXPECT_EQ(plain_words("  No,  I MEANT\nthe other. "), "no i meant the other");
  EXPECT_EQ(plain_words("That’s “ÜBER”, SCHÖN…"), "that's über schön");
  EXPECT_EQ(plain_words("× ÷ ?"), "× ÷ ?");
  EXPECT_EQ(plain_words(" .,! "), "");
  EXPECT_LE(plain_words(std::string(100'000, 'a')).size(), 2048U);
  EXPECT_EQ(plain_words("\xF0\x9F"), "\xF0\x9F") << "a cut character is copied";
}

TEST(MiningRules, KnowThanksAndCorrectionsInTwoLanguages) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"No, I meant the other file", "correction en"},
      {"no I meant: the date", "correction en"},
      {"That’s not what I asked for.", "correction en"},
      {"that's wrong", "correction en"},
      {"Still not working", "correction en"},
      {"Nope", "correction en"},
      {"no", "correction en"},
      {"wrong file", "correction en"},
      {"Nein, ich meinte das andere", "correction de"},
      {"Das stimmt nicht.", "correction de"},
      {"nein", "correction de"},
      {"Falsch!", "correction de"},
      {"Thanks!", "thanks en"},
      {"thank you so much", "thanks en"},
      {"Perfect.", "thanks en"},
      {"LGTM", "thanks en"},
      {"thanks, now add tests", "thanks en"},
      {"Danke schön!", "thanks de"},
      {"Dankeschön", "thanks de"},
      {"Super, danke", "thanks de"},
      {"klappt!", "thanks de"},
      // Nothing of the kind.
      {"", ""},
      {"edit a.py", ""},
      {"1/exit", ""},
      {"no problem, go on", ""},
      {"Nobody knows the answer", ""},
      {"note that the file has moved", ""},
      {"wrongly named variables: find them", ""},
      {"now thanks to the cache it is fast, why?", ""},
      {"thanks, but it does not compile", ""},
      {"Thanks in advance", ""},
      {"thanks for nothing", ""},
      {"thankful people", ""},
      {"perfect numbers: list the first five of them please", ""},
      {"it works?", ""},
      {"Danke, aber das Datum fehlt", ""},
      {"Danke im Voraus", ""},
      {"passt nicht", ""},
      {"funktioniert das?", ""},
      {"falschgeld", ""},
  };
  for (const auto& [text, rule] : cases) EXPECT_EQ(rule_for(text), rule) << text;
}

TEST(MiningRules, TakeAnAnswerToAQuestionForNoOpinion) {
  EXPECT_EQ(rule_for("no", true), "");
  EXPECT_EQ(rule_for("nein", true), "");
  EXPECT_EQ(rule_for("perfect", true), "");
  EXPECT_EQ(rule_for("that's wrong", true), "correction en") << "that answers no question";
  EXPECT_EQ(rule_for("das stimmt nicht", true), "correction de");
}

TEST(MiningRules, KnowWhatNobodyTyped) {
  const auto& rules = default_mining_rules();
  EXPECT_TRUE(is_machine_text(rules, "<system-reminder>\nthe date has changed"));
  EXPECT_TRUE(is_machine_text(rules, "  <note kind=\"x\">\nhello\n</note>\n"));
  EXPECT_TRUE(is_machine_text(rules, " \n"));
  EXPECT_FALSE(is_machine_text(rules, "<b>bold</b> is not what I asked for"));
  EXPECT_FALSE(is_machine_text(rules, "< 3"));
  EXPECT_FALSE(is_machine_text(rules, "<"));
  EXPECT_FALSE(is_machine_text(rules, "use <b>bold</b>"));
}

json::object tool_call(std::string_view id) {
  return wire::make_message(
      "assistant",
      {json::object{
          {"type", "tool_call"}, {"id", id}, {"name", "Write"}, {"arguments", json::object()}}});
}

json::object result(std::string_view id, std::string_view text, bool failed = false) {
  json::object part{
      {"type", "tool_result"}, {"id", id}, {"content", json::array{wire::text_part(text)}}};
  if (failed) part["is_error"] = true;
  return wire::make_message("tool", {std::move(part)});
}

json::object user(std::string_view text) {
  return wire::text_message("user", text);
}

// "RULE KIND by WHO[, weak][: comment]" for each finding.
std::vector<std::string> found(const json::object& answer, std::vector<json::object> messages,
                               const std::string& tool = "claude-code") {
  std::vector<std::string> lines;
  const Followed followed{.tool = tool, .answer = answer, .messages = std::move(messages)};
  for (const auto& finding : read_reply(followed, default_mining_rules())) {
    lines.push_back(finding.rule + " " + finding.kind + " by " + finding.by +
                    (finding.weak ? ", weak" : "") +
                    (finding.comment ? ": " + *finding.comment : ""));
  }
  return lines;
}

using Lines = std::vector<std::string>;
constexpr std::string_view kRefused =
    "The user doesn't want to proceed with this tool use. The tool use was rejected (eg. if it was "
    "a file edit, the new_string was NOT written to the file). ";
constexpr std::string_view kStop =
    "STOP what you are doing and wait for the user to tell you how to proceed.";
constexpr std::string_view kTold = "To tell you how to proceed, the user said:\n";

TEST(Mining, ARefusalIsThePersonsWithTheWordsTyped) {
  EXPECT_EQ(found(tool_call("t1"),
                  {result("t1", std::string(kRefused) + std::string(kTold) + "use tabs", true)}),
            (Lines{"refused rejected by person: use tabs"}));
  EXPECT_EQ(
      found(tool_call("t1"), {result("t1", std::string(kRefused) + std::string(kStop), true)}),
      (Lines{"refused rejected by person"}));
}

TEST(Mining, EscAndWhatIsTypedNextAreOneAct) {
  const auto refused = result("t1", std::string(kRefused) + std::string(kStop), true);
  const auto mark = user("[Request interrupted by user for tool use]");
  EXPECT_EQ(found(tool_call("t1"), {refused, mark}), (Lines{"refused rejected by person"}));
  EXPECT_EQ(found(tool_call("t1"), {refused, mark, user("use tabs")}),
            (Lines{"refused rejected by person: use tabs"}));
}

TEST(Mining, AnInterruptionIsWeak) {
  const auto mark = user("[Request interrupted by user]");
  EXPECT_EQ(found(wire::text_message("assistant", "Well, I"), {mark}),
            (Lines{"interrupted rejected by person, weak"}));
  EXPECT_EQ(found(wire::text_message("assistant", "Well, I"), {mark, user("thanks")}),
            (Lines{"interrupted rejected by person, weak: thanks"}))
      << "who interrupts does not thank for it";
  EXPECT_EQ(found(wire::text_message("assistant", "Well"),
                  {user("<turn_aborted>\nThe user interrupted.\n</turn_aborted>"), user("stop")},
                  "codex"),
            (Lines{"interrupted rejected by person, weak: stop"}));
  EXPECT_EQ(found(wire::text_message("assistant", "Well"), {mark}, "some-chat"), Lines())
      << "another tool's user may write so";
}

TEST(Mining, WhatPolicyRefusedNoPersonDecided) {
  for (const auto* text :
       {"Claude requested permissions to write to /a/b.py, but you haven't granted it yet.",
        "Permission to use Bash has been denied.", "Hook PreToolUse:Bash denied this tool",
        "PreToolUse:Bash hook error: [guard.sh]: no"}) {
    EXPECT_EQ(found(tool_call("t1"), {result("t1", text, true)}),
              (Lines{"denied rejected by policy"}))
        << text;
    EXPECT_EQ(found(tool_call("t1"), {result("t1", text)}), Lines())
        << "a file may hold such a line: " << text;
  }
  EXPECT_EQ(found(tool_call("t1"), {result("t1", "No such file", true)}), Lines())
      << "a failure is no refusal";
}

TEST(Mining, OtherToolsHaveOtherWords) {
  EXPECT_EQ(found(tool_call("c1"), {result("c1", "exec command rejected by user")}, "codex"),
            (Lines{"refused rejected by person"}));
  EXPECT_EQ(found(tool_call("c1"), {result("c1", "exec command rejected by user")}), Lines());
  const std::string opencode = "The user rejected permission to use this specific tool call";
  EXPECT_EQ(
      found(tool_call("c1"),
            {result("c1", opencode + " with the following feedback: use tabs", true)}, "opencode"),
      (Lines{"refused rejected by person: use tabs"}));
  EXPECT_EQ(found(tool_call("c1"), {result("c1", opencode + ".", true)}, "opencode"),
            (Lines{"cancelled rejected by unknown, weak"}))
      << "opencode run says so where nobody was asked";
}

TEST(Mining, YesWithACommentIsAnAcceptanceAndAPlainYesIsNone) {
  const auto done = result("t1", "File created successfully");
  EXPECT_EQ(found(tool_call("t1"), {done, user("also add tests")}),
            (Lines{"commented accepted by person, weak: also add tests"}));
  EXPECT_EQ(found(tool_call("t1"), {done}), Lines()) << "a setting may have agreed";
  EXPECT_EQ(found(tool_call("t1"), {done, user("<system-reminder>x</system-reminder>")}), Lines());
  EXPECT_EQ(found(tool_call("t1"), {result("t1", "boom", true), user("hm")}), Lines());
  EXPECT_EQ(found(tool_call("t1"), {done, user("[Request interrupted by user]"), user("stop")}),
            (Lines{"interrupted rejected by person, weak: stop"}));
  EXPECT_EQ(found(tool_call("t1"), {done, user("also add tests")}, "some-chat"), Lines())
      << "in other tools words follow results of themselves";
}

TEST(Mining, EachRefusedCallOfAnAnswerIsOneAct) {
  auto both = tool_call("t1");
  both["content"].as_array().push_back(tool_call("t2").at("content").as_array().front());
  const auto refused = result("t2", std::string(kRefused) + std::string(kTold) + "not this", true);
  EXPECT_EQ(found(both, {result("t1", "done"), refused}),
            (Lines{"refused rejected by person: not this"}));
  EXPECT_EQ(found(tool_call("t1"), {refused}), Lines()) << "the result of another answer's call";
}

TEST(Mining, WordsCountAfterAnAnswerThatCalledNothing) {
  const auto answer = wire::text_message("assistant", "Done.");
  EXPECT_EQ(found(answer, {user("No, I meant the other file")}),
            (Lines{"correction rejected by person, weak: No, I meant the other file"}));
  EXPECT_EQ(found(answer, {user("Danke!")}, "some-chat"),
            (Lines{"thanks accepted by person, weak: Danke!"}));
  EXPECT_EQ(found(wire::text_message("assistant", "Shall I go on?"), {user("perfect")}), Lines());
  EXPECT_EQ(found(tool_call("t1"), {result("t1", "done"), user("thanks")}, "some-chat"), Lines());
  EXPECT_EQ(found(answer, {user("<system-reminder>thanks</system-reminder>")}), Lines());
}

TEST(Mining, ACommentIsCutAtACharactersEnd) {
  std::string words;
  while (words.size() < 20'000) words += "ä";
  const Followed followed{
      .tool = "claude-code",
      .answer = tool_call("t1"),
      .messages = {result("t1", std::string(kRefused) + std::string(kTold) + "x" + words, true)}};
  const auto findings = read_reply(followed, default_mining_rules());
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_LE(findings[0].comment->size(), 16U << 10);
  EXPECT_TRUE(findings[0].comment->ends_with("ä"));
}

TEST(Mining, DamagedMessagesSayNothing) {
  for (
      const auto* text :
      {R"({"role":"tool"})", R"({"role":"tool","content":[1,{"type":"tool_result"}]})",
       R"({"role":"user","content":"x"})",
       R"({"role":"user","content":[{"type":"text","text":1}]})", R"({"role":1})", R"({})",
       R"({"role":"tool","content":[{"type":"tool_result","id":"t1","content":7,"is_error":"y"}]})"}) {
    EXPECT_EQ(found(tool_call("t1"), {parse_json_object(text).value()}), Lines()) << text;
  }
}

TEST(Mining, ARewrittenMessageIsAlikeAndNotTheSame) {
  const auto& rules = default_mining_rules();
  EXPECT_TRUE(is_rewritten("sort the list by name", "sort the list by name, descending", rules));
  EXPECT_FALSE(is_rewritten("sort the list", "sort the list", rules));
  EXPECT_FALSE(is_rewritten("sort the list", "what is the capital of Peru", rules));
  EXPECT_FALSE(is_rewritten(std::string(9'000, 'a'), std::string(9'000, 'a') + "b", rules));
}

}  // namespace
}  // namespace hone::feedback
