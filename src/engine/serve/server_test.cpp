#include "engine/serve/server.h"

#include <gtest/gtest.h>

#include <future>

#include "engine/serve/server_test_support.h"
#include "net/test_socket.h"

namespace hone::engine {
namespace {

using namespace std::chrono_literals;

TEST_F(ServerTest, StreamsTheTextOfAWholeAnswer) {
  json::object body = chat_body("hello", 40);
  const auto whole = answer("/v1/chat/completions", body);
  EXPECT_EQ(whole.at("object").as_string(), "chat.completion");
  EXPECT_EQ(whole.at("choices").at(0).at("finish_reason").as_string(), "length");
  EXPECT_EQ(whole.at("usage").at("completion_tokens").as_int64(), 40);
  body["stream_options"] = json::object{{"include_usage", true}};
  const auto streamed = events("/v1/chat/completions", body);
  ASSERT_GT(streamed.size(), 4U);
  std::string text;
  for (std::size_t i = 0; i + 2 < streamed.size(); ++i) {
    const auto chunk = json::parse(streamed[i].data).as_object();
    EXPECT_TRUE(chunk.at("usage").is_null());
    const auto& delta = chunk.at("choices").at(0).at("delta").as_object();
    text += string_or_empty(delta, "content");
  }
  EXPECT_EQ(text, text_of(whole));
  const auto usage = json::parse(streamed[streamed.size() - 2].data).as_object();
  EXPECT_TRUE(usage.at("choices").as_array().empty());
  EXPECT_EQ(usage.at("usage"), whole.at("usage"));
  EXPECT_EQ(streamed.back().data, "[DONE]");
}

TEST_F(ServerTest, AnswersWithAnAdapterInAMixedBatchAsAlone) {
  const json::object load{{"lora_name", "house"}, {"lora_path", folder_.path("adapter")}};
  EXPECT_EQ(post("/v1/load_lora_adapter", load).status, 200);
  EXPECT_EQ(post("/v1/load_lora_adapter", load).status, 200);
  const auto ask = [this](int i) {
    const std::string text = "question " + std::to_string(i);
    return text_of(
        answer("/v1/chat/completions", chat_body(text, 30, i % 2 == 0 ? "house" : "tiny")));
  };
  std::vector<std::string> alone;
  for (int i = 0; i < 8; ++i) alone.push_back(ask(i));
  EXPECT_NE(text_of(answer("/v1/chat/completions", chat_body("question 0", 30))), alone[0]);
  std::vector<std::future<std::string>> together;
  for (int i = 0; i < 8; ++i) together.push_back(std::async(std::launch::async, ask, i));
  for (std::size_t i = 0; i < 8; ++i) EXPECT_EQ(together[i].get(), alone[i]) << i;
  const auto models = json::parse(call("GET", "/v1/models").body);
  EXPECT_EQ(models.at("data").at(0).at("id").as_string(), "tiny");
  EXPECT_EQ(models.at("data").at(1).at("id").as_string(), "house");
  EXPECT_EQ(models.at("data").at(1).at("parent").as_string(), "tiny");
  EXPECT_EQ(post("/v1/unload_lora_adapter", {{"lora_name", "house"}}).status, 200);
  EXPECT_EQ(post("/v1/unload_lora_adapter", {{"lora_name", "house"}}).status, 404);
  EXPECT_EQ(post("/v1/chat/completions", chat_body("x", 1, "house")).status, 404);
}

TEST_F(ServerTest, NamesWhatItServesToWhoeverAsksForAnother) {
  const auto openai = post("/v1/chat/completions", chat_body("x", 1, "gpt"));
  EXPECT_EQ(openai.status, 404);
  const auto error = json::parse(openai.body).at("error");
  EXPECT_EQ(error.at("code").as_string(), "model_not_found");
  EXPECT_NE(json::value_to<std::string>(error.at("message")).find("'tiny'"), std::string::npos);
  EXPECT_EQ(call("GET", "/v1/nothing").status, 404);
  EXPECT_EQ(post("/v1/messages", chat_body("x", 1)).status, 404) << "the gateway translates it";
}

TEST_F(ServerTest, NamesTheFieldThatIsWrong) {
  const auto refused = [this](std::string_view name, json::value value) {
    json::object body = chat_body("x", 1);
    body[name] = std::move(value);
    const auto response = post("/v1/chat/completions", body);
    EXPECT_EQ(response.status, 400) << name << response.body;
    EXPECT_NE(response.body.find("'" + std::string(name)), std::string::npos) << response.body;
  };
  refused("temperature", 3);
  refused("temperature", "warm");
  refused("top_p", -1);
  refused("n", 17);
  refused("max_tokens", -1);
  refused("stop", json::array{""});
  refused("stop", 5);
  refused("top_logprobs", 2);
  refused("prompt_logprobs", 1000);
  refused("stream", "yes");
  refused("model", nullptr);
  refused("messages", json::array());
  refused("messages", json::array{json::object{{"role", "king"}, {"content", "x"}}});
  refused("messages", json::array{json::object{{"role", "user"}, {"content", 5}}});
  const json::array image{json::object{{"type", "image_url"}}};
  refused("messages", json::array{json::object{{"role", "user"}, {"content", image}}});
  refused("tool_choice", "required");
  refused("guided_json", json::object());
  EXPECT_EQ(call("POST", "/v1/chat/completions", "{\"model\":").status, 400);
  EXPECT_EQ(call("POST", "/v1/chat/completions", "[]").status, 400);
  const auto deep = call("POST", "/v1/chat/completions", "{\"a\":" + std::string(100, '['));
  EXPECT_EQ(deep.status, 400);
  EXPECT_EQ(deep.body.find("context_length_exceeded"), std::string::npos) << deep.body;
}

TEST_F(ServerTest, RefusesAPromptThatDoesNotFitTheContext) {
  const auto response = post("/v1/chat/completions", chat_body(std::string(2000, 'x'), 5));
  EXPECT_EQ(response.status, 400);
  const auto error = json::parse(response.body).at("error");
  EXPECT_EQ(error.at("code").as_string(), "context_length_exceeded");
  EXPECT_EQ(error.at("type").as_string(), "invalid_request_error");
  // The tiny model's tokens are characters, and its chat format adds some.
  const auto message = json::value_to<std::string>(error.at("message"));
  EXPECT_TRUE(message.starts_with("prompt is too long: 20")) << message;
  EXPECT_NE(message.find(" tokens > 1023 maximum"), std::string::npos) << message;
  EXPECT_NE(message.find("maximum context length is 1024 tokens"), std::string::npos) << message;
}

TEST_F(ServerTest, LowersWhatIsAskedForToWhatFits) {
  const json::object body = chat_body(std::string(900, 'x'), 32'000);
  const auto whole = answer("/v1/chat/completions", body);
  EXPECT_EQ(whole.at("choices").at(0).at("finish_reason").as_string(), "length");
  EXPECT_EQ(whole.at("usage").at("total_tokens").as_int64(), 1024);
  json::object most = body;
  most.erase("max_tokens");
  EXPECT_EQ(answer("/v1/chat/completions", most).at("usage").at("total_tokens").as_int64(), 1024);
}

TEST_F(ServerTest, OffersToolsToTheModel) {
  const auto tool = json::parse(R"({"type":"function","function":{"name":"now",
      "description":"Tells the time.","parameters":{"type":"object","properties":{}}}})");
  const auto prompt_tokens = [](const json::object& given) {
    return given.at("usage").at("prompt_tokens").as_int64();
  };
  json::object body = chat_body("hello", 30);
  const auto without = prompt_tokens(answer("/v1/chat/completions", body));
  json::array tools;
  tools.push_back(tool);
  body["tools"] = tools;
  const auto whole = answer("/v1/chat/completions", body);
  EXPECT_GT(prompt_tokens(whole), without + 200) << "they are in the prompt";
  std::string text;
  for (const SseEvent& event : events("/v1/chat/completions", body)) {
    if (event.data == "[DONE]") continue;
    const auto chunk = json::parse(event.data).as_object();
    text += string_or_empty(chunk.at("choices").at(0).at("delta").as_object(), "content");
  }
  EXPECT_EQ(text, text_of(whole));
  body["tool_choice"] = "none";
  EXPECT_EQ(prompt_tokens(answer("/v1/chat/completions", body)), without);
}

TEST_F(ServerTest, StopsAtAStopString) {
  const std::string whole = text_of(answer("/v1/chat/completions", chat_body("tell me", 60)));
  ASSERT_GE(whole.size(), 20U);
  const std::string stop = whole.substr(10, 4);
  json::object body = chat_body("tell me", 60);
  body["stop"] = stop;
  const auto stopped = answer("/v1/chat/completions", body);
  EXPECT_EQ(text_of(stopped), whole.substr(0, whole.find(stop)));
  EXPECT_EQ(stopped.at("choices").at(0).at("finish_reason").as_string(), "stop");
  EXPECT_EQ(stopped.at("choices").at(0).at("stop_reason").as_string(), stop);
}

TEST_F(ServerTest, ScoresAGivenAnswerAsVllmDoes) {
  json::object body = chat_body("ask", 1);
  body["messages"].as_array().push_back(json::object{{"role", "assistant"}, {"content", "reply"}});
  body["add_generation_prompt"] = false;
  body["prompt_logprobs"] = 1;
  for (const int max_tokens : {0, 1}) {
    body["max_tokens"] = max_tokens;
    const auto scored = answer("/v1/chat/completions", body);
    const auto& entries = scored.at("prompt_logprobs").as_array();
    ASSERT_EQ(static_cast<std::int64_t>(entries.size()),
              scored.at("usage").at("prompt_tokens").as_int64());
    EXPECT_TRUE(entries[0].is_null());
    std::string text;
    for (std::size_t i = 1; i < entries.size(); ++i) {
      const auto& own = entries[i].as_object().begin()->value();  // the prompt's own token is first
      text += json::value_to<std::string>(own.at("decoded_token"));
      EXPECT_LE(own.at("logprob").to_number<double>(), 0.0);
      EXPECT_EQ(entries[i].as_object().size() == 1, own.at("rank").to_number<int>() == 1);
    }
    EXPECT_EQ(text, "user\nask<|im_end|>\n<|im_start|>assistant\nreply<|im_end|>\n");
    EXPECT_EQ(scored.at("usage").at("completion_tokens").as_int64(), max_tokens);
  }
}

TEST_F(ServerTest, GivesLogprobsWithTheAnswer) {
  json::object body = chat_body("ask", 3);
  body["logprobs"] = true;
  body["top_logprobs"] = 2;
  const auto whole = answer("/v1/chat/completions", body);
  const auto& content = whole.at("choices").at(0).at("logprobs").at("content").as_array();
  ASSERT_EQ(content.size(), 3U);
  std::string text;
  for (const auto& entry : content) {
    text += json::value_to<std::string>(entry.at("token"));
    EXPECT_EQ(entry.at("top_logprobs").as_array().size(), 2U);
    EXPECT_EQ(entry.at("top_logprobs").at(0).at("token"), entry.at("token"));
  }
  EXPECT_EQ(text, text_of(whole));
}

TEST_F(ServerTest, FreesThePlaceOfAClientThatGoesAway) {
  json::object body = chat_body("hello", 900);
  body["stream"] = true;
  const std::string text = json::serialize(body);
  net::TestSocket socket(server_->port());
  ASSERT_TRUE(socket.connected());
  ASSERT_TRUE(socket.send("POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: " +
                          std::to_string(text.size()) + "\r\n\r\n" + text));
  std::int64_t cancelled = 0;
  for (int i = 0; i < 200 && cancelled == 0; ++i) {
    const auto health = json::parse(call("GET", "/healthz").body);
    if (health.at("running").to_number<int>() > 0) socket.close();
    cancelled = health.at("cancelled").to_number<std::int64_t>();
    std::this_thread::sleep_for(5ms);
  }
  EXPECT_EQ(cancelled, 1);
  // Its row leaves with the step that is being computed.
  int running = 1;
  for (int i = 0; i < 200 && running > 0; ++i) {
    running = json::parse(call("GET", "/healthz").body).at("running").to_number<int>();
    std::this_thread::sleep_for(5ms);
  }
  EXPECT_EQ(running, 0);
}

TEST_F(ServerTest, SaysWhyItCannotStart) {
  const auto message = [](ServeOptions options) {
    const auto server = InferenceServer::start(options);
    return server ? std::string("started") : server.error().message;
  };
  EXPECT_NE(message({.model_folder = folder_.path("nothing")}).find("tokenizer.json"),
            std::string::npos);
  EXPECT_NE(message({.model_folder = folder_.path("tiny"), .port = server_->port()})
                .find(std::to_string(server_->port())),
            std::string::npos);
  EXPECT_NE(
      message({.model_folder = folder_.path("tiny"), .adapters = {{"a", folder_.path("none")}}})
          .find("'a'"),
      std::string::npos);
}

}  // namespace
}  // namespace hone::engine
