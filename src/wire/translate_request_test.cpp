// Requests of one format in the other: what is kept, what is left out on purpose, what is refused.
#include <gtest/gtest.h>

#include <filesystem>

#include "base/test_support.h"
#include "wire/message.h"
#include "wire/translate.h"
#include "wire/translate_part.h"

namespace hone::wire {
namespace {

constexpr auto kChat = Format::kOpenAIChat;
constexpr auto kMessages = Format::kAnthropicMessages;

json::object parsed(std::string_view text) {
  auto object = parse_json_object(text);
  EXPECT_TRUE(object) << text << ": " << (object ? "" : object.error().message);
  return object ? *object : json::object();
}

json::object translated(Format client, Format upstream, std::string_view body) {
  auto request = translate_request(client, upstream, parsed(body), {"m-there"});
  EXPECT_TRUE(request) << (request ? "" : request.error().message);
  return request ? parsed(request->body) : json::object();
}

json::object to_chat(std::string_view body) {
  return translated(kMessages, kChat, body);
}

json::object to_messages(std::string_view body) {
  return translated(kChat, kMessages, body);
}

// The error's message, or "" where there was none.
std::string refusal(Format client, Format upstream, std::string_view body) {
  const auto request = translate_request(client, upstream, parsed(body), {"m"});
  return request ? "" : request.error().message;
}

std::string text(const json::value& value) {
  return plain_json(value);
}

TEST(MessagesToChat, SaysTheSameInTheOtherFormat) {
  const auto chat = to_chat(R"({"model":"m","max_tokens":100,"temperature":0.7,"top_p":0.9,
    "stop_sequences":["END"],"stream":true,
    "system":[{"type":"text","text":"x-anthropic-billing-header: cc_version=1;"},
              {"type":"text","text":"Be brief.","cache_control":{"type":"ephemeral"}}],
    "messages":[{"role":"user","content":"hi"},
                {"role":"assistant","content":[{"type":"text","text":"Hello."}]},
                {"role":"user","content":[{"type":"text","text":"one"},
                                          {"type":"text","text":"two"}]}]})");
  EXPECT_EQ(text(chat),
            R"({"model":"m-there","messages":[{"role":"system","content":"Be brief."},)"
            R"({"role":"user","content":"hi"},{"role":"assistant","content":"Hello."},)"
            R"({"role":"user","content":[{"type":"text","text":"one"},)"
            R"({"type":"text","text":"two"}]}],"max_tokens":100,"temperature":0.7,"top_p":0.9,)"
            R"("stop":["END"],"stream":true,"stream_options":{"include_usage":true}})");
}

TEST(MessagesToChat, TranslatesToolsTheirCallsAndTheirResults) {
  const auto chat = to_chat(R"({"model":"m","max_tokens":9,
    "tools":[{"name":"Write","description":"writes","input_schema":{"type":"object"},
              "eager_input_streaming":true,"cache_control":{"type":"ephemeral"}},
             {"type":"custom","name":"Read","input_schema":{"type":"object"},"strict":true}],
    "tool_choice":{"type":"any","disable_parallel_tool_use":true},
    "messages":[{"role":"user","content":"go"},
      {"role":"assistant","content":[
        {"type":"thinking","thinking":"hm","signature":"s"},
        {"type":"text","text":"Both."},
        {"type":"tool_use","id":"toolu_1","name":"Write","input":{"b":1.5,"a":"x"}},
        {"type":"tool_use","id":"toolu_2","name":"Read","input":{}}]},
      {"role":"user","content":[
        {"type":"tool_result","tool_use_id":"toolu_1","content":"done"},
        {"type":"tool_result","tool_use_id":"toolu_2","is_error":true,
         "content":[{"type":"text","text":"no such file"}]},
        {"type":"text","text":"also add tests"}]}]})");
  EXPECT_EQ(text(chat.at("messages")),
            R"([{"role":"user","content":"go"},{"role":"assistant","content":"Both.",)"
            R"("tool_calls":[{"id":"toolu_1","type":"function","function":{"name":"Write",)"
            R"("arguments":"{\"b\":1.5,\"a\":\"x\"}"}},{"id":"toolu_2","type":"function",)"
            R"("function":{"name":"Read","arguments":"{}"}}]},)"
            R"({"role":"tool","tool_call_id":"toolu_1","content":"done"},)"
            R"({"role":"tool","tool_call_id":"toolu_2","content":"Error: no such file"},)"
            R"({"role":"user","content":"also add tests"}])");
  EXPECT_EQ(text(chat.at("tools")),
            R"([{"type":"function","function":{"name":"Write","description":"writes",)"
            R"("parameters":{"type":"object"}}},{"type":"function","function":{"name":"Read",)"
            R"("parameters":{"type":"object"},"strict":true}}])");
  EXPECT_EQ(chat.at("tool_choice"), "required");
  EXPECT_EQ(chat.at("parallel_tool_calls"), false);
}

