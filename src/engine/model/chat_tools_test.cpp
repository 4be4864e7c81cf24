#include "engine/model/chat_tools.h"

#include <gtest/gtest.h>

namespace hone::engine {
namespace {

json::array two_tools() {
  return json::parse(R"([{"type":"function","function":{"name":"get_weather",
      "description":"Weather now.","parameters":{"type":"object","properties":{}}}},
      {"type":"function","function":{"name":"now"}}])")
      .as_array();
}

Turn calling(std::vector<ToolCall> calls, std::string text = "") {
  Turn turn{"assistant", std::move(text)};
  turn.calls = std::move(calls);
  return turn;
}

Turn result(std::string id, std::string text) {
  Turn turn{"tool", std::move(text)};
  turn.call_id = std::move(id);
  return turn;
}

ToolCall weather(std::string id, std::string_view city) {
  return {std::move(id), "get_weather", {{"city", city}}};
}

using Said = std::vector<std::pair<std::string, std::string>>;

Said said(const Result<std::vector<ChatMessage>>& messages) {
  if (!messages) return {{"error", messages.error().message}};
  Said all;
  for (const ChatMessage& message : *messages) all.emplace_back(message.role, message.content);
  return all;
}

TEST(ChatTools, AreDescribedInTheSystemMessageToModelsThatKnowNone) {
  const std::string offer =
      "You can call the tools below. To call one, reply with a JSON object of this form and with "
      "nothing else:\n"
      R"({"name": "name of the tool", "parameters": {"name of a parameter": "its value"}})"
      "\nThe result comes in the next message. Where no tool is needed, answer in plain words.\n\n"
      "The tools, each with the JSON schema of its parameters:\n"
      R"({"name": "get_weather", "description": "Weather now.", "parameters": )"
      R"({"type": "object", "properties": {}}})"
      "\n"
      R"({"name": "now"})";
  EXPECT_EQ(said(write_tools({{"system", "Be brief."}, {"user", "Hi"}}, two_tools(),
                             ChatFormat::kChatMl, "Default.")),
            (Said{{"system", "Be brief.\n\n" + offer}, {"user", "Hi"}}));
  EXPECT_EQ(said(write_tools({{"user", "Hi"}}, two_tools(), ChatFormat::kChatMl, "Default.")),
            (Said{{"system", "Default.\n\n" + offer}, {"user", "Hi"}}))
      << "the model is told as always what it is";
  EXPECT_EQ(said(write_tools({{"user", "Hi"}}, two_tools(), ChatFormat::kLlama3, "")),
            (Said{{"system", offer}, {"user", "Hi"}}));
  EXPECT_EQ(said(write_tools({{"user", "Hi"}}, {}, ChatFormat::kChatMl, "Default.")),
            (Said{{"user", "Hi"}}))
      << "the template itself adds the default";
}

TEST(ChatTools, CallsAndResultsAreToldInEitherForm) {
  std::vector<Turn> turns;
  turns.push_back({"user", "Bern?"});
  turns.push_back(calling({weather("a", "Bern")}));
  turns.push_back(result("a", "21 \"C\""));
  turns.push_back({"user", "Thanks."});
  EXPECT_EQ(said(write_tools(turns, {}, ChatFormat::kChatMl, "")),
            (Said{{"user", "Bern?"},
                  {"assistant", R"({"name": "get_weather", "parameters": {"city": "Bern"}})"},
                  {"user", "Result of get_weather:\n21 \"C\""},
                  {"user", "Thanks."}}));
  EXPECT_EQ(said(write_tools(turns, {}, ChatFormat::kLlama31, "")),
            (Said{{"user", "Bern?"},
                  {"assistant", R"({"name": "get_weather", "parameters": {"city": "Bern"}})"},
                  {"ipython", R"("21 \"C\"")"},
                  {"user", "Thanks."}}));
}

TEST(ChatTools, SeveralCallsOfAnAnswerAreToldOneByOne) {
  std::vector<Turn> turns;
  turns.push_back(calling({weather("a", "Bern"), weather("b", "Genf")}, "I look."));
  turns.push_back(result("b", "20"));
  turns.push_back(result("a", "21"));
  turns.push_back(result("z", "of nobody"));
  turns.push_back({"user", "And?"});
  EXPECT_EQ(said(write_tools(turns, {}, ChatFormat::kLlama3, "")),
            (Said{{"assistant", "I look."},
                  {"assistant", R"({"name": "get_weather", "parameters": {"city": "Bern"}})"},
                  {"user", "Result of get_weather:\n21"},
                  {"assistant", R"({"name": "get_weather", "parameters": {"city": "Genf"}})"},
                  {"user", "Result of get_weather:\n20"},
                  {"user", "Result of the tool:\nof nobody"},
                  {"user", "And?"}}));
}

