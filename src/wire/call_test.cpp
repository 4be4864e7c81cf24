#include "wire/call.h"

#include <gtest/gtest.h>

#include "wire/message.h"

namespace hone::wire {
namespace {

Call read(Format format, std::string_view body) {
  auto call = read_call(format, parse_json_object(body).value());
  EXPECT_TRUE(call) << call.error().message;
  return call.value_or(Call{});
}

std::string messages_of(const Call& call) {
  std::string text;
  for (const auto& message : call.messages) text += canonical(message) + "\n";
  return text;
}

TEST(WireCall, OpenAIWritingsOfTheSameMessagesAreOne) {
  const Call one = read(Format::kOpenAIChat, R"({"model":"assistant","stream":true,
    "temperature":0.5,"user":"ana@example.org",
    "messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"hi"},
     {"role":"assistant","content":null,"refusal":null,"tool_calls":[{"id":"c1","type":"function",
       "index":0,"function":{"name":"f","arguments":"{\"b\": 1.0, \"a\": [ ]}"}}]},
     {"role":"tool","tool_call_id":"c1","content":"done"}]})");
  const Call two = read(Format::kOpenAIChat, R"({"model":"assistant","messages":[
     {"content":[{"type":"text","text":"Be brief."}],"role":"developer"},
     {"role":"user","content":[{"type":"text","text":"hi","cache_control":{"type":"ephemeral"}}]},
     {"role":"assistant","content":"","tool_calls":[{"id":"c1","type":"function",
       "function":{"name":"f","arguments":"{\"a\":[],\"b\":1}"}}]},
     {"role":"tool","tool_call_id":"c1","content":[{"type":"text","text":"done"}]}]})");
  EXPECT_EQ(messages_of(one), messages_of(two));
  EXPECT_EQ(messages_of(one),
            R"({"content":[{"text":"Be brief.","type":"text"}],"role":"system"})"
            "\n"
            R"({"content":[{"text":"hi","type":"text"}],"role":"user"})"
            "\n"
            R"({"content":[{"arguments":{"a":[],"b":1},"id":"c1","name":"f","type":"tool_call"}],)"
            R"("role":"assistant"})"
            "\n"
            R"({"content":[{"content":[{"text":"done","type":"text"}],"id":"c1",)"
            R"("type":"tool_result"}],"role":"tool"})"
            "\n");
  EXPECT_TRUE(one.stream);
  EXPECT_FALSE(two.stream);
  EXPECT_EQ(canonical(one.params), R"({"temperature":5E-1})");
}

TEST(WireCall, AnthropicWritingsOfTheSameMessagesAreOne) {
  const Call one = read(Format::kAnthropicMessages, R"({"model":"m","max_tokens":9,"system":[
     {"type":"text","text":"x-anthropic-billing-header: cc_version=1;"},
     {"type":"text","text":"Be brief.","cache_control":{"type":"ephemeral"}}],
    "tools":[{"name":"f","description":"d","input_schema":{"type":"object"},
              "cache_control":{"type":"ephemeral"},"eager_input_streaming":true}],
    "messages":[{"role":"user","content":"hi"},
     {"role":"assistant","content":[{"type":"thinking","thinking":"","signature":"abc"},
       {"type":"redacted_thinking","data":"xyz"},
       {"type":"tool_use","id":"t1","name":"f","input":{"a":1}}]},
     {"role":"user","content":[{"type":"tool_result","tool_use_id":"t1","content":"no",
       "is_error":true},{"type":"text","text":"use tabs","cache_control":{"type":"ephemeral"}}]}]})");
  const Call two = read(Format::kAnthropicMessages, R"({"model":"m","max_tokens":9,
    "system":"Be brief.","tools":[{"input_schema":{"type":"object"},"name":"f","description":"d"}],
    "messages":[{"role":"user","content":[{"type":"text","text":"hi"}]},
     {"role":"assistant","content":[{"type":"tool_use","id":"t1","name":"f","input":{"a":1.0}}]},
     {"role":"user","content":[{"type":"tool_result","tool_use_id":"t1","is_error":true,
       "content":[{"type":"text","text":"no"}]},{"type":"text","text":"use tabs"}]}]})");
  EXPECT_EQ(messages_of(one), messages_of(two));
  ASSERT_EQ(one.messages.size(), 6U);
  EXPECT_EQ(canonical(one.messages[0]),
            R"({"content":[{"description":"d","name":"f","parameters":{"type":"object"},)"
            R"("type":"tool"}],"role":"tools"})");
  EXPECT_EQ(role_of(one.messages[1]), "system");
  EXPECT_EQ(role_of(one.messages[4]), "tool");
  EXPECT_EQ(text_of(one.messages[5]), "use tabs");
}

