// For tests and fuzzing only: reads a translated stream as a strict client would.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/sse.h"
#include "wire/call.h"

namespace hone::wire {

inline std::vector<SseEvent> events_in(std::string_view bytes) {
  SseSplitter splitter;
  std::vector<SseEvent> events = splitter.feed(bytes);
  if (auto last = splitter.finish()) events.push_back(std::move(*last));
  return events;
}

// The order that Anthropic documents: message_start, blocks one after the other, message_delta,
// message_stop; or an error as the last.
class MessagesStreamCheck {
 public:
  std::string read(const SseEvent& event) {
    const auto data = parse_json_object(event.data);
    if (!data) return "an event that is no JSON";
    const std::string type(string_or_empty(*data, "type"));
    if (type != event.event) return "an event that is named otherwise than its data";
    if (ended) return "an event behind the end";
    if (type == "ping") return {};
    if (type == "error") {
      ended = true;
      return {};
    }
    if ((type == "message_start") == started) return "message_start is not the first, or not once";
    started = true;
    if (type == "message_start") return {};
    if (type == "message_delta") {
      if (open) return "message_delta within a block";
      told = true;
      return {};
    }
    if (type == "message_stop") {
      ended = true;
      return told ? "" : "message_stop without message_delta";
    }
    return read_block(type, data->at("index").as_int64());
  }

  bool ended = false;

 private:
  std::string read_block(std::string_view type, std::int64_t index) {
    if (index != next) return "a block's index is not the next";
    if (type == "content_block_start") {
      if (open) return "a block within a block";
      open = true;
    } else if (!open) {
      return "a piece of a block that is not open";
    } else if (type == "content_block_stop") {
      open = false;
      ++next;
    } else if (type != "content_block_delta") {
      return "an event of an unknown type";
    }
    return {};
  }

  bool started = false;
  bool open = false;
  bool told = false;
  std::int64_t next = 0;
};

// Chunks of one choice, calls counted from 0, one finish reason, [DONE]; or an error as the last.
class ChatStreamCheck {
 public:
  std::string read(const SseEvent& event) {
    if (ended) return "an event behind the end";
    if (event.data == "[DONE]") {
      ended = true;
      return finished ? "" : "[DONE] without a finish reason";
    }
    const auto data = parse_json_object(event.data);
    if (!data) return "an event that is no JSON";
    if (data->contains("error")) {
      ended = true;
      return {};
    }
    if (string_or_empty(*data, "object") != "chat.completion.chunk") return "no chunk";
    const auto& choices = data->at("choices").as_array();
    if (choices.empty()) return finished ? "" : "usage before the finish reason";
    if (finished) return "a choice behind the finish reason";
    const json::object& choice = choices.front().as_object();
    finished = !string_or_empty(choice, "finish_reason").empty();
    const auto* list = choice.at("delta").as_object().if_contains("tool_calls");
    if (list == nullptr) return {};
    for (const auto& call : list->as_array()) {
      const auto index = call.as_object().at("index").as_int64();
      const bool begins = call.as_object().contains("id");
      if (begins ? index != calls : index >= calls) return "a call's index is not the next";
      if (begins) ++calls;
    }
    return {};
  }

  bool ended = false;

 private:
  bool finished = false;
  std::int64_t calls = 0;
};

// What Codex insists on: events numbered from 0, an item announced before its deltas, and one end
// that repeats what was said.
class ResponsesStreamCheck {
 public:
  std::string read(const SseEvent& event) {
    const auto data = parse_json_object(event.data);
    if (!data) return "an event that is no JSON";
    const std::string type(string_or_empty(*data, "type"));
    if (type != event.event) return "an event that is named otherwise than its data";
    if (ended) return "an event behind the end";
    if (data->at("sequence_number").as_int64() != number++) return "events are not numbered";
    if (type == "response.failed") {
      ended = true;
      return {};
    }
    if ((type == "response.created") == begun)
      return "response.created is not the first, or not once";
    begun = true;
    if (type == "response.created" || type == "response.in_progress") return {};
    if (type == "response.completed" || type == "response.incomplete") {
      ended = true;
      if (open) return "the end within an item";
      const auto& response = data->at("response").as_object();
      return response.at("output").as_array() == said ? "" : "the end does not repeat the items";
    }
    if (data->at("output_index").to_number<std::size_t>() != said.size()) return "another index";
    if (type == "response.output_item.added") {
      if (open) return "an item within an item";
      open = true;
      text.clear();
      id = string_or_empty(data->at("item").as_object(), "id");
      return {};
    }
    if (!open) return "a piece of an item that is not open";
    if (type == "response.output_item.done") {
      open = false;
      said.push_back(data->at("item"));
      return string_or_empty(data->at("item").as_object(), "id") == id ? ""
                                                                       : "another id at its end";
    }
    if (string_or_empty(*data, "item_id") != id) return "a piece of another item";
    if (type.ends_with(".delta")) text += string_or_empty(*data, "delta");
    if (!type.ends_with("_text.done") && !type.ends_with("refusal.done")) return {};
    const bool refusal = type.ends_with("refusal.done");
    return string_or_empty(*data, refusal ? "refusal" : "text") == text ? ""
                                                                        : "another text at its end";
  }

  bool ended = false;

 private:
  std::int64_t number = 0;
  bool begun = false;
  bool open = false;
  std::string id;
  std::string text;
  json::array said;
};

// What is wrong with a stream for a client of `client`; "" where nothing is.
inline std::string fault_in_stream(Format client, std::string_view bytes) {
  const auto check = [&](auto reader) -> std::string {
    for (const auto& event : events_in(bytes)) {
      if (auto fault = reader.read(event); !fault.empty()) return fault + ": " + event.data;
    }
    return reader.ended ? "" : "the stream has no end";
  };
  if (client == Format::kAnthropicMessages) return check(MessagesStreamCheck());
  if (client == Format::kOpenAIResponses) return check(ResponsesStreamCheck());
  return check(ChatStreamCheck());
}

}  // namespace hone::wire
