#include "engine/serve/openai_answer.h"

#include <gtest/gtest.h>

#include "base/sse.h"

namespace hone::engine::openai {
namespace {

constexpr const char* kCall = R"({"name": "now", "parameters": {"zone": "CET"}})";

AnswerHead head(std::vector<std::string> tools) {
  return {.id = "chatcmpl_1",
          .call_id = "call_1",
          .model = "m",
          .created_seconds = 17,
          .prompt_tokens = 5,
          .include_usage = true,
          .tools = std::move(tools),
          .tokenizer = nullptr};
}

Piece piece_of(std::string text, std::optional<Finish> finish = std::nullopt) {
  Piece piece;
  piece.text = std::move(text);
  piece.tokens = 1;
  piece.finish = finish;
  return piece;
}

// The stream for an answer that comes in these pieces, as the service asks for it.
std::string streamed(std::vector<std::string> tools, const std::vector<std::string>& texts,
                     Finish finish) {
  AnswerWriter writer(head(std::move(tools)));
  std::string events = writer.opening();
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const bool last = i + 1 == texts.size();
    const Piece piece = piece_of(texts[i], last ? std::optional(finish) : std::nullopt);
    events += writer.piece(piece);
    if (last) events += writer.closing(piece);
  }
  return events;
}

// The choices of all chunks, without the usage chunk and [DONE].
std::vector<json::object> choices_in(const std::string& events) {
  std::vector<json::object> choices;
  for (const SseEvent& event : SseSplitter().feed(events)) {
    if (event.data == "[DONE]") continue;
    const auto chunk = json::parse(event.data).as_object();
    const auto& list = chunk.at("choices").as_array();
    if (!list.empty()) choices.push_back(list.at(0).as_object());
  }
  return choices;
}

TEST(AnswerWriter, WritesACallInPlaceOfText) {
  AnswerWriter writer(head({"now"}));
  const auto body = writer.whole(piece_of(kCall, Finish::kStop));
  const auto& choice = body.at("choices").at(0);
  EXPECT_EQ(choice.at("finish_reason").as_string(), "tool_calls");
  EXPECT_EQ(json::serialize(choice.at("message")),
            R"({"role":"assistant","content":null,"tool_calls":[{"id":"call_1","type":"function",)"
            R"("function":{"name":"now","arguments":"{\"zone\": \"CET\"}"}}]})");
}

TEST(AnswerWriter, WritesTextWhereNothingIsCalled) {
  for (const auto& tools : {std::vector<std::string>{}, {"other"}}) {
    AnswerWriter writer(head(tools));
    const auto body = writer.whole(piece_of(kCall, Finish::kStop));
    const auto& choice = body.at("choices").at(0);
    EXPECT_EQ(choice.at("finish_reason").as_string(), "stop");
    EXPECT_EQ(choice.at("message").at("content").as_string(), kCall);
    EXPECT_FALSE(choice.at("message").as_object().contains("tool_calls"));
  }
}

TEST(AnswerWriter, StreamsACallWhenItIsCertain) {
  const std::string text = kCall;
  const std::string events =
      streamed({"now"}, {text.substr(0, 4), text.substr(4, 9), text.substr(13)}, Finish::kStop);
  const auto choices = choices_in(events);
  ASSERT_EQ(choices.size(), 4U) << events;
  EXPECT_EQ(json::serialize(choices[0].at("delta")), R"({"role":"assistant","content":""})");
  const auto& first = choices[1].at("delta").at("tool_calls").at(0);
  EXPECT_EQ(first.at("index").as_int64(), 0);
  EXPECT_EQ(first.at("id").as_string(), "call_1");
  EXPECT_EQ(first.at("type").as_string(), "function");
  EXPECT_EQ(first.at("function").at("name").as_string(), "now");
  EXPECT_EQ(first.at("function").at("arguments").as_string(), "");
  EXPECT_EQ(json::serialize(choices[2].at("delta")),
            R"({"tool_calls":[{"function":{"arguments":"{\"zone\": \"CET\"}"},"index":0}]})");
  EXPECT_TRUE(choices[2].at("finish_reason").is_null());
  EXPECT_EQ(choices[3].at("finish_reason").as_string(), "tool_calls");
  EXPECT_NE(events.find("\n\n:\n\n"), std::string::npos) << "the client hears that it goes on";
  EXPECT_NE(events.find(R"("usage":{"prompt_tokens":5,"completion_tokens":3,"total_tokens":8})"),
            std::string::npos);
}

TEST(AnswerWriter, StreamsTextAtOnceAndWhatWasNoCallAtTheEnd) {
  const auto text_of = [](const std::vector<json::object>& choices) {
    std::string text;
    for (const auto& choice : choices) {
      text += string_or_empty(choice.at("delta").as_object(), "content");
      text += "|";
    }
    return text + json::value_to<std::string>(choices.back().at("finish_reason"));
  };
  EXPECT_EQ(text_of(choices_in(streamed({"now"}, {"It", " is", " 12."}, Finish::kStop))),
            "|It| is| 12.||stop");
  EXPECT_EQ(text_of(choices_in(streamed({"now"}, {"{\"na", "me\""}, Finish::kLength))),
            "|{\"name\"||length");
  EXPECT_EQ(text_of(choices_in(streamed({}, {"{\"na", "me\""}, Finish::kLength))),
            "|{\"na|me\"||length");
}

TEST(AnswerWriter, NamesTheStopStringAsVllmDoes) {
  Piece piece = piece_of("a", Finish::kStopString);
  piece.stop_string = "END";
  AnswerWriter writer(head({}));
  const auto body = writer.whole(piece);
  EXPECT_EQ(body.at("choices").at(0).at("finish_reason").as_string(), "stop");
  EXPECT_EQ(body.at("choices").at(0).at("stop_reason").as_string(), "END");
}

TEST(ErrorBody, SaysWhatKindOfErrorItIs) {
  EXPECT_EQ(json::serialize(error_body({ErrorCode::kTooLarge, "m"})),
            R"({"error":{"message":"m","type":"invalid_request_error","param":null,)"
            R"("code":"context_length_exceeded"}})");
  EXPECT_EQ(json::serialize(error_body({ErrorCode::kUnavailable, "m"})),
            R"({"error":{"message":"m","type":"server_error","param":null,"code":null}})");
}

}  // namespace
}  // namespace hone::engine::openai
