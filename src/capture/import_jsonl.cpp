// Two plain formats that anyone can write: pairs of answers of which one was chosen, and
// conversations with what was thought of the last answer. docs/formats/import.md has every field.
#include <algorithm>

#include "base/hash.h"
#include "capture/import_record.h"
#include "wire/call.h"
#include "wire/message.h"

namespace hone::capture {
namespace {

// What both formats may say besides.
Result<ImportedCall> read_common(const json::object& line) {
  ImportedCall call;
  call.tool = "import";
  const auto text = [&](std::string_view name, std::string& to) -> Result<void> {
    auto value = optional_field<std::string>(line, name);
    if (!value) return fail(value.error());
    if (*value) to = std::move(**value);
    return {};
  };
  std::string at = "1970-01-01";
  call.person = "unknown";
  for (auto [name, to] : {std::pair<std::string_view, std::string*>{"id", &call.key},
                          {"person", &call.person},
                          {"team", &call.team},
                          {"tool", &call.tool},
                          {"model", &call.model},
                          {"at", &at}}) {
    if (auto read = text(name, *to); !read) return fail(read.error());
  }
  const auto time = parse_time(at);
  if (!time) return fail(time.error().with("field 'at'"));
  call.at = *time;
  if (call.key.empty()) call.key = hex(sha256(canonical(line))).substr(0, 32);
  call.open_model = is_open_model(call.model);
  return call;
}

// A text, or messages as in Chat Completions.
Result<std::vector<json::object>> read_messages(const json::value& value, std::string_view name) {
  if (const auto* text = value.if_string()) {
    return std::vector<json::object>{wire::text_message("user", *text)};
  }
  const auto call =
      wire::read_call(wire::Format::kOpenAIChat, {{"model", ""}, {"messages", value}});
  if (!call || call->messages.empty()) {
    return fail(ErrorCode::kInvalid,
                "field '" + std::string(name) + "' must be a text or a list of messages");
  }
  return call->messages;
}

Result<void> read_pair(const json::object& line, ImportWriter& writer) {
  if (auto known = only_fields(line, {"id", "prompt", "chosen", "rejected", "person", "team",
                                      "tool", "model", "at", "margin"});
      !known) {
    return known;
  }
  auto call = read_common(line);
  if (!call) return fail(call.error());
  const json::value* prompt = line.if_contains("prompt");
  if (prompt == nullptr) return fail(ErrorCode::kInvalid, "field 'prompt' is missing");
  auto messages = read_messages(*prompt, "prompt");
  if (!messages) return fail(messages.error());
  call->messages = std::move(*messages);
  const auto chosen = field<std::string>(line, "chosen");
  if (!chosen) return fail(chosen.error());
  const auto rejected = field<std::string>(line, "rejected");
  if (!rejected) return fail(rejected.error());
  const auto margin = optional_field<double>(line, "margin");
  if (!margin) return fail(margin.error());
  const std::string key = call->key;
  for (const bool better : {true, false}) {
    call->key = key + (better ? "/chosen" : "/rejected");
    call->answer = wire::text_message("assistant", better ? *chosen : *rejected);
    ImportedFeedback compared{.kind = "compared", .at = call->at, .value = better ? 1.0 : 0.0};
    compared.detail = {{"pair", key}};
    if (*margin) compared.detail["margin"] = **margin;
    call->feedback = {std::move(compared)};
    if (auto added = writer.add(*call); !added) return added;
  }
  return {};
}

Result<ImportedFeedback> read_signal_object(const json::object& object, Time otherwise) {
  if (auto known = only_fields(object, {"kind", "final_text", "value", "comment", "by", "at"});
      !known) {
    return fail(known.error());
  }
  ImportedFeedback signal;
  auto kind = field<std::string>(object, "kind");
  if (!kind) return fail(kind.error());
  signal.kind = std::move(*kind);
  auto by = optional_field<std::string>(object, "by");
  if (!by) return fail(by.error());
  if (*by) signal.by = std::move(**by);
  const auto at = optional_field<std::string>(object, "at");
  if (!at) return fail(at.error());
  const auto time = *at ? parse_time(**at) : Result<Time>(otherwise);
  if (!time) return fail(time.error().with("field 'at'"));
  signal.at = *time;
  const auto value = optional_field<double>(object, "value");
  if (!value) return fail(value.error());
  signal.value = *value;
  auto final_text = optional_field<std::string>(object, "final_text");
  if (!final_text) return fail(final_text.error());
  signal.final_text = std::move(*final_text);
  auto comment = optional_field<std::string>(object, "comment");
  if (!comment) return fail(comment.error());
  signal.comment = std::move(*comment);
  return signal;
}

// A kind alone, or an object as the feedback API takes it.
Result<ImportedFeedback> read_signal(const json::value& value, Time otherwise) {
  Result<ImportedFeedback> signal;
  if (value.is_object()) {
    signal = read_signal_object(value.get_object(), otherwise);
  } else if (value.is_string()) {
    signal->kind = value.get_string();
    signal->at = otherwise;
  } else {
    signal = fail(ErrorCode::kInvalid, "must be a kind, an object, or a list of them");
  }
  const auto& kinds = store::feedback_kinds();
  if (signal && std::find(kinds.begin(), kinds.end(), signal->kind) == kinds.end()) {
    signal = fail(ErrorCode::kInvalid, "no kind '" + signal->kind + "'");
  }
  if (!signal) return fail(signal.error().with("field 'feedback'"));
  return signal;
}

Result<void> read_chat(const json::object& line, ImportWriter& writer) {
  if (auto known = only_fields(
          line, {"id", "messages", "feedback", "person", "team", "tool", "model", "at"});
      !known) {
    return known;
  }
  auto call = read_common(line);
  if (!call) return fail(call.error());
  const auto list = field<json::array>(line, "messages");
  if (!list) return fail(list.error());
  auto messages = read_messages(*list, "messages");
  if (!messages) return fail(messages.error());
  if (wire::role_of(messages->back()) != "assistant") {
    return fail(ErrorCode::kInvalid, "field 'messages' must end with the assistant's answer");
  }
  call->answer = std::move(messages->back());
  messages->pop_back();
  call->messages = std::move(*messages);
  if (const json::value* feedback = line.if_contains("feedback");
      feedback && !feedback->is_null()) {
    const json::array signals =
        feedback->is_array() ? feedback->get_array() : json::array{*feedback};
    for (const json::value& value : signals) {
      auto signal = read_signal(value, call->at);
      if (!signal) return fail(signal.error());
      call->feedback.push_back(std::move(*signal));
    }
  }
  return writer.add(*call);
}

}  // namespace

Result<void> read_preference_jsonl(ImportFile& file, ImportWriter& writer) {
  return read_json_lines(file, writer,
                         [&](const json::object& line) { return read_pair(line, writer); });
}

Result<void> read_chat_jsonl(ImportFile& file, ImportWriter& writer) {
  return read_json_lines(file, writer,
                         [&](const json::object& line) { return read_chat(line, writer); });
}

}  // namespace hone::capture