TEST(MessagesToChat, KeepsAnswersThatOnlyCallAndSystemMessagesInTheMiddle) {
  const auto chat = to_chat(R"({"model":"m","max_tokens":9,"messages":[
      {"role":"user","content":"go"},
      {"role":"system","content":"# Environment","output_config":{"effort":"medium"}},
      {"role":"assistant","content":[{"type":"tool_use","id":"t","name":"f","input":{}}]},
      {"role":"user","content":[{"type":"tool_result","tool_use_id":"t"}]}]})");
  EXPECT_EQ(text(chat.at("messages")),
            R"([{"role":"user","content":"go"},{"role":"system","content":"# Environment"},)"
            R"({"role":"assistant","content":null,"tool_calls":[{"id":"t","type":"function",)"
            R"("function":{"name":"f","arguments":"{}"}}]},)"
            R"({"role":"tool","tool_call_id":"t","content":""}])");
}

TEST(MessagesToChat, TranslatesImagesAlsoThoseThatToolsReturn) {
  const auto chat = to_chat(R"({"model":"m","max_tokens":9,"messages":[
      {"role":"user","content":[{"type":"text","text":"look"},
        {"type":"image","source":{"type":"base64","media_type":"image/png","data":"AAAA"}},
        {"type":"image","source":{"type":"url","url":"https://x/y.png"}}]},
      {"role":"assistant","content":[{"type":"tool_use","id":"t","name":"Read","input":{}}]},
      {"role":"user","content":[{"type":"tool_result","tool_use_id":"t","content":[
        {"type":"image","source":{"type":"base64","media_type":"image/gif","data":"BB"}}]}]}]})");
  const auto& messages = chat.at("messages").as_array();
  EXPECT_EQ(text(messages[0].at("content")),
            R"([{"type":"text","text":"look"},{"type":"image_url","image_url":)"
            R"({"url":"data:image/png;base64,AAAA"}},{"type":"image_url","image_url":)"
            R"({"url":"https://x/y.png"}}])");
  EXPECT_EQ(messages[2].at("role"), "tool");
  EXPECT_EQ(messages[3].at("role"), "user");
  EXPECT_EQ(messages[3].at("content").as_array()[1].at("image_url").at("url"),
            "data:image/gif;base64,BB");
}

TEST(MessagesToChat, OffersADeferredToolOnceASearchHasBroughtIt) {
  const std::string tools = R"("tools":[{"name":"ToolSearch","input_schema":{}},)"
                            R"({"name":"WebFetch","input_schema":{},"defer_loading":true}])";
  const auto before = to_chat(R"({"model":"m","max_tokens":9,"messages":[
      {"role":"user","content":"go"}],)" +
                              tools + "}");
  EXPECT_EQ(before.at("tools").as_array().size(), 1U);
  const auto after = to_chat(R"({"model":"m","max_tokens":9,"messages":[
      {"role":"assistant","content":[{"type":"tool_use","id":"t","name":"ToolSearch","input":{}}]},
      {"role":"user","content":[{"type":"tool_result","tool_use_id":"t","content":[
        {"type":"tool_reference","tool_name":"WebFetch"}]}]}],)" +
                             tools + "}");
  ASSERT_EQ(after.at("tools").as_array().size(), 2U);
  EXPECT_EQ(after.at("tools").as_array()[1].at("function").at("name"), "WebFetch");
  EXPECT_NE(text(after.at("messages")).find("WebFetch"), std::string::npos);
}

