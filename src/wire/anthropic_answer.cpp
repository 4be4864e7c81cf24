#include "wire/answer_part.h"
#include "wire/anthropic_messages.h"

namespace hone::wire {
void AnthropicAnswer::read_event(const json::object& event) {
  const std::string_view type = string_or_empty(event, "type");
  if (type == "message_start") {
    if (const auto* message = object_at(event, "message")) read_message(*message);
  } else if (type == "content_block_start") {
    const auto* block = object_at(event, "content_block");
    std::int64_t index = 0;
    take_count(event, "index", index);
    if (block != nullptr) {
      blocks_[index].value = *block;
      size_bytes_ += sizeof(Block) + canonical(*block).size();
    }
  } else if (type == "content_block_delta") {
    read_delta(event);
  } else if (type == "message_delta") {
    read_usage(event);
    if (const auto* delta = object_at(event, "delta")) {
      const auto reason = string_or_empty(*delta, "stop_reason");
      if (!reason.empty()) answer_.stop_reason = reason;
    }
  } else if (type == "message_stop") {
    ended_ = true;
  } else if (type == "error") {
    const auto* error = event.if_contains("error");
    answer_.error = error_type(error == nullptr ? json::value() : *error);
  }
  // Pings and events of a later day say nothing that we record.
}

void AnthropicAnswer::read_message(const json::object& message) {
  answer_.response_id = string_or_empty(message, "id");
  answer_.model = string_or_empty(message, "model");
  answer_.stop_reason = string_or_empty(message, "stop_reason");
  read_usage(message);
}

// Counts are cumulative: a later one overrides an earlier one, field by field; they are never added
// up.
void AnthropicAnswer::read_usage(const json::object& holder) {
  const auto* usage = object_at(holder, "usage");
  if (usage == nullptr) return;
  take_count(*usage, "input_tokens", input_tokens_);
  take_count(*usage, "cache_creation_input_tokens", cache_creation_input_tokens_);
  take_count(*usage, "cache_read_input_tokens", cache_read_input_tokens_);
  take_count(*usage, "output_tokens", answer_.completion_tokens);
}

void AnthropicAnswer::read_delta(const json::object& event) {
  const auto* delta = object_at(event, "delta");
  if (delta == nullptr) return;
  std::int64_t index = 0;
  take_count(event, "index", index);
  const auto found = blocks_.find(index);
  if (found == blocks_.end()) return;  // a delta of a block that never began
  const std::string_view type = string_or_empty(*delta, "type");
  Block& block = found->second;
  std::string_view text;
  if (type == "text_delta") {
    block.text += text = string_or_empty(*delta, "text");
  } else if (type == "thinking_delta") {
    block.text += text = string_or_empty(*delta, "thinking");
  } else if (type == "input_json_delta") {
    block.partial += text = string_or_empty(*delta, "partial_json");
  }
  size_bytes_ += text.size();
}

void AnthropicAnswer::read_body(const json::object& body) {
  if (string_or_empty(body, "type") == "error" || body.contains("error")) {
    read_event({{"type", "error"}, {"error", body.contains("error") ? body.at("error") : nullptr}});
    return;
  }
  read_message(body);
  if (const auto* content = body.if_contains("content"); content && content->is_array()) {
    whole_ = content->get_array();
    ended_ = true;
  }
}

json::array AnthropicAnswer::content() const {
  if (!whole_.empty()) return whole_;
  json::array content;
  for (const auto& [index, block] : blocks_) {
    json::object value = block.value;
    const std::string_view type = string_or_empty(value, "type");
    if (type == "text" || type == "thinking") {
      const std::string key(type);
      const std::string text = std::string(string_or_empty(value, key)) + block.text;
      value[key] = text;
    } else if (!block.partial.empty()) {
      value["input"] = block.partial;
    }
    content.push_back(std::move(value));
  }
  return content;
}

Answer AnthropicAnswer::finish() {
  answer_.prompt_tokens = input_tokens_ + cache_creation_input_tokens_ + cache_read_input_tokens_;
  answer_.cached_tokens = cache_read_input_tokens_;
  answer_.cache_write_tokens = cache_creation_input_tokens_;
  json::array said = content();
  if (!said.empty()) {
    std::vector<json::object> messages;
    read_anthropic_message({{"role", "assistant"}, {"content", std::move(said)}}, messages);
    answer_.message = messages.empty() ? json::object() : std::move(messages.front());
    finish_message(answer_);
  }
  answer_.complete = answer_.error.empty() && ended_;
  return std::move(answer_);
}

}  // namespace hone::wire
