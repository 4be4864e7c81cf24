#include <array>

#include "wire/answer_part.h"
#include "wire/message.h"
#include "wire/openai_responses.h"

namespace hone::wire {
namespace {

enum class Into { kContent, kSummary, kInput };

struct DeltaKind {
  std::string_view event;
  Into into;
  std::string_view item;   // the type of the item that it grows
  std::string_view part;   // of the part in it
  std::string_view index;  // the field that numbers the part
};

// OpenAI's API reference, "Responses: streaming events".
constexpr std::array<DeltaKind, 6> kDeltas = {{
    {"response.output_text.delta", Into::kContent, "message", "output_text", "content_index"},
    {"response.refusal.delta", Into::kContent, "message", "refusal", "content_index"},
    {"response.reasoning_text.delta", Into::kContent, "reasoning", "reasoning_text",
     "content_index"},
    {"response.reasoning_summary_text.delta", Into::kSummary, "reasoning", "summary_text",
     "summary_index"},
    {"response.function_call_arguments.delta", Into::kInput, "function_call", "", ""},
    {"response.custom_tool_call_input.delta", Into::kInput, "custom_tool_call", "", ""},
}};

std::int64_t number_at(const json::object& object, std::string_view name) {
  std::int64_t number = 0;
  take_count(object, name, number);
  return number;
}

}  // namespace

void ResponsesAnswer::read_event(const json::object& event) {
  const std::string_view type = string_or_empty(event, "type");
  if (const auto* response = object_at(event, "response")) {
    read_response(*response);  // created, in_progress, completed, incomplete, failed
  } else if (type == "response.output_item.added" || type == "response.output_item.done") {
    read_item(event, type.ends_with(".done"));
  } else if (type == "error" || event.contains("error")) {
    // {"type": "error", "code", "message"}; some servers wrap it as other formats do.
    const auto* error = object_at(event, "error");
    answer_.error = error_type(
        error != nullptr ? *error : json::object{{"code", string_or_empty(event, "code")}});
  } else {
    read_delta(type, event);
  }
  // Events that only repeat what the deltas said, and those of a later day, are passed over.
}

void ResponsesAnswer::read_response(const json::object& response) {
  if (const auto id = string_or_empty(response, "id"); !id.empty()) answer_.response_id = id;
  if (const auto model = string_or_empty(response, "model"); !model.empty()) answer_.model = model;
  if (const auto* usage = object_at(response, "usage")) {
    take_count(*usage, "input_tokens", answer_.prompt_tokens);
    take_count(*usage, "output_tokens", answer_.completion_tokens);
    if (const auto* details = object_at(*usage, "input_tokens_details")) {
      take_count(*details, "cached_tokens", answer_.cached_tokens);
    }
  }
  if (const auto* error = object_at(response, "error")) answer_.error = error_type(*error);
  if (const auto* output = response.if_contains("output");
      output != nullptr && output->is_array() && !output->get_array().empty()) {
    // The end of a stream repeats all that was said, unless the server saves itself the trouble.
    output_ = output->get_array();
    items_.clear();
    size_bytes_ = json::serialize(output_).size();
  }
  const std::string_view status = string_or_empty(response, "status");
  if (status == "completed" || status == "incomplete") {
    ended_ = true;
    answer_.stop_reason = status;
    const auto* details = object_at(response, "incomplete_details");
    const std::string_view reason = details == nullptr ? "" : string_or_empty(*details, "reason");
    if (!reason.empty()) answer_.stop_reason = reason;  // "max_output_tokens", "content_filter"
  } else if (status == "failed" || status == "cancelled") {
    if (answer_.error.empty()) answer_.error = status;
  }
}

void ResponsesAnswer::set_size(Item& item, std::size_t size_bytes) {
  size_bytes_ += size_bytes - item.size_bytes;
  item.size_bytes = size_bytes;
}

void ResponsesAnswer::read_item(const json::object& event, bool done) {
  const auto* value = object_at(event, "item");
  if (value == nullptr) return;
  Item& item = items_[number_at(event, "output_index")];
  const std::size_t held = item.size_bytes;
  item = {.value = *value, .size_bytes = held, .done = done};  // its end overrides the deltas
  set_size(item, sizeof(Item) + json::serialize(*value).size());
}

void ResponsesAnswer::read_delta(std::string_view type, const json::object& event) {
  const DeltaKind* kind = nullptr;
  for (const DeltaKind& known : kDeltas) {
    if (known.event == type) kind = &known;
  }
  if (kind == nullptr) return;
  const std::string_view text = string_or_empty(event, "delta");
  Item& item = items_[number_at(event, "output_index")];
  if (item.done) return;
  std::size_t size_bytes = item.size_bytes + text.size();
  if (item.value.empty()) {  // a server that did not announce it
    item.value = {{"type", kind->item}};
    size_bytes += sizeof(Item);
  }
  if (kind->into == Into::kInput) {
    item.input += text;
  } else {
    auto& parts = kind->into == Into::kContent ? item.parts : item.summary;
    const auto [at, is_new] = parts.try_emplace(number_at(event, kind->index));
    if (is_new) size_bytes += sizeof(Part);
    at->second.type = kind->part;
    at->second.text += text;
  }
  set_size(item, size_bytes);
}

// An item as its end would have given it, where that has not come.
json::object ResponsesAnswer::whole(const Item& item) {
  json::object value = item.value;
  const auto fill = [&value](std::string_view name, const std::map<std::int64_t, Part>& parts) {
    if (parts.empty()) return;
    json::array list;
    for (const auto& [index, part] : parts) {
      list.push_back(json::object{{"type", part.type},
                                  {part.type == "refusal" ? "refusal" : "text", part.text}});
    }
    value[name] = std::move(list);
  };
  fill("content", item.parts);
  fill("summary", item.summary);
  if (!item.input.empty()) {
    const bool custom = string_or_empty(value, "type") == "custom_tool_call";
    value[custom ? "input" : "arguments"] = item.input;
  }
  return value;
}

void ResponsesAnswer::read_body(const json::object& body) {
  read_response(body);
}

Answer ResponsesAnswer::finish() {
  json::array parts;
  for (const json::value& item : output_) {
    if (item.is_object()) add_assistant_item(parts, item.get_object());
  }
  for (const auto& [index, item] : items_) add_assistant_item(parts, whole(item));
  answer_.message = make_message("assistant", std::move(parts));
  finish_message(answer_);
  answer_.complete = answer_.error.empty() && ended_;
  return std::move(answer_);
}

}  // namespace hone::wire