TEST(MessagesToChat, TranslatesAnswersThatMustKeepToASchema) {
  const std::string format = R"({"type":"json_schema","schema":{"type":"object"}})";
  for (const auto& member : {R"("output_config":{"effort":"high","format":)" + format + "}",
                             R"("output_format":)" + format}) {
    const auto chat = to_chat(R"({"model":"m","messages":[],)" + member + "}");
    EXPECT_EQ(text(chat.at("response_format")),
              R"({"type":"json_schema","json_schema":{"name":"answer",)"
              R"("schema":{"type":"object"},"strict":true}})");
  }
}

TEST(MessagesToChat, KnowsWhetherTheClientWantsToSeeThinking) {
  const auto wants = [](const std::string& thinking) {
    const auto request = translate_request(
        kMessages, kChat, parsed(R"({"model":"m","messages":[],"thinking":)" + thinking + "}"),
        {"m"});
    return request.value().plan.wants_thinking;
  };
  EXPECT_TRUE(wants(R"({"type":"enabled","budget_tokens":1024})"));
  EXPECT_TRUE(wants(R"({"type":"adaptive","display":"updates"})"));
  EXPECT_FALSE(wants(R"({"type":"adaptive","display":"omitted"})"));
  EXPECT_FALSE(wants(R"({"type":"disabled"})"));
}

struct Refused {
  const char* body;   // members beside "model"
  const char* field;  // that the message names
};

TEST(MessagesToChat, RefusesByNameWhatCannotBeTranslated) {
  const std::vector<Refused> cases = {
      {R"("messages":[],"top_k":5)", "'top_k'"},
      {R"("messages":[],"mcp_servers":[])", "'mcp_servers'"},
      {R"("messages":[],"container":"c")", "'container'"},
      {R"("messages":[],"a_new_field":1)", "'a_new_field'"},
      {R"("messages":[],"stream":"yes")", "'stream'"},
      {R"("messages":7)", "'messages'"},
      {R"("max_tokens":1)", "'messages'"},
      {R"("messages":[3])", "'messages[0]'"},
      {R"("messages":[],"system":[{"type":"image"}])", "'system[0].type'"},
      {R"("messages":[{"role":"tool","content":"x"}])", "'messages[0].role'"},
      {R"("messages":[{"role":"user","content":[{"type":"document"}]}])",
       "'messages[0].content[0].type'"},
      {R"("messages":[{"role":"user","content":[{"type":"text","text":"a","new":1}]}])",
       "'messages[0].content[0].new'"},
      {R"("messages":[{"role":"user","content":[{"type":"text"}]}])",
       "'messages[0].content[0].text'"},
      {R"("messages":[{"role":"user","content":[{"type":"image","source":{"type":"file"}}]}])",
       "'messages[0].content[0].source.type'"},
      {R"("messages":[{"role":"user","content":"x","output_config":{"format":{}}}])",
       "'messages[0].output_config.format'"},
      {R"("messages":[{"role":"assistant","content":"The answer is"}])", "'messages[0].role'"},
      {R"("messages":[{"role":"user","content":[{"type":"tool_use","id":"a","name":"b"}]}])",
       "'messages[0].content[0].type'"},
      {R"("messages":[{"role":"assistant","content":[{"type":"server_tool_use"}]}])",
       "'messages[0].content[0].type'"},
      {R"("messages":[],"tools":[{"type":"web_search_20250305","name":"web_search"}])",
       "'tools[0].type'"},
      {R"("messages":[],"tools":[{"name":"f","input_examples":[]}])", "'tools[0].input_examples'"},
      {R"("messages":[],"tool_choice":{"type":"any"})", "'tool_choice'"},
      {R"("messages":[],"tools":[{"name":"f"}],"tool_choice":{"type":"some"})",
       "'tool_choice.type'"},
      {R"("messages":[],"thinking":{"type":"later"})", "'thinking.type'"},
      {R"("messages":[],"context_management":{"edits":[{"type":"clear_tool_uses_20250919"}]})",
       "'context_management.edits[0].type'"},
      {R"("messages":[],"output_config":{"task_budget":1})", "'output_config.task_budget'"},
  };
  for (const auto& refused : cases) {
    const auto message =
        refusal(kMessages, kChat, "{\"model\":\"m\"," + std::string(refused.body) + "}");
    EXPECT_NE(message.find(refused.field), std::string::npos) << refused.body << ": " << message;
    EXPECT_NE(message.find("openai-chat"), std::string::npos) << message;
  }
}

