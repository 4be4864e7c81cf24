#include <algorithm>

#include "wire/answer_part.h"
#include "wire/openai_chat.h"

namespace hone::wire {

void OpenAIAnswer::read_common(const json::object& object) {
  if (const auto* error = object.if_contains("error"); error != nullptr && !error->is_null()) {
    answer_.error = error_type(*error);
  }
  if (const auto id = string_or_empty(object, "id"); !id.empty()) answer_.response_id = id;
  if (const auto model = string_or_empty(object, "model"); !model.empty()) answer_.model = model;
  if (const auto* usage = object_at(object, "usage")) {
    // The same numbers, grown, may come with every chunk: the last ones count.
    take_count(*usage, "prompt_tokens", answer_.prompt_tokens);
    take_count(*usage, "completion_tokens", answer_.completion_tokens);
    if (const auto* details = object_at(*usage, "prompt_tokens_details")) {
      take_count(*details, "cached_tokens", answer_.cached_tokens);
    }
  }
}

void OpenAIAnswer::read_event(const json::object& chunk) {
  read_common(chunk);
  const json::object* choice = first_choice(chunk);
  if (choice == nullptr) return;
  if (const auto* delta = object_at(*choice, "delta")) read_delta(*delta);
  if (const auto reason = string_or_empty(*choice, "finish_reason"); !reason.empty()) {
    answer_.stop_reason = reason;
  }
}

void OpenAIAnswer::read_delta(const json::object& delta) {
  const auto append = [this](std::string& to, std::string_view text) {
    to += text;
    size_bytes_ += text.size();
  };
  append(text_, string_or_empty(delta, "content"));
  append(refusal_, string_or_empty(delta, "refusal"));
  const auto* calls = delta.if_contains("tool_calls");
  if (calls == nullptr || !calls->is_array()) return;
  for (const json::value& call : calls->get_array()) {
    if (call.is_object()) read_tool_call(call.get_object());
  }
}

void OpenAIAnswer::read_tool_call(const json::object& fragment) {
  const std::string_view id = string_or_empty(fragment, "id");
  // Some servers leave the index out: then a new id begins a new call.
  const bool begins = tool_calls_.empty() || (!id.empty() && tool_calls_.back().second.id != id);
  std::int64_t index = static_cast<std::int64_t>(tool_calls_.size()) - (begins ? 0 : 1);
  if (const auto* given = fragment.if_contains("index"); given && given->is_int64()) {
    index = given->get_int64();
  }
  auto found = std::find_if(tool_calls_.rbegin(), tool_calls_.rend(),
                            [&](const auto& entry) { return entry.first == index; });
  if (found == tool_calls_.rend()) {
    tool_calls_.emplace_back(index, ToolCall{});
    found = tool_calls_.rbegin();
    size_bytes_ += sizeof(ToolCall);
  }
  ToolCall& call = found->second;
  if (call.id.empty()) call.id = id;
  if (const auto* function = object_at(fragment, "function")) {
    if (call.name.empty()) call.name = string_or_empty(*function, "name");
    const std::string_view arguments = string_or_empty(*function, "arguments");
    call.arguments += arguments;
    size_bytes_ += arguments.size();
  }
}

void OpenAIAnswer::read_body(const json::object& body) {
  read_common(body);
  const json::object* choice = first_choice(body);
  if (choice == nullptr) return;
  answer_.stop_reason = string_or_empty(*choice, "finish_reason");
  if (const auto* message = object_at(*choice, "message")) {
    whole_ = *message;
    ended_ = true;
  }
}

json::object OpenAIAnswer::message() const {
  if (!whole_.empty()) return whole_;
  json::object message;
  if (!text_.empty()) message.emplace("content", text_);
  if (!refusal_.empty()) message.emplace("refusal", refusal_);
  if (!tool_calls_.empty()) {
    json::array calls;
    for (const auto& [index, call] : tool_calls_) {
      calls.push_back(json::object{
          {"id", call.id}, {"function", {{"name", call.name}, {"arguments", call.arguments}}}});
    }
    message.emplace("tool_calls", std::move(calls));
  }
  return message;
}

Answer OpenAIAnswer::finish() {
  std::stable_sort(tool_calls_.begin(), tool_calls_.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  json::object said = message();
  if (!said.empty()) {
    said["role"] = "assistant";
    answer_.message = read_openai_message(said);
    finish_message(answer_);
  }
  answer_.complete = answer_.error.empty() && (ended_ || !answer_.stop_reason.empty());
  return std::move(answer_);
}

}  // namespace hone::wire
