// A body cut into parts reads as the body does.
#include "wire/call_parts.h"

#include <gtest/gtest.h>

namespace hone::wire {
namespace {

std::vector<json::object> messages_of(Format format, const std::string& text) {
  const auto object = parse_json_object(text);
  EXPECT_TRUE(object) << text;
  const auto call = read_call(format, *object);
  EXPECT_TRUE(call) << text;
  return call ? call->messages : std::vector<json::object>();
}

// The messages of all parts, one after the other.
std::vector<json::object> messages_by_parts(Format format, const CallParts& parts) {
  auto all = messages_of(format, opening_text(parts));
  for (std::size_t i = 0; i < parts.messages.size(); ++i) {
    for (auto& message : messages_of(format, message_text(parts, i))) all.push_back(message);
  }
  return all;
}

constexpr std::string_view kAnthropic = R"( {"model":"m","max_tokens":5, "messages" :[
  {"role":"user","content":"hi \"there\\"}, {"role":"assistant","content":[
   {"type":"tool_use","id":"t1","name":"ls","input":{"p":[1,{"q":"]}"}]}}]},
  {"role":"user","content":[{"type":"tool_result","tool_use_id":"t1","content":"a"},
   {"type":"text","text":"go on"}]}],
  "system":[{"type":"text","text":"be brief"}],"tools":[{"name":"ls","input_schema":{}}] } )";

constexpr std::string_view kOpenAI = R"({"messages":[{"role":"system","content":"s"},
  {"role":"user","content":[{"type":"text","text":"q"}]}],"tools":[],"temperature":0.5,"model":"m"})";

TEST(CallParts, ReadOneByOneGiveTheMessagesOfTheWholeBody) {
  for (const auto& [format, body] : {std::pair(Format::kAnthropicMessages, kAnthropic),
                                     std::pair(Format::kOpenAIChat, kOpenAI)}) {
    const auto parts = cut_call(format, body);
    ASSERT_TRUE(parts) << body;
    EXPECT_EQ(messages_by_parts(format, *parts), messages_of(format, std::string(body)));
  }
}

TEST(CallParts, KeepTheSettingsApart) {
  const auto parts = cut_call(Format::kAnthropicMessages, kAnthropic);
  ASSERT_TRUE(parts);
  const auto call =
      read_call(Format::kAnthropicMessages, *parse_json_object(settings_text(*parts)));
  ASSERT_TRUE(call);
  EXPECT_EQ(call->model, "m");
  EXPECT_EQ(json::serialize(call->params), R"({"max_tokens":5})");
  EXPECT_TRUE(call->messages.empty());
}

TEST(CallParts, TheOpeningIsKnownWithoutWhatIsBilled) {
  const auto marks = [](const std::string& system) {
    const std::string body =
        R"({"model":"m","messages":[],"tools":[1],"system":)" + system + "}";  // which parts view
    const auto parts = cut_call(Format::kAnthropicMessages, body);
    std::string all;
    for (const auto mark : parts->opening_marks) all += std::string(mark) + "\n";
    return all;
  };
  const std::string rest = R"({"type":"text","text":"be brief","cache_control":{}}])";
  const auto billed = [&](const std::string& block) { return marks("[" + block + "," + rest); };
  const std::string one = billed(R"({"type":"text","text":"x-anthropic-billing-header: a=1;"})");
  EXPECT_EQ(one, billed(R"({"type":"text","text":"x-anthropic-billing-header: a=2;"})"));
  EXPECT_NE(one.find("be brief"), std::string::npos);
  EXPECT_NE(one.find("[1]"), std::string::npos);
  // What only looks like it counts.
  for (const std::string text :
       {R"(say \"x-anthropic-billing-header: ?\")", " x-anthropic-billing-header:"}) {
    const std::string block = R"({"type":"text","text":")" + text + "\"}";
    EXPECT_NE(billed(block).find(text), std::string::npos);
  }
  EXPECT_NE(marks(R"("x-anthropic-billing-header: a")").find("billing"), std::string::npos);
}

TEST(CallParts, StayWholeWhereACutCouldBeReadDifferently) {
  for (const auto* body : {"", "[]", "{}", R"({"model":"m"})", R"({"messages":{}})",
                           R"({"messages":[1)", R"({"messages":[1}})", R"({"messages":[],})",
                           R"({"messages":[]} x)", R"({"messages":[],"messages":[]})",
                           R"({"m\u0065ssages":[]})", R"({"messages":[],"a":"\)"}) {
    EXPECT_FALSE(cut_call(Format::kOpenAIChat, body)) << body;
  }
}

// A network thread cuts: what would keep it long is left to be read whole.
TEST(CallParts, LeavesABodyOfManyKeysOrMessagesWhole) {
  const auto with_keys = [](int count) {
    std::string body = R"({"model":"m","messages":[])";
    for (int i = 2; i < count; ++i) body += ",\"k" + std::to_string(i) + "\":1";
    return body + "}";
  };
  EXPECT_TRUE(cut_call(Format::kOpenAIChat, with_keys(128)));
  EXPECT_FALSE(cut_call(Format::kOpenAIChat, with_keys(129)));
  const auto with_messages = [](int count) {
    std::string body = R"({"model":"m","messages":[1)";
    for (int i = 1; i < count; ++i) body += ",1";
    return body + "]}";
  };
  EXPECT_TRUE(cut_call(Format::kOpenAIChat, with_messages(100'000)));
  EXPECT_FALSE(cut_call(Format::kOpenAIChat, with_messages(100'001)));
}

}  // namespace
}  // namespace hone::wire