TEST(ChatToMessages, SaysTheSameInTheOtherFormat) {
  const auto messages = to_messages(R"({"model":"m","max_completion_tokens":100,"temperature":0.5,
    "top_p":0.9,"stop":"END","stream":true,"stream_options":{"include_usage":true},"user":"u",
    "n":1,"presence_penalty":0,"logprobs":false,
    "messages":[{"role":"system","content":"Be brief."},{"role":"developer","content":"Really."},
                {"role":"user","content":"hi"},{"role":"assistant","content":"Hello."},
                {"role":"system","content":"Now in French."},
                {"role":"user","content":[{"type":"text","text":"look"},
                  {"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA",
                   "detail":"low"}},
                  {"type":"image_url","image_url":{"url":"https://x/y.png"}}]}]})");
  EXPECT_EQ(text(messages),
            R"({"model":"m-there","system":[{"type":"text","text":"Be brief."},)"
            R"({"type":"text","text":"Really."}],"messages":[)"
            R"({"role":"user","content":[{"type":"text","text":"hi"}]},)"
            R"({"role":"assistant","content":[{"type":"text","text":"Hello."}]},)"
            R"({"role":"system","content":[{"type":"text","text":"Now in French."}]},)"
            R"({"role":"user","content":[{"type":"text","text":"look"},{"type":"image","source":)"
            R"({"type":"base64","media_type":"image/png","data":"AAAA"}},{"type":"image","source":)"
            R"({"type":"url","url":"https://x/y.png"}}]}],"temperature":0.5,)"
            R"("stop_sequences":["END"],"max_tokens":100,"top_p":0.9,"stream":true})");
}

TEST(ChatToMessages, PutsTheResultsOfOneAnswersCallsIntoOneMessage) {
  const auto messages = to_messages(R"({"model":"m","messages":[
    {"role":"user","content":"go"},
    {"role":"assistant","content":null,"tool_calls":[
      {"id":"functions.f:0","type":"function","function":{"name":"f","arguments":"{\"a\":1}"}},
      {"id":"call_2","type":"function","function":{"name":"g","arguments":""}}]},
    {"role":"tool","tool_call_id":"functions.f:0","content":"one"},
    {"role":"tool","tool_call_id":"call_2","content":[{"type":"text","text":"two"}]},
    {"role":"user","content":"thanks"},
    {"role":"user","content":"more"}],
    "tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object"},
              "strict":true}},{"type":"function","function":{"name":"g"}}],
    "tool_choice":{"type":"function","function":{"name":"f"}},"parallel_tool_calls":false})");
  EXPECT_EQ(text(messages.at("messages")),
            R"([{"role":"user","content":[{"type":"text","text":"go"}]},)"
            R"({"role":"assistant","content":[)"
            R"({"type":"tool_use","id":"functions_f_0","name":"f","input":{"a":1}},)"
            R"({"type":"tool_use","id":"call_2","name":"g","input":{}}]},)"
            R"({"role":"user","content":[)"
            R"({"type":"tool_result","tool_use_id":"functions_f_0","content":)"
            R"([{"type":"text","text":"one"}]},{"type":"tool_result","tool_use_id":"call_2",)"
            R"("content":[{"type":"text","text":"two"}]},{"type":"text","text":"thanks"}]},)"
            R"({"role":"user","content":[{"type":"text","text":"more"}]}])");
  EXPECT_EQ(text(messages.at("tools")),
            R"([{"name":"f","input_schema":{"type":"object"},"strict":true},)"
            R"({"name":"g","input_schema":{"type":"object","properties":{}}}])");
  EXPECT_EQ(text(messages.at("tool_choice")),
            R"({"type":"tool","name":"f","disable_parallel_tool_use":true})");
  EXPECT_EQ(messages.at("max_tokens"), 8192) << "Messages needs one";
}

