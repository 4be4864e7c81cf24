// What a request may hold, and what becomes of it.
#include "engine/serve/openai.h"

#include <gtest/gtest.h>

namespace hone::engine::openai {
namespace {

constexpr std::string_view kTool =
    R"({"type":"function","function":{"name":"now","description":null,"strict":false,)"
    R"("parameters":{"type":"object"}}})";

// A small request with `members` besides.
Result<ApiCall> read(const std::string& members) {
  const auto body = parse_json_object(
      R"({"model":"m","messages":[{"role":"user","content":"hi"}])" + members + "}");
  if (!body) return fail(body.error());
  return read_call(*body, {});
}

std::string message_of(const Result<ApiCall>& call) {
  return call ? "taken" : call.error().message;
}

TEST(ReadCall, TakesWhatChangesNothing) {
  const auto call = read(
      R"(,"user":"u","metadata":{"a":"b"},"store":true,"service_tier":"auto",)"
      R"("safety_identifier":"s","prompt_cache_key":"k","prompt_cache_retention":"24h",)"
      R"("prediction":{"type":"content","content":"x"},"reasoning_effort":"high",)"
      R"("parallel_tool_calls":false,"n":1.0,"presence_penalty":0,"frequency_penalty":0.0,)"
      R"("logit_bias":{},"modalities":["text"],"response_format":{"type":"text"},"functions":null,)"
      R"("stream":true,"stream_options":{"include_usage":true,"include_obfuscation":false},)"
      R"("tool_choice":"auto","max_completion_tokens":7,"seed":5,"stop":"END")");
  ASSERT_TRUE(call) << call.error().message;
  EXPECT_TRUE(call->streamed);
  EXPECT_TRUE(call->include_usage);
  EXPECT_EQ(call->max_tokens, 7);
  EXPECT_EQ(call->order.seed, 5U);
  EXPECT_EQ(call->order.stop, std::vector<std::string>{"END"});
}

TEST(ReadCall, NamesWhatCannotBeHad) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {R"("n":0)", "'n'"},
      {R"("n":17)", "'n'"},
      {R"("presence_penalty":0.5)", "'presence_penalty'"},
      {R"("frequency_penalty":-1)", "'frequency_penalty'"},
      {R"("logit_bias":{"5":1})", "'logit_bias'"},
      {R"("response_format":{"type":"json_schema"})", "'json_schema'"},
      {R"("response_format":{"type":"json_schema","json_schema":{}})",
       "'response_format.json_schema.name'"},
      {R"("response_format":{"type":"json_schema","json_schema":{"name":"a","extra":1}})",
       "'response_format.json_schema.extra'"},
      {R"("response_format":{"type":"grammar"})", "'response_format.type'"},
      {R"("response_format":{"type":"json_object"},"ignore_eos":true)", "'ignore_eos'"},
      {R"("response_format":{"type":"json_object"},"continue_final_message":true)",
       "'continue_final_message'"},
      {R"("modalities":["text","audio"])", "'modalities'"},
      {R"("audio":{})", "'audio'"},
      {R"("functions":[])", "'functions'"},
      {R"("guided_json":{})", "'guided_json'"},
      {R"("top_k":5)", "'top_k'"},
      {R"("stream_options":{"usage":true})", "'stream_options.usage'"},
      {R"("tool_choice":"required")", "'tool_choice'"},
      {R"("tool_choice":{"type":"function","function":{"name":"now"}})",
       "'tool_choice.function.name'"},
      {R"("tools":[{"type":"custom","custom":{}}])", "'tools[0].type'"},
      {R"("tools":[{"type":"function"}])", "tools[0]: field 'function'"},
      {R"("tools":[{"type":"function","function":{"name":"a b"}}])", "'tools[0].function.name'"},
      {R"("tools":[{"type":"function","function":{"name":"a","strict":"yes"}}])", "'strict'"},
      {R"("tool_choice":{"type":"allowed_tools"})", "'tool_choice'"},
      {R"("tools":[{"type":"function","function":{"name":"a","parameters":5}}])", "'parameters'"},
      {R"("parallel_tool_calls":"no")", "'parallel_tool_calls'"}};
  for (const auto& [members, named] : cases) {
    const std::string message = message_of(read("," + members));
    EXPECT_NE(message.find(named), std::string::npos) << members << ": " << message;
  }
}

TEST(ReadCall, ReadsToolsAsTheTemplatesTakeThem) {
  const std::string tools = R"(,"tools":[)" + std::string(kTool) + "]";
  const auto call = read(tools);
  ASSERT_TRUE(call) << call.error().message;
  ASSERT_EQ(call->tools.size(), 1U);
  EXPECT_EQ(json::serialize(call->tools.at(0)),
            R"({"type":"function","function":{"name":"now","parameters":{"type":"object"}}})");
  EXPECT_TRUE(call->chat.with_tools);
  const auto none = read(tools + R"(,"tool_choice":"none")");
  ASSERT_TRUE(none) << none.error().message;
  EXPECT_TRUE(none->tools.empty());
  EXPECT_FALSE(none->chat.with_tools);
}

