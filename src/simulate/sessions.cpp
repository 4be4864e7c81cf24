#include "simulate/sessions.h"

#include <algorithm>
#include <fstream>

namespace hone::simulate {
namespace {

constexpr std::size_t kContextBytes = 150'000;  // beyond it the context is compacted
constexpr std::size_t kToolDescriptionBytes = 900;
constexpr std::size_t kSystemBytes = 6'000;
constexpr int kTools = 16;
constexpr double kFails = 0.02;     // 529, and the call is sent again
constexpr double kSubagent = 0.01;  // a call starts one
constexpr std::size_t kLongLine = 400;

json::object text_block(std::string_view text) {
  return {{"type", "text"}, {"text", text}};
}

json::object message(std::string_view role, json::array content) {
  return {{"role", role}, {"content", std::move(content)}};
}

std::string event(std::string_view type, json::object data) {
  json::object whole{{"type", type}};
  for (auto& [key, value] : data) whole[key] = std::move(value);
  return "event: " + std::string(type) + "\ndata: " + json::serialize(whole) + "\n\n";
}

// A block's text in pieces, as models send it.
std::string deltas(std::string_view kind, std::string_view field, std::size_t index,
                   const std::string& text, Random& random) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t size = 3 + random.below(20);
    while (at + size < text.size() &&
           (static_cast<unsigned char>(text[at + size]) & 0xC0U) == 0x80U) {
      ++size;
    }
    const json::object delta{{"type", kind}, {field, text.substr(at, size)}};
    out += event("content_block_delta", {{"index", index}, {"delta", delta}});
    at += size;
  }
  return out;
}

}  // namespace

SessionTexts::SessionTexts(const std::vector<std::string>& files) {
  for (const std::string& name : files) {
    std::ifstream file(name);
    for (std::string line; std::getline(file, line);) {
      const bool plain = std::ranges::all_of(line, [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return (byte >= 0x20 && byte < 0x7f) || c == '\t';
      });
      if (plain && line.size() <= kLongLine) lines_.push_back(line + "\n");
    }
  }
}

std::string SessionTexts::cut(Random& random, std::size_t bytes) const {
  std::string text;
  std::size_t at = random.below(lines_.size());
  while (text.size() < bytes) {
    text += lines_[at];
    at = (at + 1) % lines_.size();
  }
  return text;
}

AgentSession::AgentSession(const SessionTexts& texts, std::uint64_t seed)
    : texts_(texts), random_(seed) {
  // Everyone who has the same version of the tool sends the same tools and instructions.
  Random same(1);
  for (int i = 0; i < kTools; ++i) {
    const json::object schema{
        {"type", "object"},
        {"properties", {{"path", {{"type", "string"}}}, {"limit", {{"type", "integer"}}}}},
        {"required", {"path"}}};
    tools_.push_back({{"name", "Tool" + std::to_string(i)},
                      {"description", texts_.cut(same, kToolDescriptionBytes)},
                      {"input_schema", schema}});
  }
  main_.system = "You are an agent.\n" + texts_.cut(same, kSystemBytes);
  side_.system = "You are a subagent.\n" + texts_.cut(same, kSystemBytes / 3);
  side_.subagent = true;
  name_ = "session-" + std::to_string(seed);
  calls_ = 30 + static_cast<std::int64_t>(random_.below(171));
  begin();
}