TEST(ChatToMessages, TranslatesAnswersThatMustKeepToASchema) {
  const auto messages = to_messages(R"({"model":"m","messages":[],"response_format":
    {"type":"json_schema","json_schema":{"name":"n","strict":true,"schema":{"type":"object"}}}})");
  EXPECT_EQ(text(messages.at("output_config")),
            R"({"format":{"type":"json_schema","schema":{"type":"object"}}})");
}

TEST(ChatToMessages, RefusesByNameWhatCannotBeTranslated) {
  const std::vector<Refused> cases = {
      {R"("messages":[],"seed":5)", "'seed'"},
      {R"("messages":[],"n":2)", "'n'"},
      {R"("messages":[],"logprobs":true)", "'logprobs'"},
      {R"("messages":[],"presence_penalty":0.5)", "'presence_penalty'"},
      {R"("messages":[],"logit_bias":{"5":1})", "'logit_bias'"},
      {R"("messages":[],"temperature":1.5)", "'temperature'"},
      {R"("messages":[],"store":true)", "'store'"},
      {R"("messages":[],"modalities":["text","audio"])", "'modalities'"},
      {R"("messages":[],"response_format":{"type":"json_object"})", "'response_format.type'"},
      {R"("messages":[],"functions":[])", "'functions'"},
      {R"("messages":[{"role":"function","name":"f","content":"x"}])", "'messages[0].role'"},
      {R"("messages":[{"role":"user","name":"Ana","content":"x"}])", "'messages[0].name'"},
      {R"("messages":[{"role":"user","content":[{"type":"input_audio"}]}])",
       "'messages[0].content[0].type'"},
      {R"("messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"/x"}}]}])",
       "'messages[0].content[0].image_url.url'"},
      {R"("messages":[{"role":"assistant","content":"so"}])", "'messages[0].role'"},
      {R"("messages":[{"role":"assistant","tool_calls":[{"id":"a","type":"custom","custom":{}}]}])",
       "'messages[0].tool_calls[0].custom'"},
      {R"("messages":[{"role":"assistant","tool_calls":[{"id":"a","function":{"name":"f",)"
       R"("arguments":"{oops"}}]}])",
       "'messages[0].tool_calls[0].function.arguments'"},
      {R"("messages":[{"role":"tool","content":"x"}])", "'messages[0].tool_call_id'"},
      {R"("messages":[],"tools":[{"type":"custom","custom":{"name":"f"}}])", "'tools[0].type'"},
      {R"("messages":[],"tool_choice":"required")", "'tool_choice'"},
  };
  for (const auto& refused : cases) {
    const auto message =
        refusal(kChat, kMessages, "{\"model\":\"m\"," + std::string(refused.body) + "}");
    EXPECT_NE(message.find(refused.field), std::string::npos) << refused.body << ": " << message;
  }
}

json::object from_responses(std::string_view body) {
  return translated(Format::kOpenAIResponses, kChat, body);
}

TEST(ResponsesToChat, SaysTheSameInTheOtherFormat) {
  const auto chat = from_responses(R"({"model":"m","instructions":"Be brief.","input":"hi",
    "max_output_tokens":100,"temperature":0.5,"stream":true,"store":false,
    "include":["reasoning.encrypted_content"],"reasoning":{"summary":"auto"},
    "client_metadata":{"x":"y"},"text":{"verbosity":"low","format":{"type":"json_schema",
    "name":"n","schema":{"type":"object"},"strict":true}}})");
  EXPECT_EQ(text(chat),
            R"({"model":"m-there","messages":[{"role":"system","content":"Be brief."},)"
            R"({"role":"user","content":"hi"}],"response_format":{"type":"json_schema",)"
            R"("json_schema":{"name":"n","schema":{"type":"object"},"strict":true}},)"
            R"("stream":true,"stream_options":{"include_usage":true},"max_tokens":100,)"
            R"("temperature":0.5})");
}