TEST(WireCall, ResponsesGivesTheMessagesThatChatGives) {
  const Call chat = read(Format::kOpenAIChat, R"({"model":"m",
    "tools":[{"type":"function","function":{"name":"f","description":"d","parameters":{}}}],
    "messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"hi"},
     {"role":"assistant","content":"I call.","tool_calls":[{"id":"c1","type":"function",
       "function":{"name":"f","arguments":"{\"a\":1}"}}]},
     {"role":"tool","tool_call_id":"c1","content":"done"}]})");
  const Call responses = read(Format::kOpenAIResponses, R"({"model":"m","stream":true,
    "max_output_tokens":7,"reasoning":{"effort":"low"},"store":false,"user":"ana@example.org",
    "instructions":"Be brief.",
    "tools":[{"type":"function","name":"f","description":"d","parameters":{},"strict":false}],
    "input":[{"role":"user","content":[{"type":"input_text","text":"hi"}]},
     {"type":"message","id":"msg_1","status":"completed","role":"assistant",
      "content":[{"type":"output_text","text":"I call.","annotations":[]}]},
     {"type":"function_call","id":"fc_1","status":"completed","call_id":"c1","name":"f",
      "arguments":"{\"a\": 1.0}"},
     {"type":"function_call_output","id":"fco_1","call_id":"c1","output":"done"}]})");
  EXPECT_EQ(messages_of(chat), messages_of(responses));
  EXPECT_TRUE(responses.stream);
  EXPECT_EQ(canonical(responses.params), R"({"max_output_tokens":7,"reasoning":{"effort":"low"}})");
  const Call text = read(Format::kOpenAIResponses, R"({"model":"m","input":"hi"})");
  EXPECT_EQ(messages_of(text), R"({"content":[{"text":"hi","type":"text"}],"role":"user"})"
                               "\n");
}

TEST(WireCall, ResponsesKeepsReasoningCustomToolsAndNamespaces) {
  const Call call = read(Format::kOpenAIResponses, R"({"model":"m",
    "input":[{"type":"additional_tools","id":"at_1","role":"developer","tools":[
       {"type":"namespace","name":"ns","description":"n","tools":[
         {"type":"custom","name":"exec","description":"d","format":{"type":"text"}}]},
       {"type":"web_search"}]},
     {"type":"message","role":"developer","content":[{"type":"input_text","text":"x"}]},
     {"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text","text":"Plan."}],
      "content":[{"type":"reasoning_text","text":"All of it."}],"encrypted_content":"gAAA"},
     {"type":"custom_tool_call","id":"ct_1","call_id":"c2","namespace":"ns","name":"exec",
      "input":"ls -l"},
     {"type":"custom_tool_call_output","call_id":"c2","output":[
       {"type":"input_text","text":"ok"},{"type":"input_image","image_url":"https://x/y.png"}]},
     {"type":"compaction","id":"cmp_1","encrypted_content":"gAAB"}]})");
  EXPECT_EQ(messages_of(call),
            R"({"content":[{"description":"n","name":"ns","parameters":null,"type":"tool"},)"
            R"({"description":"d","name":"ns.exec","parameters":{"type":"text"},"type":"tool"},)"
            R"({"type":"other","value":{"type":"web_search"}}],"role":"tools"})"
            "\n"
            R"({"content":[{"text":"x","type":"text"}],"role":"system"})"
            "\n"
            R"({"content":[{"text":"Plan.","type":"thinking"},{"text":"All of it.",)"
            R"("type":"thinking"},{"arguments":"ls -l","id":"c2","name":"ns.exec",)"
            R"("type":"tool_call"}],"role":"assistant"})"
            "\n"
            R"({"content":[{"content":[{"text":"ok","type":"text"},{"source":{"image_url":)"
            R"("https://x/y.png"},"type":"image"}],"id":"c2","type":"tool_result"}],"role":"tool"})"
            "\n"
            R"({"content":[{"type":"other","value":{"type":"compaction"}}],"role":"assistant"})"
            "\n");
}

