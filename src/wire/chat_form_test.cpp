// Messages of the neutral form as Chat Completions has them.
#include "wire/chat_form.h"

#include <gtest/gtest.h>

#include "wire/call.h"
#include "wire/message.h"
#include "wire/translate.h"

namespace hone::wire {
namespace {

json::object parsed(std::string_view text) {
  auto object = parse_json_object(text);
  EXPECT_TRUE(object) << text;
  return object.value_or(json::object());
}

struct InChatForm {
  json::array messages;
  json::array tools;
  bool has_form = true;
};

InChatForm in_chat_form(const std::vector<json::object>& neutral) {
  InChatForm out;
  ChatNames names;
  for (const auto& message : neutral) {
    if (role_of(message) == "tools") {
      const ChatTools tools = chat_tools(message);
      names.add(tools);
      for (const auto& tool : tools.definitions) out.tools.push_back(tool);
      continue;
    }
    auto made = chat_message(message, names);
    if (!made) return {{}, {}, false};
    out.messages.push_back(std::move(*made));
  }
  return out;
}

InChatForm read_as(Format format, std::string_view request) {
  const auto call = read_call(format, parsed(request));
  EXPECT_TRUE(call) << call.error().message;
  return call ? in_chat_form(call->messages) : InChatForm{};
}

constexpr std::string_view kClaude = R"({"model":"m","max_tokens":9,
  "tools":[{"name":"Edit","description":"Edits.","input_schema":{"properties":{"at":{"minimum":0.5}},
    "type":"object"}},{"type":"web_search_20250305","name":"web_search"}],
  "system":[{"type":"text","text":"Be brief."}],
  "messages":[{"role":"user","content":"Fix it"},
    {"role":"assistant","content":[{"type":"thinking","thinking":"Hm.","signature":"s"},
      {"type":"text","text":"I edit."},
      {"type":"tool_use","id":"toolu_9","name":"Edit","input":{"at":0.5,"text":"a\"b"}}]},
    {"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_9","is_error":true,
      "content":[{"type":"text","text":"No such file"}]},{"type":"text","text":"Try again"}]},
    {"role":"assistant","content":[{"type":"tool_use","id":"toolu_8","name":"Edit","input":{}},
      {"type":"tool_use","id":"toolu_7","name":"Edit","input":{"at":1}}]},
    {"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_7","content":"b"},
      {"type":"tool_result","tool_use_id":"toolu_8","content":[]}]}]})";

TEST(ChatForm, HasToolsCallsAndResultsOfAClaudeConversation) {
  const auto form = read_as(Format::kAnthropicMessages, kClaude);
  ASSERT_TRUE(form.has_form);
  EXPECT_EQ(json::serialize(form.tools),
            R"([{"type":"function","function":{"name":"Edit","description":"Edits.",)"
            R"("parameters":{"properties":{"at":{"minimum":5E-1}},"type":"object"}}}])");
  EXPECT_EQ(
      json::serialize(form.messages),
      R"([{"role":"system","content":"Be brief."},{"role":"user","content":"Fix it"},)"
      R"({"role":"assistant","content":"I edit.","tool_calls":[{"id":"call_1","type":"function",)"
      R"("function":{"name":"Edit","arguments":"{\"at\":0.5,\"text\":\"a\\\"b\"}"}}]},)"
      R"({"role":"tool","tool_call_id":"call_1","content":"Error: No such file"},)"
      R"({"role":"user","content":"Try again"},)"
      R"({"role":"assistant","content":null,"tool_calls":[{"id":"call_2","type":"function",)"
      R"("function":{"name":"Edit","arguments":"{}"}},{"id":"call_3","type":"function",)"
      R"("function":{"name":"Edit","arguments":"{\"at\":1}"}}]},)"
      R"({"role":"tool","tool_call_id":"call_3","content":"b"},)"
      R"({"role":"tool","tool_call_id":"call_2","content":""}])");
}

// Ids apart, a model that serves the conversation is asked what one that learns from it is shown.
TEST(ChatForm, SaysWhatATranslatedRequestSays) {
  json::object request = parsed(kClaude);
  request["tools"].as_array().pop_back();
  const auto translated =
      translate_request(Format::kAnthropicMessages, Format::kOpenAIChat, request, {.name = "m"});
  ASSERT_TRUE(translated) << translated.error().message;
  const auto form = read_as(Format::kAnthropicMessages, kClaude);
  const auto body = parsed(translated->body);
  EXPECT_EQ(canonical(body.at("tools")), canonical(form.tools));
  const auto& asked = body.at("messages").as_array();
  ASSERT_EQ(asked.size(), form.messages.size());
  for (std::size_t i = 0; i < asked.size(); ++i) {
    EXPECT_EQ(chat_text(asked[i].as_object()), chat_text(form.messages[i].as_object())) << i;
    EXPECT_EQ(asked[i].at("role"), form.messages[i].at("role")) << i;
  }
}

