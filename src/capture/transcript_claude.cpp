// Claude Code's transcript: a tree of lines by parentUuid. What a person typed, what tools gave
// back, and what the model said, a block a line; beside them attachments, which the tool puts into
// the request, and the requests' settings. As versions 2.1 write it.
#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "capture/gateway_headers.h"
#include "capture/transcript_claude_path.h"
#include "capture/transcript_reader.h"
#include "wire/call.h"
#include "wire/message.h"

namespace hone::capture {
namespace {

// Lines without a word of the conversation.
constexpr std::array<std::string_view, 26> kSilentLines = {"mode",
                                                           "permission-mode",
                                                           "atis-latch",
                                                           "file-history-snapshot",
                                                           "tools-used",
                                                           "file-history-delta",
                                                           "last-prompt",
                                                           "queue-operation",
                                                           "cost-state",
                                                           "summary",
                                                           "progress",
                                                           "api-request-blob",
                                                           "ai-title",
                                                           "custom-title",
                                                           "agent-name",
                                                           "agent-color",
                                                           "agent-setting",
                                                           "pr-link",
                                                           "tag",
                                                           "worktree-state",
                                                           "content-replacement",
                                                           "attribution-snapshot",
                                                           "speculation-accept",
                                                           "marble-origami-commit",
                                                           "marble-origami-snapshot",
                                                           "task-summary"};

// All lines of one answer.
struct ClaudeAnswer {
  std::string first;   // uuid
  std::string parent;  // of that
  std::string response;
  std::string model;
  std::string session;
  std::string stop_reason;
  std::string request;  // of its "api-request"
  json::array content;  // as on the wire
  json::object usage;
  Time first_at{};
  Time last_at{};
  bool real = true;  // said by a model, and not put there by the tool
  bool followed = false;
  std::size_t line = 0;              // index of the first
  std::size_t above = kNoLine;       // the place of the parent,
  std::vector<std::size_t> results;  // and those of its calls' results; once all lines are read
};

struct ClaudeRequest {
  std::string shape;
  Time at{};
};

std::vector<json::object> read_claude_messages(const json::object& body) {
  auto call = wire::read_call(wire::Format::kAnthropicMessages, body);
  return call ? std::move(call->messages) : std::vector<json::object>();
}

std::vector<json::object> read_claude_message(const json::object& message) {
  return read_claude_messages({{"model", ""}, {"messages", json::array{message}}});
}

bool flag_of(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value != nullptr && value->is_bool() && value->get_bool();
}

class ClaudeTranscript final : public TranscriptReader {
 public:
  std::string_view tool() const override { return "claude-code"; }

  bool read(const json::object& record) override {
    const auto type = string_or_empty(record, "type");
    at_ = transcript_time(record, at_);
    if (type == "user" || type == "attachment" || type == "system") {
      read_line(type, record);
    } else if (type == "assistant") {
      read_answer(record);
    } else if (type == "api-request") {
      requests_[std::string(string_or_empty(record, "id"))] = {
          std::string(string_or_empty(record, "shapeHash")), at_};
    } else if (type == "api-request-shape") {
      shapes_[std::string(string_or_empty(record, "shapeHash"))] =
          transcript_object(record, "shape");
    } else {
      return std::ranges::find(kSilentLines, type) != kSilentLines.end();
    }
    return true;
  }

  std::optional<ImportedCall> next(ImportWriter& writer) override {
    if (said_.size() < answers_.size()) link_lines();
    for (; given_ < answers_.size(); ++given_) {
      const ClaudeAnswer& answer = answers_[given_];
      if (!answer.real) {
        writer.left_out("not_a_models");
      } else if (answer.stop_reason.empty() && !answer.followed) {
        writer.left_out("unfinished");  // it may still be written
      } else if (auto call = call_of(given_)) {
        ++given_;
        return call;
      } else {
        writer.left_out("empty");
      }
    }
    return std::nullopt;
  }

 private:
  std::size_t add_line(const json::object& record, ClaudeLine line) {
    // Where the tool has compacted the conversation, the line that says so has a logical parent
    // alone: it follows that one, and what was said before is no context any more.
    line.parent = string_or_empty(record, "parentUuid");
    const auto above =
        places_.find(line.parent.empty() ? string_or_empty(record, "logicalParentUuid")
                                         : std::string_view(line.parent));
    if (above != places_.end()) {
      const auto answer = lines_[above->second].answer;
      if (answer && answer != line.answer) answers_[*answer].followed = true;
    }
    lines_.push_back(std::move(line));
    const auto uuid = string_or_empty(record, "uuid");
    if (!uuid.empty()) places_.insert_or_assign(std::string(uuid), lines_.size() - 1);
    return lines_.size() - 1;
  }