TEST(WireCall, ResponsesSaysWhereTheBeginningOfTheContextIsElsewhere) {
  const Call call = read(Format::kOpenAIResponses,
                         R"({"model":"m","previous_response_id":"resp_1","conversation":null,
    "instructions":"Be brief.","input":[{"type":"item_reference","id":"msg_9"},
    {"role":"user","content":"and?"}]})");
  EXPECT_EQ(messages_of(call),
            R"({"content":[{"type":"other","value":{"previous_response_id":"resp_1"}},)"
            R"({"text":"Be brief.","type":"text"}],"role":"system"})"
            "\n"
            R"({"content":[{"type":"other","value":{"id":"msg_9","type":"item_reference"}}],)"
            R"("role":"system"})"
            "\n"
            R"({"content":[{"text":"and?","type":"text"}],"role":"user"})"
            "\n");
  EXPECT_TRUE(read_call(Format::kOpenAIResponses,
                        parse_json_object(R"({"model":"m","prompt":{"id":"p"}})").value()));
}

TEST(WireCall, KeepsTheDigestOfAnImageAndNotItsBytes) {
  const std::string bytes(5000, 'A');
  const Call anthropic =
      read(Format::kAnthropicMessages,
           R"({"model":"m","messages":[{"role":"user","content":[{"type":"image","source":{"type":
      "base64","media_type":"image/png","data":")" +
               bytes + R"("}},{"type":"document","source":{"type":"base64","data":")" + bytes +
               R"("}}]}]})");
  const Call openai = read(Format::kOpenAIChat,
                           R"({"model":"m","messages":[{"role":"user","content":[{"type":
      "image_url","image_url":{"url":"data:image/png;base64,)" +
                               bytes + R"("}}]}]})");
  const Call responses = read(Format::kOpenAIResponses,
                              R"({"model":"m","input":[{"role":"user","content":[{"type":
      "input_image","image_url":"data:image/png;base64,)" +
                                  bytes + R"("},{"type":"input_file","file_data":")" + bytes +
                                  R"("}]},{"type":"image_generation_call","id":"ig_1","result":")" +
                                  bytes + R"("}]})");
  for (const Call& call : {anthropic, openai, responses}) {
    const std::string text = messages_of(call);
    EXPECT_EQ(text.find("AAAA"), std::string::npos);
    EXPECT_NE(text.find("sha256"), std::string::npos);
  }
}

TEST(WireCall, ReadsWhatItDoesNotKnowAndRefusesWhatIsNoCall) {
  const Call call = read(Format::kOpenAIChat, R"({"model":"m","new_field":{"a":1},"tools":[7],
    "messages":[{"role":"critic","content":[{"type":"hologram","x":1},5,null]},{},
    {"role":"assistant","tool_calls":[1,{"id":"c","type":"later"},{"function":{"name":1}}]}]})");
  EXPECT_EQ(call.messages.size(), 4U);
  EXPECT_EQ(role_of(call.messages[1]), "critic");
  for (const char* body : {R"({})", R"({"model":1,"messages":[]})", R"({"model":"m"})",
                           R"({"model":"m","messages":{},"input":{}})",
                           R"({"model":"m","messages":[1],"input":[1]})"}) {
    for (const Format format : kFormats) {
      const auto refused = read_call(format, parse_json_object(body).value());
      ASSERT_FALSE(refused) << body;
      EXPECT_NE(refused.error().message.find("field '"), std::string::npos);
    }
  }
}

TEST(WireCall, WritesErrorsAsEachFormatsClientsKnowThem) {
  EXPECT_EQ(error_body(Format::kOpenAIChat, 404, "no alias 'x'"),
            R"({"error":{"message":"no alias 'x'","type":"invalid_request_error","param":null,)"
            R"("code":null}})");
  EXPECT_EQ(error_body(Format::kOpenAIResponses, 404, "no alias 'x'"),
            error_body(Format::kOpenAIChat, 404, "no alias 'x'"));
  EXPECT_EQ(error_body(Format::kAnthropicMessages, 404, "no alias 'x'", "req_1"),
            R"({"type":"error","error":{"type":"not_found_error","message":"no alias 'x'"},)"
            R"("request_id":"req_1"})");
}

}  // namespace
}  // namespace hone::wire