TEST(ResponsesToChat, JoinsTheItemsOfOneAnswer) {
  const auto chat = from_responses(R"({"model":"m","parallel_tool_calls":true,"input":[
    {"type":"message","role":"developer","id":"x","content":[{"type":"input_text","text":"d"}]},
    {"role":"user","content":[{"type":"input_text","text":"look"},
      {"type":"input_image","image_url":"data:image/png;base64,AA","detail":"auto"}]},
    {"type":"reasoning","summary":[],"encrypted_content":"e"},
    {"type":"message","role":"assistant","status":"completed","phase":"commentary",
     "content":[{"type":"output_text","text":"Both.","annotations":[]}]},
    {"type":"function_call","call_id":"c1","name":"f","arguments":"{}","status":"completed"},
    {"type":"function_call","call_id":"c2","name":"g","namespace":"n","arguments":"{\"a\":1}"},
    {"type":"function_call_output","call_id":"c1","output":[{"type":"input_text","text":"one"},
      {"type":"input_image","image_url":"https://x/y.png"}]},
    {"type":"function_call_output","call_id":"c2","output":"two"},
    {"role":"user","content":"go on"}],
    "tools":[{"type":"function","name":"f","description":"df","strict":false,"parameters":{}},
      {"type":"namespace","name":"n","description":"all of n","tools":[
        {"type":"function","name":"g","description":"dg","parameters":{}}]},
      {"type":"web_search","external_web_access":false}],
    "tool_choice":{"type":"function","name":"f"}})");
  EXPECT_EQ(text(chat.at("messages")),
            R"([{"role":"system","content":"d"},{"role":"user","content":[)"
            R"({"type":"text","text":"look"},{"type":"image_url","image_url":)"
            R"({"url":"data:image/png;base64,AA"}}]},{"role":"assistant","content":"Both.",)"
            R"("tool_calls":[{"id":"c1","type":"function","function":{"name":"f",)"
            R"("arguments":"{}"}},{"id":"c2","type":"function","function":{"name":"n__g",)"
            R"("arguments":"{\"a\":1}"}}]},{"role":"tool","tool_call_id":"c1","content":"one"},)"
            R"({"role":"tool","tool_call_id":"c2","content":"two"},{"role":"user","content":[)"
            R"({"type":"text","text":"From the result of the tool call c1:"},)"
            R"({"type":"image_url","image_url":{"url":"https://x/y.png"}}]},)"
            R"({"role":"user","content":"go on"}])");
  EXPECT_EQ(text(chat.at("tools")),
            R"([{"type":"function","function":{"name":"f","description":"df","parameters":{}}},)"
            R"({"type":"function","function":{"name":"n__g","description":"all of n\ndg",)"
            R"("parameters":{}}}])");
  EXPECT_EQ(text(chat.at("tool_choice")), R"({"type":"function","function":{"name":"f"}})");
}

