// Conversations with tools as examples (`tool_calls` in a recipe).
#include <gtest/gtest.h>

#include "base/test_support.h"
#include "curate/curate_test_support.h"
#include "curate/export.h"
#include "wire/call.h"
#include "wire/message.h"

namespace hone::curate {
namespace {

json::object tools_message() {
  const json::value schema =
      parse_json(R"({"type":"object","properties":{"path":{"type":"string"}}})").value();
  return wire::make_message("tools", {json::object{{"type", "tool"},
                                                   {"name", "Edit"},
                                                   {"description", "Edits a file."},
                                                   {"parameters", schema}}});
}
json::object call_part(std::string_view id, std::string_view path, std::string_view text) {
  return {{"type", "tool_call"},
          {"id", id},
          {"name", "Edit"},
          {"arguments", {{"path", path}, {"text", text}}}};
}
json::object calling(std::string_view id, std::string_view path, std::string_view text) {
  return wire::make_message("assistant", {call_part(id, path, text)});
}
json::object result(std::string_view id, std::string_view text) {
  return wire::make_message(
      "tool",
      {json::object{
          {"type", "tool_result"}, {"id", id}, {"content", json::array{wire::text_part(text)}}}});
}

class ToolCalls : public testing::DatasetTest {
 protected:
  ToolCalls() {
    recipe_.name = "agents";
    recipe_.alias = "assistant";
    recipe_.text = "name = \"agents\"";
    recipe_.dataset.tool_calls = true;
    no_split();
    for (const auto* person : {"ann", "bob", "cy"}) sample_.person(person);
  }
  // An answer to "Fix PATH", of somebody who was offered the tool.
  void add(const std::string& id, const std::string& person, const std::string& asked,
           json::object said, const test::SampleFeedback& given = {}) {
    sample_.interaction({.id = id,
                         .person = person,
                         .context = {tools_message(), test::sample_message("user", asked)},
                         .said = std::move(said)});
    sample_.feedback(id, given);
  }
  std::vector<json::object> train_lines() { return lines_of(build().train_file()); }
};

constexpr std::string_view kTools =
    R"([{"type":"function","function":{"name":"Edit","description":"Edits a file.",)"
    R"("parameters":{"properties":{"path":{"type":"string"}},"type":"object"}}}])";

std::string call_text(std::string_view id, std::string_view arguments) {
  const json::object function{{"name", "Edit"}, {"arguments", arguments}};
  const json::array calls{{{"id", id}, {"type", "function"}, {"function", function}}};
  return json::serialize(
      json::object{{"role", "assistant"}, {"content", nullptr}, {"tool_calls", calls}});
}

TEST_F(ToolCalls, AreLeftOutUnlessTheRecipeAsksForThem) {
  add("i1", "ann", "Fix a", calling("t1", "a", "new"));
  add("i2", "ann", "Say a", test::sample_message("assistant", "a"));
  recipe_.dataset.tool_calls = false;
  const auto refused = try_build();
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("not_text 2"), std::string::npos)
      << refused.error().message;
  recipe_.dataset.tool_calls = true;
  EXPECT_EQ(build().examples, 2);
}

TEST_F(ToolCalls, AnAcceptedOneIsADemonstrationWithTheToolsItHad) {
  sample_.interaction({.id = "i1",
                       .person = "ann",
                       .context = {tools_message(), test::sample_message("system", "Be brief."),
                                   test::sample_message("user", "Fix a and b"),
                                   calling("toolu_x", "a", "1"), result("toolu_x", "done")},
                       .said = calling("toolu_y", "b", "2")});
  sample_.feedback("i1", {.kind = "accepted"});
  const auto lines = train_lines();
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_EQ(json::serialize(lines[0].at("messages")),
            R"([{"role":"system","content":"Be brief."},{"role":"user","content":"Fix a and b"},)" +
                call_text("call_1", R"({"path":"a","text":"1"})") +
                R"(,{"role":"tool","tool_call_id":"call_1","content":"done"},)" +
                call_text("call_2", R"({"path":"b","text":"2"})") + "]");
  EXPECT_EQ(json::serialize(lines[0].at("tools")), kTools);
}

TEST_F(ToolCalls, AcceptedOverRejectedOnesAreAPreferenceWhateverTheirIdsAre) {
  recipe_.dataset.kinds = {"preference", "judgement"};
  add("good", "ann", "Fix a", calling("t1", "a", "right"));
  add("bad", "bob", "Fix a", calling("t2", "a", "wrong"), {.kind = "rejected"});
  const Dataset dataset = build();
  EXPECT_EQ(dataset.counts.at("train"), (Counts{{"judgement", 2}, {"preference", 1}}));
  for (const auto& line : lines_of(dataset.train_file())) {
    EXPECT_EQ(json::serialize(line.at("tools")), kTools);
    const auto right = call_text("call_1", R"({"path":"a","text":"right"})");
    const auto wrong = call_text("call_1", R"({"path":"a","text":"wrong"})");
    if (line.at("kind") == "preference") {
      EXPECT_EQ(json::serialize(line.at("chosen")), right);
      EXPECT_EQ(json::serialize(line.at("rejected")), wrong);
    } else {
      EXPECT_EQ(json::serialize(line.at("completion")), line.at("label").as_bool() ? right : wrong);
    }
  }
}

// Equal calls are one answer, under whatever ids: of duplicates one stays, and the majority stands.
TEST_F(ToolCalls, EqualOnesAreToldByWhatTheyCall) {
  add("a1", "ann", "Fix a", calling("t1", "a", "x"));
  add("b1", "bob", "Fix a", calling("t2", "a", "x"));
  add("a2", "ann", "Fix b", calling("t3", "b", "y"));
  add("b2", "bob", "Fix b", calling("t4", "b", "y"), {.kind = "rejected"});
  const Dataset dataset = build();
  EXPECT_EQ(dataset.left_out, (Counts{{"duplicate", 1}, {"conflicting", 2}}));
}

TEST_F(ToolCalls, WhatAPersonMadeOfAResultIsNoAnswer) {
  recipe_.dataset.kinds = {"demonstration", "preference", "judgement"};
  add("call", "ann", "Fix a", calling("t1", "a", "x"),
      {.kind = "edited", .final_text = "the file as it is now"});
  add("text", "ann", "Say a", test::sample_message("assistant", "a"),
      {.kind = "edited", .final_text = "A"});
  const Dataset dataset = build();
  EXPECT_EQ(dataset.left_out, (Counts{{"no_final_call", 1}}));
  EXPECT_EQ(dataset.counts.at("train"),
            (Counts{{"demonstration", 1}, {"judgement", 1}, {"preference", 1}}));
}

TEST_F(ToolCalls, PicturesAndCallsThatWereCutOffStayOut) {
  json::object cut = calling("t1", "a", "x");
  cut["content"].as_array()[0].as_object()["arguments"] = "{\"path\": \"a";
  add("cut", "ann", "Fix a", cut);
  json::object picture = result("t1", "seen");
  picture["content"].as_array()[0].as_object()["content"] =
      json::array{json::object{{"type", "image"}, {"source", "sha256:00"}}};
  sample_.interaction(
      {.id = "picture",
       .person = "ann",
       .context = {test::sample_message("user", "Look"), calling("t1", "a", "x"), picture}});
  sample_.feedback("picture", {.kind = "accepted"});
  add("kept", "ann", "Fix b", calling("t2", "b", "x"));
  EXPECT_EQ(build().left_out, (Counts{{"not_text", 2}}));
}

// The line of one would be too deep for whoever reads lines, and with it the whole dataset.
TEST_F(ToolCalls, DefinitionsTooDeepForAnExportStayOut) {
  const auto asked_with = [&](const std::string& id, std::size_t depth) {
    json::value schema = json::object();
    for (std::size_t i = 1; i < depth; ++i) schema = json::object{{"items", std::move(schema)}};
    const json::object tool{
        {"type", "tool"}, {"name", "Edit"}, {"description", ""}, {"parameters", std::move(schema)}};
    sample_.interaction({.id = id,
                         .person = "ann",
                         .context = {wire::make_message("tools", {tool}),
                                     test::sample_message("user", "Fix " + id)},
                         .said = calling("t", "a", id)});
    sample_.feedback(id, {.kind = "accepted"});
  };
  asked_with("deep", JsonLimits{}.depth - 3);
  asked_with("fine", JsonLimits{}.depth - 5);
  const Dataset dataset = build();
  EXPECT_EQ(dataset.left_out, (Counts{{"not_text", 1}}));
  EXPECT_EQ(dataset.examples, 1);
  ASSERT_TRUE(export_dataset(dataset, "trl", folder_ / "trl"));
  ASSERT_TRUE(export_dataset(dataset, "openai", folder_ / "openai"));
  EXPECT_EQ(lines_of(folder_ / "openai/demonstration.jsonl").size(), 1U);
}

TEST_F(ToolCalls, ToolsThatAllRunAtTheProviderMakeNoOtherPrompt) {
  const json::object search =
      wire::make_message("tools", {json::object{{"type", "other"}, {"value", "web_search"}}});
  sample_.interaction({.id = "i1",
                       .person = "ann",
                       .context = {search, test::sample_message("user", "Say a")},
                       .said = test::sample_message("assistant", "a")});
  sample_.interaction({.id = "i2",
                       .person = "bob",
                       .context = {test::sample_message("user", "Say a")},
                       .said = test::sample_message("assistant", "a")});
  for (const auto* id : {"i1", "i2"}) sample_.feedback(id, {.kind = "accepted"});
  EXPECT_EQ(build().left_out, (Counts{{"duplicate", 1}}));
}

TEST_F(ToolCalls, ArgumentsAndResultsCountForLimitsQualityAndEvaluationSets) {
  const std::string question = "A farmer has seven sheep and eleven goats and sells nine of them";
  hone::testing::write_all(folder_ / "eval.txt", question + "\n");
  add("long", "ann", "Fix a", calling("t1", "a", std::string(500, 'x')));
  add("short", "ann", "Fix b",
      wire::make_message(
          "assistant",
          {json::object{
              {"type", "tool_call"}, {"id", "t"}, {"name", "Go"}, {"arguments", json::object()}}}));
  add("asked", "ann", "Fix c", calling("t3", "c", question));
  sample_.interaction({.id = "read",
                       .person = "ann",
                       .context = {test::sample_message("user", "Read it"), calling("t", "d", "-"),
                                   result("t", question)}});
  sample_.feedback("read", {.kind = "accepted"});
  add("kept", "ann", "Fix e", calling("t5", "e", "fine"));
  recipe_.dataset.max_characters = 400;
  recipe_.dataset.min_answer_characters = 6;
  EXPECT_EQ(build().left_out, (Counts{{"too_long", 1}, {"too_short", 2}}));
  recipe_.dataset.min_answer_characters = 0;
  recipe_.dataset.decontaminate = {folder_ / "eval.txt"};
  recipe_.dataset.decontaminate_words = 8;
  EXPECT_EQ(build().left_out, (Counts{{"too_long", 1}, {"contaminated", 2}}));
}

TEST_F(ToolCalls, OfNearDuplicatesOneStaysThoughAllHaveTheSameTools) {
  const std::string text = "The quick brown fox jumps over the lazy dog and runs into the forest.";
  add("i1", "ann", "Please write the sentence about the fox into the file",
      calling("1", "a", text));
  add("i2", "bob", "Please write the sentence about the fox into the file!",
      calling("2", "a", text + "."));
  add("i3", "cy", "Count the files", calling("3", "b", "Nothing of that kind at all, I think"));
  recipe_.dataset.near_duplicates = 0.8;
  EXPECT_EQ(build().left_out, (Counts{{"near_duplicate", 1}}));
}

// Prompts are told by what people typed: what a tool puts beside it is the same for all.
TEST_F(ToolCalls, PromptsAreGroupedByWhatWasTyped) {
  const auto asked = [](std::string_view reminder, std::string_view typed) {
    return wire::make_message("user", {wire::text_part(reminder), wire::text_part(typed)});
  };
  const std::string today = "<system-reminder>Today is Monday</system-reminder>";
  const std::string later = "<system-reminder>Today is Friday</system-reminder>";
  for (int i = 0; i < 8; ++i) {
    const std::string number = std::to_string(i);
    sample_.interaction({.id = "first" + number,
                         .person = "ann",
                         .context = {tools_message(), asked(today, "Fix " + number)},
                         .said = calling("t", number, "x")});
    // The same words on another day, and a reminder after the result.
    sample_.interaction({.id = "later" + number,
                         .person = "bob",
                         .context = {tools_message(), asked(later, "fix " + number + "!"),
                                     calling("t", number, "y"), result("t", "no"),
                                     test::sample_message("user", today)},
                         .said = calling("u", number, "z")});
    for (const auto* when : {"first", "later"}) {
      sample_.feedback(when + number, {.kind = "accepted"});
    }
  }
  recipe_.dataset.held_out_prompts = 0.5;
  const Dataset dataset = build();
  std::map<std::string, std::set<std::string>> sides;  // by the number
  for (const auto& line : lines_of(dataset.folder + "/lineage.jsonl")) {
    const std::string id(line.at("interactions").at(0).as_string());
    sides[id.substr(5)].emplace(line.at("split").as_string());
  }
  EXPECT_EQ(sides.size(), 8U);
  for (const auto& [number, on] : sides) EXPECT_EQ(on.size(), 1U) << number;
  EXPECT_EQ(dataset.counts.at("held_out").at("accepted"), 8);
}

TEST_F(ToolCalls, PlaceholdersAreFilledAlikeInTextArgumentsAndResults) {
  sample_.interaction(
      {.id = "i1",
       .person = "ann",
       .context = {tools_message(), test::sample_message("user", "Write <EMAIL:7f3a> into a"),
                   calling("t1", "a", "{\"to\": \"<EMAIL:7f3a>\"}"),
                   result("t1", "wrote \"<EMAIL:7f3a>\"")},
       .said = calling("t2", "b", "<EMAIL:7f3a>")});
  sample_.feedback("i1", {.kind = "accepted"});
  const auto lines = train_lines();
  ASSERT_EQ(lines.size(), 1U);
  const std::string line = json::serialize(lines[0]);
  EXPECT_EQ(line.find("EMAIL"), std::string::npos) << line;
  const auto& messages = lines[0].at("messages").as_array();
  const auto arguments_of = [&](std::size_t message) {
    const auto& call = messages[message].at("tool_calls").at(0).at("function");
    const auto arguments = parse_json_object(call.at("arguments").as_string());
    EXPECT_TRUE(arguments) << json::serialize(call);
    return arguments.value_or(json::object());
  };
  const std::string address(arguments_of(3).at("text").as_string());
  EXPECT_NE(address.find('@'), std::string::npos);
  EXPECT_EQ(messages[0].at("content").as_string(), "Write " + address + " into a");
  EXPECT_EQ(arguments_of(1).at("text").as_string(), "{\"to\": \"" + address + "\"}");
  EXPECT_EQ(messages[2].at("content").as_string(), "wrote \"" + address + "\"");
}

TEST_F(ToolCalls, HeldOutOnesAreRecordsThatHaveThemToo) {
  for (int i = 0; i < 4; ++i) {
    const std::string number = std::to_string(i);
    add("i" + number, "ann", "Fix " + number, calling("t" + number, number, "x"));
  }
  recipe_.dataset.held_out_prompts = 0.5;
  const auto records = lines_of(build().held_out_file());
  ASSERT_EQ(records.size(), 2U);
  for (const auto& record : records) {
    EXPECT_EQ(json::serialize(record.at("tools")), kTools);
    EXPECT_EQ(record.at("original").at("tool_calls").as_array().size(), 1U);
    EXPECT_TRUE(record.at("final").is_null());
  }
}

// A conversation with tools is told from one without by the digest, and recipes that do not ask
// name what they make as before.
TEST_F(ToolCalls, AskingForThemIsPartOfTheDigest) {
  sample_.interaction({.id = "i1", .person = "ann"});
  sample_.feedback("i1", {.kind = "accepted"});
  const auto with = build().digest;
  recipe_.dataset.tool_calls = false;
  EXPECT_NE(build().digest, with);
  EXPECT_EQ(build().left_out, Counts());
}

// Claude Code as it was recorded: the call that a person allowed.
TEST_F(ToolCalls, ACapturedConversationOfClaudeCodeBecomesAnExample) {
  const auto path = hone::testing::shared_path("recordings/claude-code__tty-user-accept.json");
  if (!path) GTEST_SKIP();
  const auto recording = parse_json_object(hone::testing::read_all(*path)).value();
  std::vector<json::object> messages;  // of the last call, which has the accepted one behind it
  for (const auto& request : recording.at("requests").as_array()) {
    const std::string where(string_or_empty(request.as_object(), "path"));
    if (!where.starts_with("/v1/messages?")) continue;
    const auto& body = request.at("body").as_object();
    messages = wire::read_call(wire::Format::kAnthropicMessages, body).value().messages;
  }
  std::size_t answer = 0;
  while (answer < messages.size() && wire::role_of(messages[answer]) != "assistant") ++answer;
  ASSERT_LT(answer, messages.size());
  sample_.interaction({.id = "i1",
                       .person = "ann",
                       .context = {messages.begin(), messages.begin() + static_cast<long>(answer)},
                       .said = messages[answer]});
  sample_.feedback("i1", {.kind = "accepted"});
  const auto lines = train_lines();
  ASSERT_EQ(lines.size(), 1U);
  const auto& said = lines[0].at("messages").as_array();
  EXPECT_EQ(said.size(), answer);  // without the message of tools, with the answer
  EXPECT_EQ(said.back().at("tool_calls").at(0).at("id"), "call_1");
  EXPECT_TRUE(parse_json_object(
      said.back().at("tool_calls").at(0).at("function").at("arguments").as_string()));
  EXPECT_GE(lines[0].at("tools").as_array().size(), 10U);
  for (const auto& tool : lines[0].at("tools").as_array()) {
    EXPECT_EQ(tool.at("type"), "function");
    EXPECT_TRUE(tool.at("function").at("parameters").is_object()) << json::serialize(tool);
  }
}

}  // namespace
}  // namespace hone::curate
