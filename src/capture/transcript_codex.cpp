// Codex's rollout: lines {"timestamp", "type", "payload"} in the order of the conversation, whose
// response items are those of the Responses API. An answer is what stands between two items that
// are not the model's; its usage follows it. As versions up to 0.169 write it.
#include <algorithm>
#include <array>
#include <deque>

#include "capture/gateway_headers.h"
#include "capture/transcript_reader.h"
#include "wire/call.h"
#include "wire/message.h"

namespace hone::capture {
namespace {

constexpr std::array<std::string_view, 2> kSilentRollout = {"world_state", "ghost_snapshot"};

struct CodexCall {
  std::size_t epoch = 0;    // which of the contexts
  std::size_t context = 0;  // how many of its messages were there
  const SharedMessage* answer = nullptr;
  std::string response;
  std::string model;
  json::object usage;
  Time at{};
  Time ended{};
};

std::vector<json::object> read_codex_items(const json::array& items,
                                           std::string_view instructions = {}) {
  json::object body{{"model", ""}, {"input", items}};
  if (!instructions.empty()) body["instructions"] = instructions;
  auto call = wire::read_call(wire::Format::kOpenAIResponses, body);
  return call ? std::move(call->messages) : std::vector<json::object>();
}

bool is_models(const json::object& item) {
  const auto type = string_or_empty(item, "type");
  if (type == "message") return string_or_empty(item, "role") == "assistant";
  return type == "reasoning" || type.ends_with("_call");
}

class CodexTranscript final : public TranscriptReader {
 public:
  std::string_view tool() const override { return "codex"; }

  bool read(const json::object& record) override {
    const auto type = string_or_empty(record, "type");
    const json::object& payload = transcript_object(record, "payload");
    const Time at = transcript_time(record, at_);
    if (type == "session_meta") {
      read_session(payload);
    } else if (type == "turn_context") {
      const auto model = string_or_empty(payload, "model");
      if (!model.empty()) model_ = model;
    } else if (type == "response_item") {
      read_item(payload, at);
    } else if (type == "token_usage_record") {
      close(transcript_object(payload, "usage"), string_or_empty(payload, "response_id"), at);
    } else if (type == "event_msg") {
      read_event(payload, at);
    } else if (type == "compacted") {
      compact(payload);
    } else {
      return std::ranges::find(kSilentRollout, type) != kSilentRollout.end();
    }
    at_ = at;
    return true;
  }

  std::optional<ImportedCall> next(ImportWriter& writer) override {
    if (!pending_.empty()) {
      pending_.clear();
      writer.left_out("unfinished");
    }
    while (given_ < calls_.size()) {
      const CodexCall& said = calls_[given_++];
      if (wire::content_of(said.answer->message).empty() || said.context == 0) {
        writer.left_out("empty");
        continue;
      }
      return call_of(said, given_);
    }
    return std::nullopt;
  }

 private:
  using Context = std::vector<const SharedMessage*>;
  Context& context() { return contexts_.back(); }
  const SharedMessage* keep(json::object message) {
    return &messages_.emplace_back(std::move(message));
  }
  void go_on_with(std::vector<json::object> messages) {
    for (json::object& message : messages) context().push_back(keep(std::move(message)));
  }

  void read_session(const json::object& payload) {
    auto id = string_or_empty(payload, "id");
    if (id.empty()) id = string_or_empty(payload, "session_id");
    if (session_.empty()) session_ = as_label(id);
    if (!context().empty()) return;
    std::string_view text =
        string_or_empty(transcript_object(payload, "base_instructions"), "text");
    if (text.empty()) text = string_or_empty(payload, "instructions");
    instructions_ = text;
    if (!text.empty()) go_on_with(read_codex_items({}, text));
  }

  void read_item(const json::object& item, Time at) {
    if (is_models(item)) {
      if (pending_.empty()) asked_at_ = at_ == Time{} ? at : at_;
      pending_.push_back(item);
      return;
    }
    close({}, {}, at_);
    for (json::object& message : read_codex_items({item})) {
      if (!wire::content_of(message).empty()) context().push_back(keep(std::move(message)));
    }
  }

  void read_event(const json::object& payload, Time at) {
    const auto type = string_or_empty(payload, "type");
    if (type == "turn_aborted") return close({}, {}, at);
    if (type != "token_count") return;
    const json::object& usage =
        transcript_object(transcript_object(payload, "info"), "last_token_usage");
    if (usage.empty()) return;
    if (!pending_.empty()) return close(usage, {}, at);
    // Older versions count when the tool has run.
    if (!calls_.empty() && calls_.back().usage.empty()) calls_.back().usage = usage;
  }

  // The answer has ended.
  void close(const json::object& usage, std::string_view response, Time at) {
    if (pending_.empty()) return;
    json::object answer = transcript_answer(read_codex_items(pending_));
    pending_.clear();
    if (answer.empty()) return;
    CodexCall call;
    call.epoch = contexts_.size() - 1;
    call.context = context().size();
    call.answer = keep(std::move(answer));
    call.response = response;
    call.model = model_;
    call.usage = usage;
    call.at = asked_at_;
    call.ended = at;
    context().push_back(call.answer);
    calls_.push_back(std::move(call));
  }

  // From here on the context is another one.
  void compact(const json::object& payload) {
    close({}, {}, at_);
    json::array items;
    const auto* history = payload.if_contains("replacement_history");
    if (history != nullptr && history->is_array()) {
      items = history->get_array();
    } else if (const auto text = string_or_empty(payload, "message"); !text.empty()) {
      items.push_back(json::object{{"type", "message"}, {"role", "user"}, {"content", text}});
    }
    contexts_.emplace_back();
    go_on_with(read_codex_items(items, instructions_));
  }

  ImportedCall call_of(const CodexCall& said, std::size_t number) const {
    ImportedCall call;
    const Context& all = contexts_[said.epoch];
    call.context.assign(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(said.context));
    call.answer = said.answer->message;
    call.key = "codex/" + session_ + "/" + std::to_string(number);
    call.tool = "codex";
    call.wire = wire::name(wire::Format::kOpenAIResponses);
    call.model = said.model.empty() ? "unknown" : said.model;
    call.at = said.at;
    call.duration_ms = std::max<std::int64_t>(0, (said.ended - said.at).count());
    call.prompt_tokens = transcript_count(said.usage, "input_tokens");
    call.cached_tokens = transcript_count(said.usage, "cached_input_tokens");
    call.completion_tokens = transcript_count(said.usage, "output_tokens");
    add_transcript_handles(session_, said.response, call.answer, call);
    return call;
  }

  Time at_{};        // of the record before
  Time asked_at_{};  // when the answer at work was asked for
  std::string session_;
  std::string model_;
  std::string instructions_;
  std::deque<SharedMessage> messages_;  // of all contexts, each once
  std::vector<Context> contexts_ = std::vector<Context>(1);
  json::array pending_;  // items of the answer at work
  std::vector<CodexCall> calls_;
  std::size_t given_ = 0;
};

}  // namespace

std::unique_ptr<TranscriptReader> read_codex_transcript() {
  return std::make_unique<CodexTranscript>();
}

}  // namespace hone::capture