TEST(ResponsesToChat, RefusesByNameWhatCannotBeTranslated) {
  const std::vector<Refused> cases = {
      {R"("input":"x","previous_response_id":"r")", "'previous_response_id'"},
      {R"("input":"x","store":true)", "'store'"},
      {R"("input":"x","background":true)", "'background'"},
      {R"("input":"x","truncation":"auto")", "'truncation'"},
      {R"("input":"x","include":["message.output_text.logprobs"])", "'include[0]'"},
      {R"("instructions":"x")", "'input'"},
      {R"("input":[{"type":"custom_tool_call"}])", "'input[0].type'"},
      {R"("input":[{"type":"additional_tools","tools":[]}])", "'input[0].type'"},
      {R"("input":[{"type":"message","role":"critic","content":"x"}])", "'input[0].role'"},
      {R"("input":[{"role":"user","content":[{"type":"input_file"}]}])",
       "'input[0].content[0].type'"},
      {R"("input":[{"role":"user","content":[{"type":"input_image","file_id":"f"}]}])",
       "'input[0].content[0].file_id'"},
      {R"("input":[{"type":"function_call","name":"f","arguments":"{}"}])", "'input[0].call_id'"},
      {R"("input":"x","tools":[{"type":"file_search"}])", "'tools[0].type'"},
      {R"("input":"x","tools":[{"type":"namespace","name":"n","tools":[{"type":"custom"}]}])",
       "'tools[0].tools[0].type'"},
      {R"("input":"x","tool_choice":"required")", "'tool_choice'"},
      {R"("input":"x","max_tool_calls":1)", "'max_tool_calls'"},
  };
  for (const auto& refused : cases) {
    const auto message = refusal(Format::kOpenAIResponses, kChat,
                                 "{\"model\":\"m\"," + std::string(refused.body) + "}");
    EXPECT_NE(message.find(refused.field), std::string::npos) << refused.body << ": " << message;
  }
}

// What both formats know comes back from the other as it went: the neutral form is the same.
void expect_round_trip(Format format, const json::object& body, const std::string& what) {
  const Format other = format == kChat ? kMessages : kChat;
  const auto there = translate_request(format, other, body, {"m"});
  ASSERT_TRUE(there) << what << ": " << there.error().message;
  const auto back = translate_request(other, format, parsed(there->body), {"m"});
  ASSERT_TRUE(back) << what << ": " << back.error().message;
  const auto first = read_call(format, body).value();
  const auto second = read_call(format, parsed(back->body)).value();
  const auto between = read_call(other, parsed(there->body)).value();
  ASSERT_EQ(first.messages.size(), second.messages.size()) << what;
  for (std::size_t i = 0; i < first.messages.size(); ++i) {
    EXPECT_EQ(canonical(first.messages[i]), canonical(second.messages[i])) << what;
    if (i < between.messages.size()) {
      EXPECT_EQ(canonical(first.messages[i]), canonical(between.messages[i])) << what;
    }
  }
  EXPECT_EQ(first.stream, second.stream) << what;
}

TEST(Translation, KeepsWhatBothFormatsKnow) {
  const auto body = parsed(R"({"model":"m","max_tokens":9,"stream":true,"system":"Be brief.",
    "tools":[{"name":"f","description":"d","input_schema":{"type":"object"}}],
    "messages":[{"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]},
      {"role":"assistant","content":[{"type":"text","text":"c"},
        {"type":"tool_use","id":"t1","name":"f","input":{"x":[1,2.5,null,"\u00e9"]}},
        {"type":"tool_use","id":"t2","name":"f","input":{}}]},
      {"role":"user","content":[
        {"type":"tool_result","tool_use_id":"t1","content":[{"type":"text","text":"r1"}]},
        {"type":"tool_result","tool_use_id":"t2","content":"r2"},{"type":"text","text":"go on"}]},
      {"role":"assistant","content":"d"},{"role":"user","content":"e"}]})");
  expect_round_trip(kMessages, body, "messages");
  expect_round_trip(kChat, translated(kMessages, kChat, json::serialize(body)), "chat");
}

struct Recorded {
  std::string what;
  Format format;
  json::object body;
};

std::vector<Recorded> recorded_calls(const std::string& folder) {
  std::vector<Recorded> calls;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".json") continue;
    const auto file = parse_json(hone::testing::read_all(entry.path()));
    if (!file || !file->is_object() || !file->as_object().contains("requests")) continue;
    for (const auto& value : file->at("requests").as_array()) {
      const auto& request = value.as_object();
      const std::string path(string_or_empty(request, "path"));
      const std::string bare = path.substr(0, path.find('?'));
      const auto* body = request.if_contains("body");
      if (body == nullptr || !body->is_object()) continue;
      if (bare == "/v1/messages") {
        calls.push_back({entry.path().filename(), kMessages, body->get_object()});
      } else if (bare == "/v1/chat/completions") {
        calls.push_back({entry.path().filename(), kChat, body->get_object()});
      } else if (bare == "/v1/responses") {
        calls.push_back({entry.path().filename(), Format::kOpenAIResponses, body->get_object()});
      }
    }
  }
  return calls;
}