TEST(ReadCall, ReadsTheFormOfTheAnswer) {
  using Text = OutputForm::Text;
  const auto plain = read(R"(,"response_format":{"type":"text"})");
  ASSERT_TRUE(plain) << plain.error().message;
  EXPECT_FALSE(plain->form.binds());
  const auto object = read(R"(,"response_format":{"type":"json_object"})");
  ASSERT_TRUE(object) << object.error().message;
  EXPECT_EQ(object->form.text, Text::kObject);
  const auto schema = read(R"(,"n":3,"response_format":{"type":"json_schema","json_schema":)"
                           R"({"name":"x","strict":true,"schema":{"type":"null"}}})");
  ASSERT_TRUE(schema) << schema.error().message;
  EXPECT_EQ(schema->form.text, Text::kSchema);
  EXPECT_EQ(json::serialize(schema->form.schema), R"({"type":"null"})");
  EXPECT_EQ(schema->form.where, "response_format.json_schema.schema");
  EXPECT_EQ(schema->choices, 3);
}

TEST(ReadCall, ReadsWhichToolMustBeCalled) {
  using Text = OutputForm::Text;
  const std::string tools = R"(,"tools":[)" + std::string(kTool) +
                            R"(,{"type":"function","function":{"name":"at","strict":true}}])";
  const auto free = read(tools);
  ASSERT_TRUE(free) << free.error().message;
  EXPECT_EQ(free->form.text, Text::kFree);
  ASSERT_EQ(free->form.calls.size(), 2U) << "one of them is strict";
  EXPECT_TRUE(free->form.calls[0].any_arguments);
  EXPECT_FALSE(free->form.calls[1].any_arguments);
  const auto any = read(tools + R"(,"tool_choice":"required")");
  ASSERT_TRUE(any) << any.error().message;
  EXPECT_EQ(any->form.text, Text::kNone);
  ASSERT_EQ(any->form.calls.size(), 2U);
  EXPECT_FALSE(any->form.calls[0].any_arguments);
  EXPECT_EQ(any->form.calls[0].where, "tools[0].function.parameters");
  const auto one = read(tools + R"(,"tool_choice":{"type":"function","function":{"name":"at"}})");
  ASSERT_TRUE(one) << one.error().message;
  ASSERT_EQ(one->form.calls.size(), 1U);
  EXPECT_EQ(one->form.calls[0].name, "at");
  EXPECT_EQ(one->tools.size(), 2U) << "the model is told of all";
  const auto none = read(tools + R"(,"tool_choice":"none")");
  ASSERT_TRUE(none) << none.error().message;
  EXPECT_FALSE(none->form.binds());
  const auto not_strict = read(R"(,"tools":[)" + std::string(kTool) + "]");
  ASSERT_TRUE(not_strict) << not_strict.error().message;
  EXPECT_FALSE(not_strict->form.binds()) << "nothing is asked of an answer";
}

Result<ApiCall> read_messages_of(const std::string& messages) {
  const auto body = parse_json_object(R"({"model":"m","messages":[)" + messages + "]}");
  if (!body) return fail(body.error());
  return read_call(*body, {});
}

TEST(ReadCall, ReadsCallsAndResults) {
  const auto call = read_messages_of(
      R"({"role":"developer","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]},)"
      R"({"role":"user","content":"Bern?"},)"
      R"({"role":"assistant","content":null,"refusal":null,"annotations":[],"tool_calls":[)"
      R"({"id":"c1","type":"function","index":0,"function":{"name":"f","arguments":"{\"x\":1}"}},)"
      R"({"id":"c2","type":"function","function":{"name":"g","arguments":""}}]},)"
      R"({"role":"tool","tool_call_id":"c1","content":"21"},)"
      R"({"role":"assistant","content":null,"refusal":"No."})");
  ASSERT_TRUE(call) << call.error().message;
  ASSERT_EQ(call->turns.size(), 5U);
  EXPECT_EQ(call->turns[0].role, "system");
  EXPECT_EQ(call->turns[0].content, "ab");
  ASSERT_EQ(call->turns[2].calls.size(), 2U);
  EXPECT_EQ(call->turns[2].calls[0].id, "c1");
  EXPECT_EQ(call->turns[2].calls[0].name, "f");
  EXPECT_EQ(json::serialize(call->turns[2].calls[0].arguments), R"({"x":1})");
  EXPECT_TRUE(call->turns[2].calls[1].arguments.empty());
  EXPECT_EQ(call->turns[3].role, "tool");
  EXPECT_EQ(call->turns[3].call_id, "c1");
  EXPECT_EQ(call->turns[4].content, "No.");
}

TEST(ReadCall, NamesTheMessageThatIsWrong) {
  const std::string calling = R"({"role":"assistant","tool_calls":[)";
  const std::vector<std::pair<std::string, std::string>> cases = {
      {R"({"role":"user","content":"x","name":"Ana"})", "'messages[0].name'"},
      {R"({"role":"user","content":[{"type":"image_url","image_url":{}}]})",
       "'messages[0].content[0]'"},
      {R"({"role":"assistant","content":"x","audio":{"id":"a"}})", "'messages[0].audio'"},
      {R"({"role":"user","content":"x","tool_calls":[]})", "'messages[0].tool_calls'"},
      {R"({"content":"x"})", "messages[0]: field 'role'"},
      {calling + R"({"id":"a","type":"custom"}]})", "'messages[0].tool_calls[0].type'"},
      {calling + R"({"id":"a","function":{"name":"f","arguments":"{"}}]})",
       "'messages[0].tool_calls[0].function.arguments'"},
      {calling + R"({"id":"a","function":{"name":"f","arguments":"[1]"}}]})",
       "'messages[0].tool_calls[0].function.arguments'"}};
  for (const auto& [messages, named] : cases) {
    const std::string message = message_of(read_messages_of(messages));
    EXPECT_NE(message.find(named), std::string::npos) << messages << ": " << message;
  }
}

}  // namespace
}  // namespace hone::engine::openai