  void read_line(std::string_view type, const json::object& record) {
    ClaudeLine line;
    if (type == "user") {
      for (json::object& message : read_claude_message(transcript_object(record, "message"))) {
        line.messages.emplace_back(std::move(message));
      }
    }
    if (type == "attachment") {
      line.to_system = string_or_empty(record, "renderedRole") == "system";
      const auto* rendered = record.if_contains("rendered");
      if (rendered != nullptr && rendered->is_array()) {
        for (const json::value& part : rendered->get_array()) {
          if (!part.is_object()) continue;
          const auto text = string_or_empty(part.get_object(), "content");
          if (!text.empty()) line.reminders.push_back(wire::text_part(text));
        }
      }
      const json::object& attached = transcript_object(record, "attachment");
      if (const auto* prompt = attached.if_contains("systemPrompt")) system_prompt_ = *prompt;
    }
    std::vector<std::string> results;
    for (const SharedMessage& message : line.messages) {
      for (const json::value& part : wire::content_of(message.message)) {
        const auto id = string_or_empty(part.get_object(), "id");
        if (wire::role_of(message.message) == "tool" && !id.empty()) results.emplace_back(id);
      }
    }
    const std::size_t place = add_line(record, std::move(line));
    for (const std::string& id : results) results_.try_emplace(id, place);
  }

  void read_answer(const json::object& record) {
    const json::object& message = transcript_object(record, "message");
    std::string id(string_or_empty(message, "id"));
    if (id.empty()) id = string_or_empty(record, "uuid");
    auto found = answers_by_id_.find(id);
    if (found == answers_by_id_.end()) {
      ClaudeAnswer answer;
      answer.first = string_or_empty(record, "uuid");
      answer.parent = string_or_empty(record, "parentUuid");
      answer.response = string_or_empty(message, "id");
      answer.session = as_label(string_or_empty(record, "sessionId"));
      answer.first_at = at_;
      answer.line = lines_.size();
      answers_.push_back(std::move(answer));
      found = answers_by_id_.emplace(id, answers_.size() - 1).first;
    }
    ClaudeAnswer& answer = answers_[found->second];
    const auto model = string_or_empty(message, "model");
    if (!model.empty()) answer.model = model;
    answer.real = answer.real && model != "<synthetic>" && !flag_of(record, "isApiErrorMessage");
    const auto request = string_or_empty(record, "requestRef");
    if (!request.empty()) answer.request = request;
    const auto stop = string_or_empty(message, "stop_reason");
    if (!stop.empty()) answer.stop_reason = stop;
    const json::object& usage = transcript_object(message, "usage");
    if (!usage.empty()) answer.usage = usage;
    answer.last_at = at_;
    const auto* content = message.if_contains("content");
    if (content != nullptr && content->is_array()) {
      for (const json::value& block : content->get_array()) answer.content.push_back(block);
    } else if (content != nullptr && content->is_string()) {
      answer.content.push_back(json::object{{"type", "text"}, {"text", *content}});
    }
    ClaudeLine line;
    line.answer = found->second;
    (void)add_line(record, std::move(line));
  }

  static json::object message_of(const ClaudeAnswer& answer) {
    return transcript_answer(
        read_claude_message({{"role", "assistant"}, {"content", answer.content}}));
  }

  std::size_t place_of(const std::string& uuid) const {
    const auto at = places_.find(uuid);
    return at == places_.end() ? kNoLine : at->second;
  }

  // Looks up once what every context asks for.
  void link_lines() {
    for (ClaudeLine& line : lines_) line.above = place_of(line.parent);
    said_.reserve(answers_.size());
    for (ClaudeAnswer& answer : answers_) {
      answer.above = place_of(answer.parent);
      said_.emplace_back(message_of(answer));
      for (const json::value& part : wire::content_of(said_.back().message)) {
        const json::object& object = part.get_object();
        if (string_or_empty(object, "type") != "tool_call") continue;
        const auto found = results_.find(string_or_empty(object, "id"));
        if (found != results_.end()) answer.results.push_back(found->second);
      }
    }
    on_path_.assign(lines_.size(), kNoLine);
    told_.assign(answers_.size(), kNoLine);
  }