// The conversation of a recorded call, in the neutral form and without what is left out on purpose.
std::vector<std::string> said_in(Format format, const json::object& body) {
  std::vector<std::string> said;
  const auto call = read_call(format, body).value();
  for (const auto& message : call.messages) {
    if (role_of(message) == "tools") continue;  // a deferred one is not there
    json::array parts;
    for (const auto& part : content_of(message)) {
      json::object kept = part.as_object();
      if (string_or_empty(kept, "type") == "thinking") continue;
      if (kept.contains("is_error")) {
        kept.erase("is_error");
        auto& first = kept.at("content").as_array().at(0).as_object();
        first["text"] = "Error: " + std::string(string_or_empty(first, "text"));
      }
      parts.push_back(std::move(kept));
    }
    said.push_back(canonical(make_message(role_of(message), std::move(parts))));
  }
  return said;
}

TEST(Translation, TakesEveryRecordedCallOfARealClient) {
  const auto folder = hone::testing::shared_path("recordings");
  if (!folder) GTEST_SKIP();
  std::size_t claude_code = 0;
  std::size_t chat = 0;
  for (const auto& call : recorded_calls(*folder)) {
    if (call.format == Format::kOpenAIResponses) continue;
    const Format other = call.format == kChat ? kMessages : kChat;
    const auto request = translate_request(call.format, other, call.body, {"m"});
    ASSERT_TRUE(request) << call.what << ": " << request.error().message;
    const auto body = parsed(request->body);
    EXPECT_EQ(said_in(call.format, call.body), said_in(other, body)) << call.what;
    if (call.what.starts_with("claude-code__")) ++claude_code;
    if (call.format == kChat) ++chat;
  }
  EXPECT_GE(claude_code, 30U);
  EXPECT_GE(chat, 10U);
}

// But for those of the model for which Codex writes its tools in a grammar.
TEST(ResponsesToChat, TakesTheRecordedCallsOfRealClients) {
  const auto folder = hone::testing::shared_path("recordings");
  if (!folder) GTEST_SKIP();
  std::size_t codex = 0;
  for (const auto& call : recorded_calls(*folder)) {
    if (call.format != Format::kOpenAIResponses) continue;
    const auto request = translate_request(call.format, kChat, call.body, {"m"});
    if (string_or_empty(call.body, "model") == "gpt-6.1-sol") {
      EXPECT_FALSE(request) << call.what;
      continue;
    }
    ASSERT_TRUE(request) << call.what << ": " << request.error().message;
    ASSERT_TRUE(read_call(kChat, parsed(request->body))) << call.what;
    if (call.what.starts_with("codex__")) ++codex;
  }
  EXPECT_GE(codex, 4U);
}

TEST(Translation, AsksForNoMoreTokensThanTheUpstreamTakes) {
  const auto asked = [](const std::string& limit) {
    const auto body = parsed(R"({"model":"m","messages":[])" + limit + "}");
    const auto request = translate_request(kMessages, kChat, body, {"m", 4096});
    return parsed(request.value().body).at("max_tokens").to_number<int>();
  };
  EXPECT_EQ(asked(",\"max_tokens\":128000"), 4096);
  EXPECT_EQ(asked(",\"max_tokens\":100"), 100);
  EXPECT_EQ(asked(""), 4096);
}

TEST(Translation, WritesNumbersAsPeopleDo) {
  EXPECT_EQ(text(parsed(R"({"a":0.7,"b":1,"c":1e300,"d":-2.50,"e":[],"f":{},"g":12345678901})")),
            R"({"a":0.7,"b":1,"c":1e+300,"d":-2.5,"e":[],"f":{},"g":12345678901})");
}

}  // namespace
}  // namespace hone::wire
