// The gateway's small parts: the model field, the headers, the choice of an upstream.
#include <gtest/gtest.h>

#include "capture/gateway_headers.h"
#include "capture/gateway_model_field.h"
#include "capture/upstream.h"

namespace hone::capture {
namespace {

using wire::Format;

TEST(ModelField, ReplacesTheNameAndNoOtherByte) {
  const std::string body = R"( {"messages":[{"model":"inner"}], "x":{"model":"y"},"mod\"el":1,
  "model" :  "assistant" , "z": [1, {"a":"\\\""}], "n":-1.5e3, "t":true})";
  const auto field = find_model(body);
  ASSERT_TRUE(field) << field.error().message;
  EXPECT_EQ(field->value, "assistant");
  EXPECT_EQ(body.substr(field->begin, field->size), "\"assistant\"");
  std::string expected = body;
  expected.replace(expected.find("\"assistant\""), 11, "\"sha-\\\"1\"");
  const std::string name = json_string("sha-\"1");
  std::string joined;
  for (const auto piece : with_model(body, *field, name)) joined += piece;
  EXPECT_EQ(joined, expected);
}

TEST(ModelField, IsTheSameInABodyThatWasCut) {
  for (const std::string body : {
           R"( {"messages":[{"model":"inner"}], "model" : "a\u0062", "z":1})",
           R"({"model":"m","messages":[]})",
           R"({"messages":[],"x":{"model":"y"}})",
           R"({"messages":[],"model":7})",
           R"({"messages":[],"model":"a","model":"b"})",
           R"({"messages":[],"mod\u0065l":"a"})",
           R"({"model":"no list"})",
           R"({"messages":[)",
       }) {
    const auto plain = find_model(body);
    wire::CutBody cut(Format::kOpenAIChat, body);
    const wire::CutBody moved = std::move(cut);
    const auto found = find_model(moved);
    ASSERT_EQ(found.has_value(), plain.has_value()) << body;
    if (!found) {
      EXPECT_EQ(found.error().message, plain.error().message) << body;
      continue;
    }
    EXPECT_EQ(found->value, plain->value) << body;
    EXPECT_EQ(found->begin, plain->begin) << body;
    EXPECT_EQ(found->size, plain->size) << body;
  }
}

TEST(ModelField, ReadsEscapesInKeyAndValue) {
  const auto field = find_model(R"({"mod\u0065l":"a\u002fb"})");
  ASSERT_TRUE(field) << field.error().message;
  EXPECT_EQ(field->value, "a/b");
}

TEST(ModelField, RefusesWhatTwoReadersMayReadDifferently) {
  const auto twice = find_model(R"({"model":"a","model":"b"})");
  ASSERT_FALSE(twice);
  EXPECT_NE(twice.error().message.find("twice"), std::string::npos);
  EXPECT_FALSE(find_model(R"({"model":"a","mod\u0065l":"b"})"));
}

TEST(ModelField, NamesWhatIsWrong) {
  EXPECT_NE(find_model("{}").error().message.find("missing"), std::string::npos);
  EXPECT_NE(find_model(R"({"model":7})").error().message.find("string"), std::string::npos);
  for (const auto* body : {"",
                           " ",
                           "[]",
                           "\"model\"",
                           "{",
                           "{\"",
                           "{\"model",
                           "{\"model\"",
                           "{\"model\":",
                           "{\"model\":\"",
                           "{\"model\":\"a",
                           "{\"model\":\"a\"",
                           "{\"model\":\"a\"]",
                           "{\"a\":[}",
                           "{\"a\":]}",
                           "{\"a\":,}",
                           "{\"\\",
                           "{\"model\":\"\xff\"}",
                           "{,}",
                           "{\"a\" 1}",
                           "{\"a\":{\"b\":[1,2}"}) {
    EXPECT_FALSE(find_model(body)) << body;
  }
}

