// What real clients send reaches this engine through the gateway's translation, and its answers go
// back through it: both ends are held against each other here, without a model.
#include <gtest/gtest.h>

#include <filesystem>

#include "engine/model/test_support.h"
#include "engine/serve/openai.h"
#include "engine/serve/openai_answer.h"
#include "wire/translate.h"

namespace hone::engine::openai {
namespace {

constexpr auto kChat = wire::Format::kOpenAIChat;
constexpr auto kMessages = wire::Format::kAnthropicMessages;

struct Recorded {
  std::string file;
  wire::Format format = kChat;
  json::object body;
};

std::vector<Recorded> recorded_calls(const std::string& folder) {
  std::vector<Recorded> calls;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".json") continue;
    const auto file = parse_json(read_all(entry.path().string()));
    if (!file || !file->is_object() || !file->as_object().contains("requests")) continue;
    for (const auto& value : file->as_object().at("requests").as_array()) {
      const auto& request = value.as_object();
      const std::string target(string_or_empty(request, "path"));
      const std::string path = target.substr(0, target.find('?'));
      const auto* body = request.if_contains("body");
      if (body == nullptr || !body->is_object()) continue;
      for (const auto format : wire::kFormats) {
        if (path != wire::path_of(format)) continue;
        calls.push_back({entry.path().filename().string(), format, body->get_object()});
      }
    }
  }
  return calls;
}

// As the gateway sends it on; nothing where it refuses (Codex's tools with a grammar).
std::optional<json::object> sent_on(const Recorded& call) {
  if (call.format == kChat) return call.body;
  const auto made = wire::translate_request(call.format, kChat, call.body, {.name = "m"});
  if (!made) return std::nullopt;
  return parse_json_object(made->body).value();
}

TEST(RealClients, TheirRecordedCallsAreTaken) {
  const auto folder = shared_file("recordings");
  if (!folder) GTEST_SKIP();
  int claude_code = 0;
  int codex = 0;
  int chat = 0;
  for (const auto& recorded : recorded_calls(*folder)) {
    const auto body = sent_on(recorded);
    if (!body) continue;
    const auto call = read_call(*body, {});
    ASSERT_TRUE(call) << recorded.file << ": " << call.error().message;
    for (const auto format : {ChatFormat::kChatMl, ChatFormat::kLlama31}) {
      const auto messages = write_tools(call->turns, call->tools, format, "");
      EXPECT_TRUE(messages) << recorded.file << ": " << messages.error().message;
    }
    if (recorded.file.starts_with("claude-code__")) ++claude_code;
    if (recorded.file.starts_with("codex__")) ++codex;
    if (recorded.format == kChat) ++chat;
  }
  EXPECT_GE(claude_code, 30);
  EXPECT_GE(codex, 1);
  EXPECT_GE(chat, 10);
}

wire::AnswerTranslator as_messages(bool streamed) {
  wire::AnswerPlan plan;
  plan.client = kMessages;
  plan.upstream = kChat;
  plan.streamed = streamed;
  return wire::AnswerTranslator(plan, {.id = "req_1", .created_seconds = 17});
}

// The stream of an answer in two pieces, as a client of Messages gets it.
std::string streamed(const std::string& begun, const std::string& rest, Finish finish) {
  AnswerWriter writer({.id = "chatcmpl_1",
                       .call_id = "call_1",
                       .model = "m",
                       .created_seconds = 17,
                       .prompt_tokens = 5,
                       .include_usage = true,
                       .tools = {"now"},
                       .tokenizer = nullptr});
  Piece first;
  first.text = begun;
  first.tokens = 2;
  Piece last;
  last.text = rest;
  last.tokens = 1;
  last.finish = finish;
  auto translator = as_messages(true);
  std::string out = translator.feed(writer.opening());
  out += translator.feed(writer.piece(first));
  out += translator.feed(writer.piece(last));
  out += translator.feed(writer.closing(last));
  return out + translator.finish();
}

TEST(RealClients, AnAnswerReachesAClientOfMessages) {
  const std::string text = streamed("It is", " noon.", Finish::kLength);
  for (const char* part : {R"("id":"chatcmpl_1")", R"("text":"It is")", R"("text":" noon.")",
                           R"("stop_reason":"max_tokens")", R"("input_tokens":5)",
                           R"("output_tokens":3)", R"("type":"message_stop")"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << " is not in\n" << text;
  }
}

TEST(RealClients, ACallReachesAClientOfMessages) {
  const std::string call =
      streamed(R"({"name": "now", )", R"("parameters": {"zone": "CET"}})", Finish::kStop);
  for (const char* part :
       {R"("type":"tool_use","id":"call_1","name":"now")",
        R"("partial_json":"{\"zone\": \"CET\"}")", R"("stop_reason":"tool_use")"}) {
    EXPECT_NE(call.find(part), std::string::npos) << part << " is not in\n" << call;
  }
  EXPECT_EQ(call.find(R"("type":"text")"), std::string::npos) << call;
}

// Claude Code looks for these words, and for the two numbers behind them.
TEST(RealClients, APromptThatDoesNotFitIsSaidAsAnthropicSaysIt) {
  const std::string message = "prompt is too long: 9000 tokens > 8191 maximum; and so on";
  const auto said =
      as_messages(true).whole(400, json::serialize(error_body({ErrorCode::kTooLarge, message})));
  EXPECT_EQ(said.status, 400);
  const auto body = parse_json_object(said.body).value();
  EXPECT_EQ(body.at("error").at("type").as_string(), "invalid_request_error");
  EXPECT_EQ(body.at("error").at("message").as_string(), message);
}

}  // namespace
}  // namespace hone::engine::openai