TEST(ChatTools, Llama31ReadsThemInTheFirstMessageOfTheUser) {
  const auto messages =
      write_tools({{"system", "s"}, {"assistant", "Hello."}, {"user", "  Bern? \n"}}, two_tools(),
                  ChatFormat::kLlama31, "");
  ASSERT_TRUE(messages) << messages.error().message;
  EXPECT_EQ((*messages)[0].content, "s");
  const std::string& user = (*messages)[2].content;
  EXPECT_TRUE(user.starts_with("Given the following functions")) << user;
  EXPECT_TRUE(user.ends_with("        \"name\": \"now\"\n    }\n}\n\nBern?")) << user;
  const auto none = write_tools({{"system", "s"}}, two_tools(), ChatFormat::kLlama31, "");
  ASSERT_FALSE(none);
  EXPECT_NE(none.error().message.find("'tools'"), std::string::npos);
}

TEST(ReadToolCall, TakesExactlyOneCallOfAnOfferedTool) {
  const auto arguments = [](std::string_view reply) -> std::string {
    const auto call = read_tool_call(reply, {"get_weather", "now"});
    return call ? call->name + json::serialize(call->arguments) : "text";
  };
  EXPECT_EQ(arguments(R"({"name": "get_weather", "parameters": {"city": "Bern"}})"),
            R"(get_weather{"city":"Bern"})");
  EXPECT_EQ(arguments("\n <|python_tag|> {\"name\":\"now\",\"parameters\":{}}\n"), "now{}");
  EXPECT_EQ(arguments(R"({"type":"function","name":"now","arguments":{"a":[1]}})"),
            R"(now{"a":[1]})");
  for (const char* reply :
       {"", "{", "It is 21 degrees.", R"({"name": "now"})", R"({"name": "rm", "parameters": {}})",
        R"({"name": "now", "parameters": "x"})", R"({"name": "now", "parameters": {}, "x": 1})",
        R"({"name": "now", "parameters": {}, "arguments": {}})",
        R"({"name": "now", "parameters": {}, "type": "tool"})",
        R"(Sure: {"name": "now", "parameters": {}})", R"({"name": "now", "parameters": {}} Done.)",
        R"({"name": "now", "parameters": {}}; {"name": "now", "parameters": {}})",
        R"([{"name": "now", "parameters": {}}])", R"({"parameters": {}})"}) {
    EXPECT_EQ(arguments(reply), "text") << reply;
  }
  EXPECT_FALSE(read_tool_call(R"({"name": "now", "parameters": {}})", {}));
}

// What is shown of `text` before the end, a character at a time; then what is left.
std::pair<std::string, AnswerWithTools::End> given_slowly(std::string_view text,
                                                          std::vector<std::string> offered) {
  AnswerWithTools answer(std::move(offered));
  std::string shown;
  for (const char& byte : text) shown += answer.add(std::string_view(&byte, 1));
  return {shown, answer.finish()};
}

TEST(AnswerWithTools, ShowsTextAtOnceAndHoldsBackWhatMayBeACall) {
  const auto text = given_slowly(" It is <21> {degrees}.", {"now"});
  EXPECT_EQ(text.first, " It is <21> {degrees}.");
  EXPECT_EQ(text.second.text, "");
  EXPECT_FALSE(text.second.call);
  AnswerWithTools answer({"now"});
  EXPECT_EQ(answer.add("  <|pyth"), "");
  EXPECT_TRUE(answer.may_be_call());
  EXPECT_EQ(answer.add("ia"), "  <|pythia");
  EXPECT_FALSE(answer.may_be_call());
  EXPECT_EQ(answer.add(" is Greek"), " is Greek");
}

TEST(AnswerWithTools, GivesTheCallOrAllThatWasHeldBack) {
  const std::string call = R"(<|python_tag|>{"name": "now", "parameters": {"zone": "CET"}})";
  const auto called = given_slowly(call, {"now"});
  EXPECT_EQ(called.first, "");
  ASSERT_TRUE(called.second.call);
  EXPECT_EQ(called.second.call->name, "now");
  EXPECT_EQ(json::serialize(called.second.call->arguments), R"({"zone":"CET"})");
  EXPECT_EQ(called.second.text, "");
  const auto cut = given_slowly(call.substr(0, call.size() - 1), {"now"});
  EXPECT_FALSE(cut.second.call);
  EXPECT_EQ(cut.second.text, call.substr(0, call.size() - 1));
  const auto nothing_offered = given_slowly(call, {});
  EXPECT_EQ(nothing_offered.first, call);
  EXPECT_FALSE(nothing_offered.second.call);
}

}  // namespace
}  // namespace hone::engine
