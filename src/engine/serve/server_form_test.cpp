// Answers that are held to a form, several choices, and limits, through the server's HTTP; and what
// the trainer's door says of the same texts.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <sstream>

#include "engine/commands/render_lines.h"
#include "engine/serve/server_test_support.h"
#include "engine/train/score.h"

namespace hone::engine {
namespace {

constexpr const char* kPath = "/v1/chat/completions";

class FormTest : public ServerTest {
 protected:
  static json::object body_of(const std::string& text, int max_tokens) {
    json::object body = chat_body(text, max_tokens);
    body.erase("ignore_eos");
    return body;
  }
  static json::object format_of(const std::string& schema) {
    json::object named{{"name", "answer"}, {"strict", true}};
    named["schema"] = json::parse(schema);
    json::object format{{"type", "json_schema"}};
    format["json_schema"] = std::move(named);
    return format;
  }
  static std::string finish_of(const json::object& answer) {
    return json::value_to<std::string>(answer.at("choices").at(0).at("finish_reason"));
  }
  static json::array tools_of(const std::string& functions) {
    json::array tools;
    const json::value parsed = json::parse(functions);
    for (const auto& function : parsed.as_array()) {
      json::object tool{{"type", "function"}};
      tool["function"] = function;
      tools.push_back(std::move(tool));
    }
    return tools;
  }
};

constexpr const char* kPerson =
    R"({"type":"object","properties":{"name":{"type":"string","maxLength":8},)"
    R"("age":{"type":"integer","minimum":0,"maximum":130},"kind":{"enum":["a","b"]}},)"
    R"("required":["name","age","kind"],"additionalProperties":false})";

void expect_person(const std::string& text) {
  const auto person = parse_json_object(text);
  ASSERT_TRUE(person) << text;
  ASSERT_EQ(person->size(), 3U) << text;
  EXPECT_LE(person->at("name").as_string().size(), 32U);  // bytes of 8 characters
  EXPECT_GE(person->at("age").as_int64(), 0);
  EXPECT_LE(person->at("age").as_int64(), 130);
  const auto kind = person->at("kind").as_string();
  EXPECT_TRUE(kind == "a" || kind == "b") << text;
}

TEST_F(FormTest, AnswersKeepToASchemaWhateverTheModelWants) {
  json::object body = body_of("who?", 200);
  body["response_format"] = format_of(kPerson);
  const auto greedy = answer(kPath, body);
  expect_person(text_of(greedy));
  EXPECT_EQ(finish_of(greedy), "stop");
  EXPECT_EQ(text_of(answer(kPath, body)), text_of(greedy));
  std::string streamed;
  for (const SseEvent& event : events(kPath, body)) {
    if (event.data == "[DONE]") continue;
    const auto chunk = json::parse(event.data).as_object();
    streamed += string_or_empty(chunk.at("choices").at(0).at("delta").as_object(), "content");
  }
  EXPECT_EQ(streamed, text_of(greedy));
  body["temperature"] = 2;
  for (int seed = 0; seed < 10; ++seed) {
    body["seed"] = seed;
    expect_person(text_of(answer(kPath, body)));
  }
}

TEST_F(FormTest, AnswersWithAJsonObjectOrAsFarAsTheTokensGo) {
  json::object body = body_of("anything", 300);
  body["response_format"] = json::object{{"type", "json_object"}};
  body["temperature"] = 1.5;
  for (int seed = 0; seed < 6; ++seed) {
    body["seed"] = seed;
    const auto given = answer(kPath, body);
    const std::string text = text_of(given);
    EXPECT_TRUE(text.starts_with("{")) << text;
    if (finish_of(given) == "stop") {
      EXPECT_TRUE(parse_json_object(text)) << text;
    } else {
      EXPECT_EQ(finish_of(given), "length");
    }
  }
  body["response_format"] = format_of(R"({"type":"string","minLength":50})");
  body["max_tokens"] = 20;
  const auto cut = answer(kPath, body);
  EXPECT_EQ(finish_of(cut), "length");
  EXPECT_EQ(text_of(cut).size(), 20U) << "the tiny model's tokens are characters";
  EXPECT_TRUE(text_of(cut).starts_with("\""));
}

TEST_F(FormTest, NamesWhatASchemaAsksAndCannotBeHad) {
  json::object body = body_of("x", 5);
  body["response_format"] = format_of(R"({"properties":{"a":{"type":"string","not":{}}}})");
  const auto refused = post(kPath, body);
  EXPECT_EQ(refused.status, 400) << refused.body;
  EXPECT_NE(refused.body.find("response_format.json_schema.schema.properties.a.not"),
            std::string::npos)
      << refused.body;
  body = body_of("x", 5);
  body["tools"] = tools_of(R"([{"name":"f","parameters":{"not":{}}}])");
  EXPECT_EQ(post(kPath, body).status, 200) << "nothing is held to it";
  body["tool_choice"] = "required";
  const auto forced = post(kPath, body);
  EXPECT_EQ(forced.status, 400) << forced.body;
  EXPECT_NE(forced.body.find("tools[0].function.parameters.not"), std::string::npos) << forced.body;
}

// The one call of an answer.
json::object call_in(const json::object& answer) {
  const auto& choice = answer.at("choices").at(0);
  EXPECT_EQ(choice.at("finish_reason").as_string(), "tool_calls") << json::serialize(answer);
  const auto* calls = choice.at("message").as_object().if_contains("tool_calls");
  if (calls == nullptr || calls->as_array().size() != 1) {
    ADD_FAILURE() << json::serialize(answer);
    return {{"name", ""}, {"arguments", "{}"}};
  }
  return calls->as_array()[0].at("function").as_object();
}

TEST_F(FormTest, CallsATool) {
  json::object body = body_of("time?", 200);
  body["tools"] =
      tools_of(R"([{"name":"now"},{"name":"at","parameters":{"type":"object","properties":{)"
               R"("hour":{"type":"integer","minimum":0,"maximum":23}},"required":["hour"]}}])");
  body["tool_choice"] = "required";
  body["temperature"] = 2;
  for (int seed = 0; seed < 12; ++seed) {
    body["seed"] = seed;
    const auto call = call_in(answer(kPath, body));
    const auto name = json::value_to<std::string>(call.at("name"));
    const auto arguments = parse_json_object(call.at("arguments").as_string());
    ASSERT_TRUE(arguments);
    if (name == "now") {
      EXPECT_TRUE(arguments->empty());
    } else {
      EXPECT_EQ(name, "at");
      EXPECT_LE(arguments->at("hour").as_int64(), 23);
    }
  }
  body["tool_choice"] = json::parse(R"({"type":"function","function":{"name":"now"}})");
  EXPECT_EQ(call_in(answer(kPath, body)).at("name").as_string(), "now");
  body["tool_choice"] = json::parse(R"({"type":"function","function":{"name":"at"}})");
  for (int seed = 0; seed < 4; ++seed) {
    body["seed"] = seed;
    EXPECT_EQ(call_in(answer(kPath, body)).at("name").as_string(), "at");
  }
  const auto streamed = events(kPath, body);
  std::string arguments;
  for (const SseEvent& event : streamed) {
    if (event.data == "[DONE]") continue;
    const auto delta = json::parse(event.data).at("choices").at(0).at("delta").as_object();
    if (const auto* calls = delta.if_contains("tool_calls")) {
      arguments += string_or_empty(calls->at(0).at("function").as_object(), "arguments");
    }
  }
  EXPECT_TRUE(parse_json_object(arguments)) << arguments;
}

TEST_F(FormTest, AStrictToolIsCalledAsItsSchemaSaysOrNotAtAll) {
  json::object body = body_of("time?", 60);
  body["tools"] =
      tools_of(R"([{"name":"at","strict":true,"parameters":{"type":"object","properties":{)"
               R"("hour":{"type":"integer","minimum":0,"maximum":23}},"required":["hour"]}}])");
  body["temperature"] = 2;
  for (int seed = 0; seed < 30; ++seed) {
    body["seed"] = seed;
    const auto given = answer(kPath, body);
    const auto& message = given.at("choices").at(0).at("message").as_object();
    if (message.contains("tool_calls")) {
      const auto arguments = parse_json_object(call_in(given).at("arguments").as_string());
      ASSERT_TRUE(arguments);
      EXPECT_LE(arguments->at("hour").as_int64(), 23);
    } else if (finish_of(given) == "stop") {
      EXPECT_FALSE(text_of(given).starts_with("{")) << text_of(given);
    }
  }
}

TEST_F(FormTest, GivesSeveralChoices) {
  json::object body = chat_body("tell me", 30);
  body["temperature"] = 1.5;
  body["seed"] = 3;
  body["n"] = 3;
  body["prompt_logprobs"] = 0;
  const auto whole = answer(kPath, body);
  const auto& choices = whole.at("choices").as_array();
  ASSERT_EQ(choices.size(), 3U);
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(choices[i].at("index").as_int64(), static_cast<std::int64_t>(i));
    texts.push_back(json::value_to<std::string>(choices[i].at("message").at("content")));
  }
  EXPECT_NE(texts[0], texts[1]);
  EXPECT_NE(texts[1], texts[2]);
  EXPECT_EQ(whole.at("usage").at("completion_tokens").as_int64(), 90);
  EXPECT_EQ(static_cast<std::int64_t>(whole.at("prompt_logprobs").as_array().size()),
            whole.at("usage").at("prompt_tokens").as_int64());
  body.erase("prompt_logprobs");
  std::vector<std::string> streamed(3);
  std::vector<int> ended(3);
  const auto all = events(kPath, body);
  for (const SseEvent& event : all) {
    if (event.data == "[DONE]") continue;
    const auto chunk = json::parse(event.data).as_object();
    const auto& choice = chunk.at("choices").at(0);
    const auto index = static_cast<std::size_t>(choice.at("index").as_int64());
    streamed.at(index) += string_or_empty(choice.at("delta").as_object(), "content");
    ended.at(index) += choice.at("finish_reason").is_null() ? 0 : 1;
  }
  EXPECT_EQ(streamed, texts);
  EXPECT_EQ(ended, (std::vector<int>{1, 1, 1}));
  EXPECT_EQ(all.back().data, "[DONE]");
  body["n"] = 1;
  EXPECT_EQ(text_of(answer(kPath, body)), texts[0]) << "the first has the request's seed";
}

TEST_F(FormTest, SaysWhenToComeBackWhereTheQueueIsFull) {
  start({.model_folder = folder_.path("tiny"),
         .dtype = "fp32",
         .context = 256,
         .max_waiting = 0,
         .threads = 1});
  const auto response = post(kPath, chat_body("x", 1));
  EXPECT_EQ(response.status, 429) << response.body;
  EXPECT_EQ(response.headers.get("retry-after"), "1");
  const auto error = json::parse(response.body).at("error");
  EXPECT_EQ(error.at("type").as_string(), "rate_limit_error");
  EXPECT_EQ(error.at("code").as_string(), "queue_full");
  EXPECT_NE(call("GET", "/metrics").body.find("hone_engine_requests_refused_total 1\n"),
            std::string::npos);
}

TEST_F(FormTest, CountsForPrometheus) {
  (void)answer(kPath, chat_body("count", 7));
  const auto response = call("GET", "/metrics");
  EXPECT_EQ(response.status, 200);
  for (const char* line :
       {"# TYPE hone_engine_generated_tokens_total counter\n",
        "# TYPE hone_engine_requests_running gauge\n", "\nhone_engine_generated_tokens_total 7\n",
        "\nhone_engine_requests_taken_total 1\n", "\nhone_engine_requests_failed_total 0\n"}) {
    EXPECT_NE(response.body.find(line), std::string::npos) << line << "\n" << response.body;
  }
}

std::vector<json::object> lines_of(const std::string& text) {
  std::vector<json::object> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(json::parse(line).as_object());
  return lines;
}

// What the trainer trained is what the server serves: the token ids that `render` gives, and the
// log-probabilities that `score` gives, are those of the server, for the base model and an adapter.
TEST_F(FormTest, TheTrainersDoorAndTheServersSayTheSame) {
  const json::object load{{"lora_name", "house"}, {"lora_path", folder_.path("adapter")}};
  ASSERT_EQ(post("/v1/load_lora_adapter", load).status, 200);
  const json::array conversation{
      json::object{{"role", "system"}, {"content", "Be <|im_end|> brief."}},
      json::object{{"role", "user"}, {"content", "  What is\n2+2?"}},
      json::object{{"role", "assistant"}, {"content", " 4, I think"}}};
  json::object line;
  line["messages"] = conversation;
  std::istringstream to_render(json::serialize(line) + "\n");
  std::ostringstream rendered_text;
  RenderLinesOptions rendering;
  rendering.model = folder_.path("tiny");
  const auto done = render_lines(to_render, rendered_text, rendering);
  ASSERT_TRUE(done) << done.error().message;
  const auto rendered = lines_of(rendered_text.str()).at(0);
  const auto ids = json::value_to<std::vector<std::int64_t>>(rendered.at("ids"));
  const auto mask = json::value_to<std::vector<int>>(rendered.at("loss_mask"));
  for (const bool adapted : {false, true}) {
    json::object by_id;
    by_id["ids"] = rendered.at("ids");
    std::istringstream in(json::serialize(line) + "\n" + json::serialize(by_id) + "\n");
    std::ostringstream out;
    const auto scored = score_lines(in, out,
                                    {.model = folder_.path("tiny"),
                                     .adapter = adapted ? folder_.path("adapter") : std::string()});
    ASSERT_TRUE(scored) << scored.error().message;
    const auto answers = lines_of(out.str());
    ASSERT_EQ(answers.size(), 2U);
    json::object body{{"model", adapted ? "house" : "tiny"},
                      {"max_tokens", 0},
                      {"add_generation_prompt", false},
                      {"prompt_logprobs", 0}};
    body["messages"] = conversation;
    const auto served = answer(kPath, body);
    const auto& entries = served.at("prompt_logprobs").as_array();
    ASSERT_EQ(entries.size(), ids.size());
    std::size_t trained = 0;
    for (std::size_t i = 1; i < ids.size(); ++i) {
      const auto& entry = *entries[i].as_object().begin();
      EXPECT_EQ(std::string(entry.key()), std::to_string(ids[i])) << i;
      const double logprob = entry.value().at("logprob").to_number<double>();
      EXPECT_NEAR(logprob, answers[1].at("logprobs").at(i - 1).to_number<double>(), 1e-4) << i;
      if (mask[i] == 0) continue;
      EXPECT_NEAR(logprob, answers[0].at("logprobs").at(trained).to_number<double>(), 1e-4) << i;
      ++trained;
    }
    EXPECT_EQ(trained, answers[0].at("logprobs").as_array().size());
    EXPECT_EQ(trained, 12U) << "eleven characters and the end token";
  }
}

// The base model, which would rather talk.
TEST_F(FormTest, TheBaseModelKeepsToASchemaAndCallsATool) {
  const char* given = std::getenv("HONE_BASE_MODEL");
  if (given == nullptr || !std::filesystem::exists(std::string(given) + "/tokenizer.json")) {
    std::cerr << "SKIPPED: HONE_BASE_MODEL names no model folder\n";
    GTEST_SKIP();
  }
  start({.model_folder = given, .name = "tiny", .context = 1024, .threads = 2});
  json::object body =
      body_of("Tell me of a person as JSON with name, age and kind. Zo\u00eb is 31, kind b.", 120);
  body["response_format"] = format_of(kPerson);
  for (const double temperature : {0.0, 1.0}) {
    body["temperature"] = temperature;
    body["seed"] = 1;
    const auto given_answer = answer(kPath, body);
    EXPECT_EQ(finish_of(given_answer), "stop");
    expect_person(text_of(given_answer));
  }
  body = body_of("What is the weather in Bern?", 200);
  body["tools"] = tools_of(
      R"([{"name":"get_weather","description":"Weather now.","parameters":{"type":"object",)"
      R"("properties":{"city":{"type":"string","maxLength":40},"unit":{"enum":["C","F"]}},)"
      R"("required":["city"]}}])");
  body["tool_choice"] = "required";
  const auto call = call_in(answer(kPath, body));
  EXPECT_EQ(call.at("name").as_string(), "get_weather");
  const auto arguments = parse_json_object(call.at("arguments").as_string());
  ASSERT_TRUE(arguments);
  EXPECT_TRUE(arguments->at("city").is_string());
}

}  // namespace
}  // namespace hone::engine