void AgentSession::begin() {
  json::array first;
  first.push_back(text_block("<system-reminder>\nToday's date is 2026-11-2" +
                             std::to_string(random_.below(10)) + ".\n" +
                             texts_.cut(random_, 1'500) + "</system-reminder>\n"));
  first.push_back(
      text_block("Please look at this, session " + name_ + ":\n" + texts_.cut(random_, 300)));
  main_.messages.push_back(message("user", std::move(first)));
}

json::array AgentSession::system_of(const Thread& thread) const {
  json::array system;
  // Changes with every call, and is no instruction.
  system.push_back(text_block("x-anthropic-billing-header: cc_version=2.1.330; cch=" +
                              std::to_string(made_ * 7919 % 100'000) + ";"));
  json::object instructions = text_block(thread.system);
  instructions["cache_control"] = json::object{{"type", "ephemeral"}};
  system.push_back(std::move(instructions));
  return system;
}

// With the cache marker on the last block, and on no other.
std::string AgentSession::body_of(const Thread& thread) const {
  json::object body{{"model", "assistant"},
                    {"messages", thread.messages},
                    {"system", system_of(thread)},
                    {"tools", tools_},
                    {"metadata", {{"user_id", "user_" + name_}}},
                    {"max_tokens", 32'000},
                    {"stream", true}};
  auto& content = body["messages"].as_array().back().as_object()["content"].as_array();
  content.back().as_object()["cache_control"] = json::object{{"type", "ephemeral"}};
  return json::serialize(body);
}

// Answers, and adds the answer to the conversation in the client's own form.
std::string AgentSession::answer_to(Thread& thread, bool last) {
  const std::string id = std::to_string(++messages_);
  const std::string text = "Step " + id + ". " + texts_.cut(random_, 80 + random_.below(300));
  const json::object input{{"path", "src/file" + id + ".cpp"}, {"limit", random_.below(2'000)}};
  const std::string call_id = "toolu_" + name_ + "_" + id;
  std::string out =
      event("message_start", {{"message",
                               {{"id", "msg_" + name_ + "_" + id},
                                {"type", "message"},
                                {"role", "assistant"},
                                {"model", "assistant-1"},
                                {"content", json::array()},
                                {"usage", {{"input_tokens", 1000}, {"output_tokens", 1}}}}}});
  out += event("content_block_start", {{"index", 0}, {"content_block", text_block("")}});
  out += deltas("text_delta", "text", 0, text, random_);
  out += event("content_block_stop", {{"index", 0}});
  json::array content;
  content.push_back(text_block(text));
  if (!last) {
    const json::object empty{
        {"type", "tool_use"}, {"id", call_id}, {"name", "Tool1"}, {"input", json::object()}};
    out += event("content_block_start", {{"index", 1}, {"content_block", empty}});
    out += deltas("input_json_delta", "partial_json", 1, json::serialize(input), random_);
    out += event("content_block_stop", {{"index", 1}});
    // The client writes the members in an order of its own.
    content.push_back({{"input", input}, {"name", "Tool1"}, {"id", call_id}, {"type", "tool_use"}});
  }
  out += event("message_delta", {{"delta", {{"stop_reason", last ? "end_turn" : "tool_use"}}},
                                 {"usage", {{"output_tokens", 90}}}});
  out += event("message_stop", {});
  thread.messages.push_back(message("assistant", std::move(content)));
  return out;
}

// What the tool put out, or, where none was called, what the person says next.
void AgentSession::add_result(Thread& thread) {
  const auto& content = thread.messages.back().as_object()["content"].as_array();
  const auto& block = content.back().as_object();
  json::array answer;
  if (string_or_empty(block, "type") == "tool_use") {
    const double kind = random_.uniform();
    const std::size_t bytes =
        kind < 0.6 ? 200 + random_.below(1'500) : 1'000 + random_.below(5'000);
    answer.push_back({{"type", "tool_result"},
                      {"tool_use_id", block.at("id")},
                      {"content", texts_.cut(random_, bytes)}});
  } else {
    answer.push_back(text_block("Go on with " + std::to_string(++messages_)));
  }
  thread.messages.push_back(message("user", std::move(answer)));
}

void AgentSession::compact() {
  main_.messages.clear();
  json::array first;
  first.push_back(text_block("This session is continued from one that ran out of context.\n" +
                             texts_.cut(random_, 4'000)));
  main_.messages.push_back(message("user", std::move(first)));
}

bool AgentSession::next(AgentCall& call) {
  if (made_ == calls_ && !retry_) return false;
  const bool side = side_left_ > 0;
  Thread& thread = side ? side_ : main_;
  call.session = name_;
  call.subagent = side;
  call.body = retry_ ? failed_body_ : body_of(thread);
  if (!retry_) ++made_;
  if (!retry_ && random_.chance(kFails)) {
    retry_ = true;
    failed_body_ = call.body;
    call.status = 529;
    call.answer = R"({"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}})";
    return true;
  }
  retry_ = false;
  call.status = 200;
  const bool last = side ? --side_left_ == 0 : made_ == calls_ || random_.chance(0.1);
  call.answer = answer_to(thread, last);
  if (side && last) return true;  // the main one goes on
  add_result(thread);
  if (!side && call.body.size() > kContextBytes) compact();
  if (!side && random_.chance(kSubagent)) {
    side_left_ = 2 + static_cast<std::int64_t>(random_.below(6));
    side_.messages.clear();
    json::array task;
    task.push_back(text_block("Find out, for " + name_ + ":\n" + texts_.cut(random_, 400)));
    side_.messages.push_back(message("user", std::move(task)));
  }
  return true;
}

}  // namespace hone::simulate
