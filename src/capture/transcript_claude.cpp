// Claude Code's transcript: a tree of lines by parentUuid. What a person typed, what tools gave
// back, and what the model said, a block a line; beside them attachments, which the tool puts into
// the request, and the requests' settings. As versions 2.1 write it.
#include <algorithm>
#include <array>
#include <map>
#include <set>

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

struct ClaudeLine {
  std::string parent;
  std::vector<json::object> messages;  // canonical; of the model's lines none
  json::array reminders;               // text parts that the tool put in …
  bool to_system = false;              // … as a system message, or else into the person's
  std::optional<std::size_t> answer;
};

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
  std::size_t line = 0;  // index of the first
};

struct ClaudeRequest {
  std::string shape;
  Time at{};
};

// The messages of one call's context, put together from the root down.
class ClaudePath {
 public:
  void add(const json::object& message) {
    flush();
    if (wire::content_of(message).empty()) return;
    messages_.push_back(message);
    put_in_ = 0;
  }
  // What stands behind a person's message in the file goes out in front of its text, or as one
  // message of the system behind it.
  void add_reminders(const json::array& parts, bool to_system) {
    if (to_system || messages_.empty() || wire::role_of(messages_.back()) != "user") {
      system_.insert(system_.end(), parts.begin(), parts.end());
      return;
    }
    auto& content = messages_.back().at("content").as_array();
    for (const json::value& part : parts) {
      content.insert(content.begin() + static_cast<std::ptrdiff_t>(put_in_++), part);
    }
  }
  std::vector<json::object> take() {
    flush();
    return std::move(messages_);
  }

 private:
  void flush() {
    if (system_.empty()) return;
    messages_.push_back(wire::make_message("system", std::move(system_)));
    system_ = {};
    put_in_ = 0;
  }

  std::vector<json::object> messages_;
  json::array system_;
  std::size_t put_in_ = 0;
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
    while (said_.size() < answers_.size()) said_.push_back(message_of(answers_[said_.size()]));
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
      line.messages = read_claude_message(transcript_object(record, "message"));
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
    for (const json::object& message : line.messages) {
      for (const json::value& part : wire::content_of(message)) {
        const auto id = string_or_empty(part.get_object(), "id");
        if (wire::role_of(message) == "tool" && !id.empty()) results.emplace_back(id);
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
      answer.session = transcript_session(string_or_empty(record, "sessionId"));
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

  std::optional<ImportedCall> call_of(std::size_t number) const {
    const ClaudeAnswer& answer = answers_[number];
    ImportedCall call;
    call.answer = said_[number];
    call.messages = context_of(answer);
    if (wire::content_of(call.answer).empty() || call.messages.empty()) return std::nullopt;
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

  // Tools and system prompt, as the request's settings have them.
  std::vector<json::object> preamble_of(const ClaudeAnswer& answer) const {
    json::object body{{"model", ""}, {"messages", json::array()}};
    const auto request = requests_.find(answer.request);
    const auto shape =
        request == requests_.end() ? shapes_.end() : shapes_.find(request->second.shape);
    if (shape != shapes_.end()) {
      if (const auto* tools = shape->second.if_contains("tools")) body["tools"] = *tools;
      if (const auto* system = shape->second.if_contains("system")) body["system"] = *system;
    } else if (system_prompt_.is_array()) {
      json::array system;
      for (const json::value& text : system_prompt_.get_array()) {
        if (text.is_string()) system.push_back(json::object{{"type", "text"}, {"text", text}});
      }
      body["system"] = std::move(system);
    }
    return read_claude_messages(body);
  }

  std::vector<json::object> context_of(const ClaudeAnswer& answer) const {
    std::vector<std::size_t> up;
    std::set<std::size_t> on_path;
    for (auto at = places_.find(answer.parent); at != places_.end();
         at = places_.find(lines_[at->second].parent)) {
      // A line names one before it; a file that says otherwise does not lead us in circles.
      if (!on_path.insert(at->second).second) break;
      up.push_back(at->second);
    }
    ClaudePath path;
    for (const json::object& message : preamble_of(answer)) path.add(message);
    std::set<std::size_t> said;
    for (std::size_t i = up.size(); i-- > 0;) {
      const ClaudeLine& line = lines_[up[i]];
      if (line.answer) {
        if (!answers_[*line.answer].real || !said.insert(*line.answer).second) continue;
        path.add(said_[*line.answer]);
        add_results(said_[*line.answer], answer, on_path, path);
      } else if (!line.reminders.empty()) {
        path.add_reminders(line.reminders, line.to_system);
      }
      for (const json::object& message : line.messages) path.add(message);
    }
    return path.take();
  }

  // Of calls that ran beside each other only one result is an ancestor of what follows.
  void add_results(const json::object& message, const ClaudeAnswer& before,
                   const std::set<std::size_t>& on_path, ClaudePath& path) const {
    for (const json::value& part : wire::content_of(message)) {
      const json::object& object = part.get_object();
      if (string_or_empty(object, "type") != "tool_call") continue;
      const auto found = results_.find(string_or_empty(object, "id"));
      if (found == results_.end() || found->second >= before.line) continue;
      if (on_path.contains(found->second)) continue;
      for (const json::object& result : lines_[found->second].messages) path.add(result);
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
  std::vector<json::object> said_;  // by the answers, once all lines are read
  std::size_t given_ = 0;
};

}  // namespace

std::unique_ptr<TranscriptReader> read_claude_transcript() {
  return std::make_unique<ClaudeTranscript>();
}

}  // namespace hone::capture