  std::optional<ImportedCall> call_of(std::size_t number) {
    const ClaudeAnswer& answer = answers_[number];
    ImportedCall call;
    call.answer = said_[number].message;
    call.context = context_of(number);
    if (wire::content_of(call.answer).empty() || call.context.empty()) return std::nullopt;
    call.key = "claude-code/" +
               (answer.response.empty() ? answer.first : answer.response + "/" + answer.first);
    call.tool = "claude-code";
    call.wire = wire::name(wire::Format::kAnthropicMessages);
    call.model = answer.model.empty() ? "unknown" : answer.model;
    const auto request = requests_.find(answer.request);
    call.at = request == requests_.end() ? answer.first_at
                                         : std::min(request->second.at, answer.first_at);
    call.duration_ms = std::max<std::int64_t>(0, (answer.last_at - call.at).count());
    call.stop_reason = answer.stop_reason;
    call.cached_tokens = transcript_count(answer.usage, "cache_read_input_tokens");
    call.prompt_tokens = transcript_count(answer.usage, "input_tokens") + call.cached_tokens +
                         transcript_count(answer.usage, "cache_creation_input_tokens");
    call.completion_tokens = transcript_count(answer.usage, "output_tokens");
    add_transcript_handles(answer.session, answer.response, call.answer, call);
    return call;
  }

  // Tools and system prompt, as the request's settings have them: read once for all requests that
  // have the same.
  const std::vector<SharedMessage>& preamble_of(const ClaudeAnswer& answer) {
    const auto request = requests_.find(answer.request);
    const auto shape =
        request == requests_.end() ? shapes_.end() : shapes_.find(request->second.shape);
    const json::object* settings = shape == shapes_.end() ? nullptr : &shape->second;
    const auto [at, is_new] = preambles_.try_emplace(settings);
    if (!is_new) return at->second;
    json::object body{{"model", ""}, {"messages", json::array()}};
    if (settings != nullptr) {
      if (const auto* tools = settings->if_contains("tools")) body["tools"] = *tools;
      if (const auto* system = settings->if_contains("system")) body["system"] = *system;
    } else if (system_prompt_.is_array()) {
      json::array system;
      for (const json::value& text : system_prompt_.get_array()) {
        if (text.is_string()) system.push_back(json::object{{"type", "text"}, {"text", text}});
      }
      body["system"] = std::move(system);
    }
    for (json::object& message : read_claude_messages(body)) {
      at->second.emplace_back(std::move(message));
    }
    return at->second;
  }

  std::vector<const SharedMessage*> context_of(std::size_t number) {
    const ClaudeAnswer& answer = answers_[number];
    std::vector<std::size_t> up;
    // A line names one before it; a file that says otherwise does not lead us in circles.
    for (std::size_t at = answer.above; at != kNoLine && on_path_[at] != number;
         at = lines_[at].above) {
      on_path_[at] = number;
      up.push_back(at);
    }
    ClaudePath path(lines_, made_);
    for (const SharedMessage& message : preamble_of(answer)) path.add(message);
    for (std::size_t i = up.size(); i-- > 0;) {
      const ClaudeLine& line = lines_[up[i]];
      if (line.answer) {
        if (!answers_[*line.answer].real || told_[*line.answer] == number) continue;
        told_[*line.answer] = number;
        path.add(said_[*line.answer]);
        add_results(answers_[*line.answer], number, path);
      } else if (!line.reminders.empty()) {
        path.add_reminders(up[i], line.to_system);
      }
      for (const SharedMessage& message : line.messages) path.add(message);
    }
    return path.take();
  }

  // Of calls that ran beside each other only one result is an ancestor of what follows.
  void add_results(const ClaudeAnswer& said, std::size_t before, ClaudePath& path) const {
    for (const std::size_t result : said.results) {
      if (result >= answers_[before].line || on_path_[result] == before) continue;
      for (const SharedMessage& message : lines_[result].messages) path.add(message);
    }
  }

  Time at_{};
  std::vector<ClaudeLine> lines_;
  std::map<std::string, std::size_t, std::less<>> places_;  // of a uuid
  std::vector<ClaudeAnswer> answers_;
  std::map<std::string, std::size_t, std::less<>> answers_by_id_;
  std::map<std::string, std::size_t, std::less<>> results_;  // lines, by the tool call's id
  std::map<std::string, ClaudeRequest, std::less<>> requests_;
  std::map<std::string, json::object, std::less<>> shapes_;
  json::value system_prompt_;
  // Once all lines are read:
  std::vector<SharedMessage> said_;  // by the answers
  std::map<const json::object*, std::vector<SharedMessage>> preambles_;
  ClaudeMade made_;
  // The answer in whose context a line, and an answer, stood last.
  std::vector<std::size_t> on_path_;
  std::vector<std::size_t> told_;
  std::size_t given_ = 0;
};

}  // namespace

std::unique_ptr<TranscriptReader> read_claude_transcript() {
  return std::make_unique<ClaudeTranscript>();
}

}  // namespace hone::capture