TEST(ChatForm, ToolsOfNamespacesAndThoseThatTakeTextAreFunctions) {
  const auto form = read_as(Format::kOpenAIResponses, R"({"model":"m",
    "tools":[{"type":"function","name":"now"},
      {"type":"namespace","name":"db","description":"Tables.","tools":[
        {"type":"function","name":"read","description":"Reads.","parameters":{"type":"object"}},
        {"type":"function","name":"drop"}]},
      {"type":"custom","name":"patch","description":"Patches.",
       "format":{"type":"grammar","syntax":"lark","definition":"start: x"}},
      {"type":"web_search"}],
    "input":[{"type":"message","role":"user","content":"Go"},
      {"type":"function_call","call_id":"c","namespace":"db","name":"read","arguments":"{}"},
      {"type":"function_call_output","call_id":"c","output":"rows"},
      {"type":"custom_tool_call","call_id":"c","name":"patch","input":"*** Begin"},
      {"type":"custom_tool_call_output","call_id":"c","output":"ok"}]})");
  ASSERT_TRUE(form.has_form);
  EXPECT_EQ(
      json::serialize(form.tools),
      R"([{"type":"function","function":{"name":"now"}},)"
      R"({"type":"function","function":{"name":"db__read","description":"Tables.\nReads.",)"
      R"("parameters":{"type":"object"}}},)"
      R"({"type":"function","function":{"name":"db__drop","description":"Tables.\n"}},)"
      R"({"type":"function","function":{"name":"patch","description":"Patches.","parameters":)"
      R"({"type":"object","properties":{"input":{"type":"string","description":"start: x"}},)"
      R"("required":["input"]}}}])");
  ASSERT_EQ(form.messages.size(), 5U);
  EXPECT_EQ(chat_text(form.messages[1].as_object()), "db__read {}");
  EXPECT_EQ(chat_text(form.messages[3].as_object()), R"(patch {"input":"*** Begin"})");
  // One id for two calls: each result is of the call before it.
  EXPECT_EQ(form.messages[2].at("tool_call_id"), "call_1");
  EXPECT_EQ(form.messages[4].at("tool_call_id"), "call_2");
}

// Servers that give no ids, or all calls the same, and clients that send results without.
TEST(ChatForm, ResultsOfCallsUnderOneIdAreInTheOrderOfTheCalls) {
  for (const auto* id : {"", "0"}) {
    const std::string call =
        R"({"id":")" + std::string(id) + R"(","type":"function","function":{"name":"f",)";
    const std::string result = R"({"role":"tool","tool_call_id":")" + std::string(id) + "\"";
    const auto form =
        read_as(Format::kOpenAIChat,
                R"({"model":"m","messages":[{"role":"user","content":"Go"},)"
                R"({"role":"assistant","tool_calls":[)" +
                    call + R"("arguments":"{}"}}]},{"role":"assistant","tool_calls":[)" + call +
                    R"("arguments":"{\"a\":1}"}},)" + call + R"("arguments":"{\"a\":2}"}}]},)" +
                    result + R"(,"content":"1"},)" + result + R"(,"name":"f","content":"2"},)" +
                    result + R"(,"content":"2 again"}]})");
    ASSERT_TRUE(form.has_form);
    ASSERT_EQ(form.messages.size(), 6U);
    const auto& calls = form.messages[2].at("tool_calls").as_array();
    EXPECT_EQ(form.messages[3].at("tool_call_id"), calls.at(0).at("id")) << id;
    EXPECT_EQ(form.messages[4].at("tool_call_id"), calls.at(1).at("id")) << id;
    if (*id != '\0') {
      EXPECT_EQ(form.messages[5].at("tool_call_id"), calls.at(1).at("id"));
    }
  }
}

TEST(ChatForm, ATextThatIsJsonIsStillTheTextOfAToolThatTakesOne) {
  const auto form = read_as(Format::kOpenAIResponses, R"({"model":"m",
    "tools":[{"type":"custom","name":"note","format":{"type":"text"}}],
    "input":[{"type":"message","role":"user","content":"Go"},
      {"type":"custom_tool_call","call_id":"c","name":"note","input":"{\"a\":0.5}"},
      {"type":"custom_tool_call","call_id":"d","name":"note","input":""}]})");
  ASSERT_TRUE(form.has_form);
  EXPECT_EQ(chat_text(form.messages.at(1).as_object()),
            "note {\"input\":\"{\\\"a\\\":0.5}\"}\nnote {\"input\":\"\"}");
}

TEST(ChatForm, WhatIsNoTextOrNoWholeCallHasNone) {
  for (const auto* parts : {R"([{"type":"image","source":{}}])", R"([{"type":"other","value":{}}])",
                            R"([{"type":"tool_result","id":"c","content":[]}])",
                            R"([{"type":"tool_call","id":"c","name":"f","arguments":"{\"cut"}])",
                            R"([{"type":"tool_call","id":"c","name":"","arguments":{}}])", "[7]"}) {
    ChatNames names;
    const json::object message{{"role", "assistant"}, {"content", parse_json(parts).value()}};
    EXPECT_FALSE(chat_message(message, names)) << parts;
  }
  for (const auto* content :
       {R"([{"type":"image","source":{}}])", R"([{"type":"other","value":1}])", R"(["x"])"}) {
    ChatNames names;
    const json::object result{
        {"type", "tool_result"}, {"id", "c"}, {"content", parse_json(content).value()}};
    EXPECT_FALSE(chat_message(make_message("tool", {result}), names)) << content;
  }
  ChatNames names;
  EXPECT_FALSE(chat_message(make_message("tools", {}), names));
  EXPECT_FALSE(chat_message(make_message("tool", {}), names));
  EXPECT_FALSE(chat_message(make_message("robot", {text_part("x")}), names));
  const json::object call{{"type", "tool_call"}, {"id", ""}, {"name", "f"}, {"arguments", {}}};
  EXPECT_FALSE(chat_message(make_message("user", {call}), names));
}

}  // namespace
}  // namespace hone::wire
