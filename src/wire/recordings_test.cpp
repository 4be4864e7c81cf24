// What real clients sent (shared/recordings) and what nobody should send, read by the same code.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>

#include "base/random.h"
#include "base/test_support.h"
#include "wire/answer.h"
#include "wire/call.h"
#include "wire/message.h"

namespace hone::wire {
namespace {

using testing::shared_path;

struct Recorded {
  std::string thread;  // calls of one thread follow each other
  Call call;
};

// The model calls of one recording, in order.
std::vector<Recorded> model_calls(const std::string& file) {
  std::vector<Recorded> calls;
  const auto document = parse_json(testing::read_all(file));
  if (!document || !document->is_object()) return calls;
  for (const json::value& value : document->at("requests").as_array()) {
    const json::object& request = value.as_object();
    const std::string path(string_or_empty(request, "path"));
    const std::string bare = path.substr(0, path.find('?'));
    std::optional<Format> format;
    if (bare.ends_with("/chat/completions")) format = Format::kOpenAIChat;
    if (bare == "/v1/messages") format = Format::kAnthropicMessages;
    if (bare == "/v1/responses") format = Format::kOpenAIResponses;
    const auto* body = request.if_contains("body");
    if (!format || body == nullptr || !body->is_object()) continue;
    auto call = read_call(*format, body->get_object());
    EXPECT_TRUE(call) << file << ": " << call.error().message;
    if (!call) continue;
    const json::object& headers = request.at("headers").as_object();
    calls.push_back({std::string(string_or_empty(headers, "x-claude-code-agent-id")), *call});
  }
  return calls;
}

std::string collapsed(std::string_view text) {
  std::string result;
  for (const char c : text) {
    const bool blank = c == ' ' || c == '\n' || c == '\t';
    if (!blank) result += c;
  }
  return result;
}

// The recordings' long vendor texts are replaced, and not alike in two calls: "[vendor text
// redacted, N chars] beginning of the text".
bool same_text(std::string_view a, std::string_view b) {
  if (a == b) return true;
  constexpr std::string_view kMark = "[vendor text redacted, ";
  if (b.starts_with(kMark)) std::swap(a, b);
  if (!a.starts_with(kMark)) return false;
  const std::string rest = collapsed(a.substr(a.find(']') + 1));
  return collapsed(b.substr(b.starts_with(kMark) ? b.find(']') + 1 : 0)).starts_with(rest);
}

bool same(const json::value& a, const json::value& b) {
  if (a.kind() != b.kind()) return false;
  if (a.is_string()) return same_text(a.get_string(), b.get_string());
  if (a.is_object()) {
    if (a.get_object().size() != b.get_object().size()) return false;
    return std::all_of(a.get_object().begin(), a.get_object().end(), [&](const auto& member) {
      const auto* other = b.get_object().if_contains(member.key());
      return other != nullptr && same(member.value(), *other);
    });
  }
  if (a.is_array()) {
    return std::equal(a.get_array().begin(), a.get_array().end(), b.get_array().begin(),
                      b.get_array().end(), same);
  }
  return a == b;
}

std::vector<std::string> recordings() {
  std::vector<std::string> files;
  const auto folder = shared_path("recordings");
  if (!folder) return files;
  for (const auto& entry : std::filesystem::directory_iterator(*folder)) {
    const std::string name = entry.path().filename();
    if (name.ends_with(".json")) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

TEST(WireRecordings, EveryModelCallOfARealClientIsRead) {
  const auto files = recordings();
  if (files.empty()) GTEST_SKIP();
  std::size_t read = 0;
  std::size_t responses = 0;
  std::size_t other = 0;
  for (const auto& file : files) {
    for (const Recorded& recorded : model_calls(file)) {
      ++read;
      responses += recorded.call.format == Format::kOpenAIResponses ? 1 : 0;
      EXPECT_FALSE(recorded.call.messages.empty()) << file;
      for (const auto& message : recorded.call.messages) {
        EXPECT_NE(canonical(message).find("\"content\""), std::string::npos);
        EXPECT_EQ(canonical(message).find("cache_control"), std::string::npos) << file;
        EXPECT_EQ(canonical(message).find("billing-header"), std::string::npos) << file;
        if (role_of(message) == "tools") continue;  // some run at the provider
        const bool has_other = canonical(message).find("\"type\":\"other\"") != std::string::npos;
        other += has_other ? 1 : 0;
        EXPECT_TRUE(!has_other ||
                    canonical(message).find("configuration_update") != std::string::npos)
            << file << canonical(message);
      }
    }
  }
  EXPECT_GE(read, 60U);
  EXPECT_GE(responses, 13U);
  EXPECT_EQ(other, 1U) << "these clients send one thing that the neutral form has no word for";
}

TEST(WireRecordings, CallsOfOneConversationAreOneChain) {
  const auto files = recordings();
  if (files.empty()) GTEST_SKIP();
  std::size_t followed = 0;
  for (const auto& file : files) {
    const bool agent = file.find("claude-code__") != std::string::npos ||
                       file.find("codex__") != std::string::npos;
    if (!agent) continue;
    std::map<std::string, Call> last;  // by thread
    for (const Recorded& recorded : model_calls(file)) {
      const auto before = last.find(recorded.thread);
      if (before != last.end()) {
        const auto& prefix = before->second.messages;
        const auto& whole = recorded.call.messages;
        ASSERT_LE(prefix.size(), whole.size()) << file;
        for (std::size_t i = 0; i < prefix.size(); ++i) {
          EXPECT_TRUE(same(prefix[i], whole[i])) << file << ", message " << i << ":\n"
                                                 << canonical(prefix[i]).substr(0, 400) << "\n"
                                                 << canonical(whole[i]).substr(0, 400);
        }
        if (whole.size() > prefix.size()) {
          EXPECT_EQ(role_of(whole[prefix.size()]), "assistant") << file;
          ++followed;
        }
      }
      last[recorded.thread] = recorded.call;
    }
  }
  EXPECT_GE(followed, 11U);
}

// What the upstream of the recordings streams for a tool call: its input in small pieces.
std::string stream_of(const json::object& message) {
  std::string text = R"(data: {"type":"message_start","message":{"id":"msg_1","model":"m"}})"
                     "\n\n";
  std::int64_t index = 0;
  const auto send = [&](const json::object& event) {
    text += "event: x\ndata: " + json::serialize(event) + "\n\n";
  };
  const auto delta = [&](const char* type, const char* field, std::string_view piece) {
    send({{"type", "content_block_delta"},
          {"index", index},
          {"delta", {{"type", type}, {field, piece}}}});
  };
  for (const json::value& value : message.at("content").as_array()) {
    json::object block = value.as_object();
    block.erase("cache_control");
    const json::object whole = block;
    const auto type = std::string(string_or_empty(whole, "type"));
    if (type == "text") block["text"] = "";
    if (type == "thinking") block["thinking"] = "";
    if (type == "tool_use") block["input"] = json::object();
    send({{"type", "content_block_start"}, {"index", index}, {"content_block", block}});
    if (type == "text") delta("text_delta", "text", string_or_empty(whole, "text"));
    if (type == "thinking") delta("thinking_delta", "thinking", string_or_empty(whole, "thinking"));
    if (type == "tool_use") {
      const std::string input = json::serialize(whole.at("input"));
      for (std::size_t at = 0; at < input.size(); at += 17) {
        delta("input_json_delta", "partial_json", std::string_view(input).substr(at, 17));
      }
    }
    send({{"type", "content_block_stop"}, {"index", index++}});
  }
  send({{"type", "message_delta"}, {"delta", {{"stop_reason", "end_turn"}}}});
  send({{"type", "message_stop"}});
  return text;
}

TEST(WireRecordings, AStreamedAnswerIsTheAncestorOfTheNextCall) {
  const auto files = recordings();
  if (files.empty()) GTEST_SKIP();
  std::size_t answers = 0;
  for (const auto& file : files) {
    const auto document = parse_json(testing::read_all(file));
    if (file.find("claude-code__") == std::string::npos) continue;
    for (const json::value& request : document->at("requests").as_array()) {
      const auto* body = request.as_object().if_contains("body");
      const auto* object = body == nullptr ? nullptr : body->if_object();
      if (object == nullptr || !object->contains("messages")) continue;
      const Call call = read_call(Format::kAnthropicMessages, *object).value();
      for (const json::value& message : object->at("messages").as_array()) {
        if (string_or_empty(message.as_object(), "role") != "assistant") continue;
        AnswerReader reader(Format::kAnthropicMessages, true);
        reader.feed(stream_of(message.as_object()));
        const Answer answer = reader.finish();
        EXPECT_TRUE(answer.complete);
        const auto found = std::find_if(
            call.messages.begin(), call.messages.end(),
            [&](const auto& sent) { return canonical(sent) == canonical(answer.message); });
        EXPECT_NE(found, call.messages.end()) << file << "\n" << canonical(answer.message);
        ++answers;
      }
    }
  }
  EXPECT_GE(answers, 10U);
}

TEST(WireRecordings, DamagedBytesNeverCrashAReader) {
  const auto files = recordings();
  if (files.empty()) GTEST_SKIP();
  Random random(7);
  std::string corpus;
  for (const auto& file : files) {
    if (file.find("sdk__") != std::string::npos) corpus += testing::read_all(file).substr(0, 4000);
  }
  for (int round = 0; round < 2000; ++round) {
    std::string text = corpus.substr(random.below(corpus.size() - 600), 600);
    if (random.chance(0.5)) text = "data: {\"choices\":[{\"delta\":" + text;
    for (int flips = 0; flips < 8; ++flips) {
      text[random.below(text.size())] = static_cast<char>(random.below(256));
    }
    for (const Format format : kFormats) {
      AnswerReader reader(format, random.chance(0.5));
      reader.feed(text);
      EXPECT_FALSE(reader.finish().complete);
    }
  }
}

TEST(WireRecordings, RandomJsonInEveryPlaceIsReadOrRefused) {
  // Every field that the readers look at, filled with every kind of value.
  const std::vector<std::string> values = {"null",
                                           "true",
                                           "-1",
                                           "1e400",
                                           "\"x\"",
                                           "[]",
                                           "{}",
                                           "[[1]]",
                                           "[{\"type\":\"text\"}]",
                                           "{\"type\":\"text\"}",
                                           "18446744073709551615"};
  const std::vector<std::string> shapes = {
      R"({"model":"m","messages":[{"role":#,"content":"x"}]})",
      R"({"model":"m","messages":[{"role":"user","content":#}]})",
      R"({"model":"m","messages":[{"role":"user","content":[{"type":#,"text":"x"}]}]})",
      R"({"model":"m","messages":[{"role":"user","content":[{"type":"text","text":#}]}]})",
      R"({"model":"m","messages":[{"role":"user","content":[{"type":"tool_result","content":#,"is_error":#}]}]})",
      R"({"model":"m","messages":[{"role":"assistant","content":[{"type":"tool_use","id":#,"input":#}]}]})",
      R"({"model":"m","messages":[{"role":"assistant","tool_calls":#}]})",
      R"({"model":"m","messages":[{"role":"assistant","tool_calls":[{"id":#,"function":#}]}]})",
      R"({"model":"m","messages":[{"role":"assistant","tool_calls":[{"function":{"name":#,"arguments":#}}]}]})",
      R"({"model":"m","messages":[],"system":#,"tools":#,"stream":#})",
      R"({"type":"message_start","message":#,"choices":#,"usage":#,"error":#})",
      R"({"type":"message_start","message":{"id":#,"usage":{"input_tokens":#}}})",
      R"({"type":"content_block_start","index":#,"content_block":#})",
      R"({"choices":[{"index":#,"delta":#,"finish_reason":#,"message":#}]})",
      R"({"choices":[{"delta":{"content":#,"tool_calls":[{"index":#,"id":#,"function":#}]}}]})",
      R"({"content":#,"usage":{"output_tokens":#},"id":#})",
      R"({"model":"m","input":#,"instructions":#,"tools":#,"previous_response_id":#,"prompt":#})",
      R"({"model":"m","input":[{"type":#,"role":#,"content":#}]})",
      R"({"model":"m","input":[{"type":"function_call","call_id":#,"name":#,"namespace":#,"arguments":#}]})",
      R"({"model":"m","input":[{"type":"function_call_output","call_id":#,"output":#}]})",
      R"({"model":"m","input":[{"type":"reasoning","summary":#,"content":#},{"type":"image_generation_call","result":#}]})",
      R"({"model":"m","input":[{"type":"message","content":[{"type":#,"text":#,"refusal":#}]}]})",
      R"({"model":"m","input":[],"tools":[{"type":"namespace","name":#,"tools":#},{"type":"function","name":#,"parameters":#}]})",
      R"({"type":"response.completed","response":{"id":#,"status":#,"output":#,"error":#,"usage":#,"incomplete_details":#}})",
      R"({"type":"response.completed","response":{"status":"completed","output":[#,{"type":#,"content":#}]}})",
      R"({"type":"response.output_item.added","output_index":#,"item":#})",
      R"({"type":"response.output_text.delta","output_index":#,"content_index":#,"delta":#})",
      R"({"type":"response.custom_tool_call_input.delta","output_index":#,"delta":#})",
      R"({"type":"error","error":#,"code":#})"};
  for (const auto& shape : shapes) {
    for (const auto& value : values) {
      std::string body = shape;
      for (std::size_t at = 0; (at = body.find('#', at)) != std::string::npos;) {
        body.replace(at, 1, value);
      }
      const auto object = parse_json_object(body);
      for (const Format format : kFormats) {
        if (object) (void)read_call(format, *object);
        for (const bool streamed : {true, false}) {
          AnswerReader reader(format, streamed);
          reader.feed(streamed ? "data: " + body + "\n\n" : body);
          (void)reader.finish();
        }
      }
    }
  }
}

TEST(WireRecordings, BombsAreRefusedByTheirSizeOrDepth) {
  for (const Format format : kFormats) {
    for (const bool streamed : {true, false}) {
      AnswerReader deep(format, streamed);
      deep.feed((streamed ? "data: " : "") + std::string(100'000, '[') + "\n\n");
      EXPECT_FALSE(deep.finish().complete);
      AnswerReader keys(format, streamed);
      std::string many = streamed ? "data: {" : "{";
      for (int i = 0; i < 100'000; ++i) many += "\"k" + std::to_string(i) + "\":1,";
      keys.feed(many + "\"k\":1}\n\n");
      EXPECT_FALSE(keys.finish().complete);
      AnswerReader lone(format, streamed);
      lone.feed(std::string(streamed ? "data: " : "") + R"({"id":"\ud800","choices":[]})" + "\n\n");
      EXPECT_FALSE(lone.finish().complete);
    }
  }
}

// y_ must be read, n_ refused, i_ may be either; none may crash or hang.
TEST(WireRecordings, JsonTestSuiteIsReadAsItSays) {
  const auto archive = shared_path("data/jsontestsuite/test_parsing.tar.gz");
  if (!archive) GTEST_SKIP();
  const testing::TempFolder folder;
  testing::output_of("tar -xzf '" + *archive + "' -C '" + folder.path() + "'");
  std::size_t cases = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder.path())) {
    const std::string name = entry.path().filename();
    if (!name.ends_with(".json")) continue;
    ++cases;
    const std::string text = testing::read_all(entry.path());
    const auto value = parse_json(text);
    const bool either = name.starts_with("i_");
    EXPECT_TRUE(either || value.has_value() == name.starts_with("y_")) << name;
    AnswerReader reader(Format::kOpenAIChat, true);
    reader.feed("data: " + text + "\n\n");
    EXPECT_FALSE(reader.finish().complete);
  }
  EXPECT_GT(cases, 200U);
}

}  // namespace
}  // namespace hone::wire