TEST(ModelField, StandsDeepNestingWithoutRecursion) {
  const std::string deep(200'000, '[');
  EXPECT_FALSE(find_model("{\"a\":" + deep));
  const std::string closed = "{\"a\":" + deep + std::string(200'000, ']') + ",\"model\":\"m\"}";
  EXPECT_TRUE(find_model(closed));
}

TEST(GatewayHeaders, KeepEverythingButWhatBelongsToTheConnectionOrUs) {
  const net::Headers sent = {{"X-Stainless-Lang", "js"},
                             {"anthropic-beta", "a,b"},
                             {"Connection", "keep-alive, X-Drop"},
                             {"X-Drop", "1"},
                             {"Host", "127.0.0.1"},
                             {"x-hone-key", "hone_sk_1"},
                             {"X-Hone-Tool", "t"},
                             {"Accept-Encoding", "gzip"},
                             {"TE", "trailers"}};
  const auto out = headers_to_upstream(sent, {}, Format::kAnthropicMessages, "hone_sk_1");
  std::string names;
  for (const auto& field : out) names += field.name + ";";
  EXPECT_EQ(names, "X-Stainless-Lang;anthropic-beta;Accept-Encoding;");
}

TEST(GatewayHeaders, ReplaceTheCallersKeyByTheUpstreams) {
  Upstream upstream;
  upstream.api_key = "sk-up";
  const net::Headers sent = {{"authorization", "Bearer hone_sk_1"}, {"x-api-key", "other"}};
  const auto anthropic =
      headers_to_upstream(sent, upstream, Format::kAnthropicMessages, "hone_sk_1");
  ASSERT_EQ(anthropic.size(), 1U);
  EXPECT_EQ(anthropic.get("x-api-key"), "sk-up");
  const auto openai = headers_to_upstream({}, upstream, Format::kOpenAIChat, "");
  EXPECT_EQ(openai.get("authorization"), "Bearer sk-up");
}

TEST(GatewayHeaders, NeverSendOurKeyAndPassTheProvidersOwn) {
  const net::Headers ours = {{"x-api-key", "hone_sk_1"}};
  EXPECT_FALSE(
      headers_to_upstream(ours, {}, Format::kAnthropicMessages, "hone_sk_1").has("x-api-key"));
  const net::Headers both = {{"x-hone-key", "hone_sk_1"}, {"Authorization", "Bearer theirs"}};
  const auto out = headers_to_upstream(both, {}, Format::kOpenAIChat, "hone_sk_1");
  EXPECT_EQ(out.get("authorization"), "Bearer theirs");
  EXPECT_FALSE(out.has("x-hone-key"));
}

TEST(GatewayHeaders, FindTheCallersKeyInEveryUsualPlace) {
  EXPECT_EQ(caller_key({{"Authorization", "bearer a"}}), "a");
  EXPECT_EQ(caller_key({{"Authorization", "Bearer a"}, {"X-Api-Key", "b"}}), "b");
  EXPECT_EQ(caller_key({{"x-hone-key", "c"}, {"X-Api-Key", "b"}}), "c");
  EXPECT_EQ(caller_key({{"Authorization", "Basic a"}}), "");
}

TEST(GatewayHeaders, NameTheTool) {
  const auto tool = [](std::string agent) { return tool_name({{"User-Agent", std::move(agent)}}); };
  EXPECT_EQ(tool("claude-cli/2.1.330 (external, cli)"), "claude-code");
  EXPECT_EQ(tool("codex_exec/0.169.0 (Debian 12.0.0; x86_64) unknown"), "codex");
  EXPECT_EQ(tool("OpenAI/JS 6.49.0"), "openai-sdk");
  EXPECT_EQ(tool("Anthropic/JS 1.12.0"), "anthropic-sdk");
  EXPECT_EQ(tool("opencode/1.18.33 ai-sdk/provider-utils/4.0.46"), "opencode");
  EXPECT_EQ(tool("langchainjs-openai/1.0.0 ((node/v20.20.2; linux; x64))"), "langchain");
  EXPECT_EQ(tool("<script>\"' OR 1"), "script");
  EXPECT_EQ(tool(""), "unknown");
  EXPECT_EQ(tool_name({{"user-agent", "x/1"}, {"x-hone-tool", "my-tool"}}), "my-tool");
}

TEST(Upstreams, ChooseByPatternThenTheOneThatTakesAny) {
  Upstream claude{.name = "a",
                  .url = {},
                  .wires = {Format::kAnthropicMessages},
                  .api_key = "",
                  .models = {"claude-*"}};
  Upstream any{.name = "b", .url = {}, .wires = {Format::kOpenAIChat}, .api_key = "", .models = {}};
  const auto upstreams = Upstreams::create({claude, any});
  ASSERT_TRUE(upstreams);
  EXPECT_EQ(upstreams->for_model("claude-opus")->name, "a");
  EXPECT_EQ(upstreams->for_model("llama")->name, "b");
  EXPECT_EQ(upstreams->fallback(Format::kOpenAIChat)->name, "b");
  EXPECT_EQ(upstreams->find("a")->name, "a");
  EXPECT_EQ(upstreams->find("c"), nullptr);
  EXPECT_EQ(Upstreams::create({claude})->for_model("llama"), nullptr);
  EXPECT_FALSE(Upstreams::create({claude, claude}));
  EXPECT_FALSE(Upstreams::create({Upstream{}}));
}

}  // namespace
}  // namespace hone::capture
