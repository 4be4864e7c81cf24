#include "engine/serve/openai_answer.h"

#include <utility>

#include "engine/model/template_json.h"
#include "engine/model/utf8.h"

namespace hone::engine::openai {
namespace {

constexpr std::string_view kAtWork = ":\n\n";

std::string event(const json::object& data) {
  return "data: " + json::serialize(data) + "\n\n";
}

// `stop_reason` is vLLM's: which stop string it was.
void add_end(const Piece& piece, bool called, json::object& choice) {
  choice["finish_reason"] =
      called ? "tool_calls" : (piece.finish == Finish::kLength ? "length" : "stop");
  if (!called && piece.finish == Finish::kStopString) choice["stop_reason"] = piece.stop_string;
}

}  // namespace

json::object AnswerWriter::whole_choice(const Piece& all, std::size_t choice) {
  AnswerWithTools& said = choices_[choice].text;
  std::string text = said.add(all.text);
  auto end = said.finish();
  json::object message{{"role", "assistant"}};
  if (end.call) {
    json::array calls;
    calls.push_back(call_as_json(*end.call, template_json(end.call->arguments), choice));
    message["content"] = nullptr;
    message["tool_calls"] = std::move(calls);
  } else {
    message["content"] = text + end.text;
  }
  json::object made{{"index", static_cast<std::int64_t>(choice)},
                    {"message", std::move(message)},
                    {"logprobs", logprobs(all.logprobs)}};
  add_end(all, end.call.has_value(), made);
  return made;
}

json::object AnswerWriter::whole(std::span<const Piece> all) {
  HONE_ASSERT(all.size() == choices_.size());
  json::array choices;
  for (std::size_t i = 0; i < all.size(); ++i) {
    tokens_ += all[i].tokens;
    choices.push_back(whole_choice(all[i], i));
  }
  json::object body = start_of("chat.completion");
  body["choices"] = std::move(choices);
  body["usage"] = usage();
  // All choices have the same prompt.
  if (!all[0].prompt_logprobs.empty()) body["prompt_logprobs"] = prompt_logprobs(all[0]);
  return body;
}

std::string AnswerWriter::opening(std::size_t choice) const {
  return chunk(choice, {{"role", "assistant"}, {"content", ""}});
}

std::string AnswerWriter::piece(const Piece& piece, std::size_t choice) {
  Choice& own = choices_[choice];
  tokens_ += piece.tokens;
  own.held_logprobs.insert(own.held_logprobs.end(), piece.logprobs.begin(), piece.logprobs.end());
  const std::string shown = own.text.add(piece.text);
  if (own.text.may_be_call()) return piece.finish ? "" : std::string(kAtWork);
  if (shown.empty() && own.held_logprobs.empty()) return "";
  return chunk(choice, {{"content", shown}},
               {{"logprobs", logprobs(std::exchange(own.held_logprobs, {}))}});
}

std::string AnswerWriter::closing(const Piece& last, std::size_t choice) {
  Choice& own = choices_[choice];
  const auto end = own.text.finish();
  std::string events;
  if (end.call) {
    events = call_chunks(*end.call, choice);
  } else if (!end.text.empty() || !own.held_logprobs.empty()) {
    events = chunk(choice, {{"content", end.text}},
                   {{"logprobs", logprobs(std::exchange(own.held_logprobs, {}))}});
  }
  json::object beside;
  add_end(last, end.call.has_value(), beside);
  events += chunk(choice, {}, std::move(beside));
  if (++closed_ < choices_.size()) return events;
  if (head_.include_usage) {
    json::object body = start_of("chat.completion.chunk");
    body["choices"] = json::array();
    body["usage"] = usage();
    events += event(body);
  }
  return events + "data: [DONE]\n\n";
}

std::string AnswerWriter::failure(const Error& error) {
  return event(error_body(error));
}

json::object AnswerWriter::start_of(std::string_view object) const {
  return {{"id", head_.id},
          {"object", object},
          {"created", head_.created_seconds},
          {"model", head_.model}};
}

std::string AnswerWriter::chunk(std::size_t choice, json::object delta, json::object beside) const {
  json::object whole{{"index", static_cast<std::int64_t>(choice)},
                     {"delta", std::move(delta)},
                     {"logprobs", nullptr},
                     {"finish_reason", nullptr}};
  for (auto& member : beside) whole[member.key()] = std::move(member.value());
  json::array choices;
  choices.push_back(std::move(whole));
  json::object body = start_of("chat.completion.chunk");
  body["choices"] = std::move(choices);
  if (head_.include_usage) body["usage"] = nullptr;
  return event(body);
}

json::object AnswerWriter::call_as_json(const ToolCall& call, std::string arguments,
                                        std::size_t choice) const {
  std::string id = head_.call_id;
  if (choice > 0) id += "_" + std::to_string(choice);
  return {{"id", std::move(id)},
          {"type", "function"},
          {"function", {{"name", call.name}, {"arguments", std::move(arguments)}}}};
}

// Id and name first, then the arguments, as clients put them together.
std::string AnswerWriter::call_chunks(const ToolCall& call, std::size_t choice) {
  const auto delta = [](json::object fragment) {
    fragment["index"] = 0;
    json::array calls;
    calls.push_back(std::move(fragment));
    json::object said;
    said["tool_calls"] = std::move(calls);
    return said;
  };
  json::object arguments;
  arguments["function"] = json::object{{"arguments", template_json(call.arguments)}};
  return chunk(choice, delta(call_as_json(call, "", choice))) +
         chunk(choice, delta(std::move(arguments)),
               {{"logprobs", logprobs(std::exchange(choices_[choice].held_logprobs, {}))}});
}

json::object AnswerWriter::usage() const {
  return {{"prompt_tokens", head_.prompt_tokens},
          {"completion_tokens", tokens_},
          {"total_tokens", head_.prompt_tokens + tokens_}};
}

json::object AnswerWriter::token(std::int64_t id, float logprob) const {
  const std::string_view bytes = head_.tokenizer->bytes(id);
  json::array numbers;
  for (const char byte : bytes) numbers.push_back(static_cast<unsigned char>(byte));
  return {
      {"token", replace_invalid_utf8(bytes)}, {"logprob", logprob}, {"bytes", std::move(numbers)}};
}

json::value AnswerWriter::logprobs(const std::vector<TokenLogprob>& tokens) const {
  if (tokens.empty()) return nullptr;
  json::array content;
  for (const TokenLogprob& entry : tokens) {
    json::array likeliest;
    for (const auto& other : entry.likeliest) likeliest.push_back(token(other.id, other.logprob));
    json::object one = token(entry.id, entry.logprob);
    one["top_logprobs"] = std::move(likeliest);
    content.push_back(std::move(one));
  }
  return json::object{{"content", std::move(content)}};
}

json::object AnswerWriter::scored(std::int64_t id, float logprob, std::int64_t rank) const {
  return {{"logprob", logprob},
          {"rank", rank},
          {"decoded_token", replace_invalid_utf8(head_.tokenizer->bytes(id))}};
}

// As vLLM: null for the first token, then {"<id>": …} with the prompt's own token first.
json::array AnswerWriter::prompt_logprobs(const Piece& all) const {
  json::array entries{nullptr};
  for (const TokenLogprob& entry : all.prompt_logprobs) {
    json::object one{{std::to_string(entry.id), scored(entry.id, entry.logprob, entry.rank)}};
    for (std::size_t i = 0; i < entry.likeliest.size(); ++i) {
      const auto& other = entry.likeliest[i];
      if (other.id == entry.id) continue;
      one[std::to_string(other.id)] =
          scored(other.id, other.logprob, static_cast<std::int64_t>(i) + 1);
    }
    entries.push_back(std::move(one));
  }
  return entries;
}

json::object error_body(const Error& error) {
  const bool callers = error.code == ErrorCode::kInvalid || error.code == ErrorCode::kNotFound ||
                       error.code == ErrorCode::kTooLarge || error.code == ErrorCode::kConflict;
  json::value code = nullptr;
  if (error.code == ErrorCode::kNotFound) code = "model_not_found";
  if (error.code == ErrorCode::kTooLarge) code = "context_length_exceeded";
  return {{"error",
           {{"message", error.message},
            {"type", callers ? "invalid_request_error" : "server_error"},
            {"param", nullptr},
            {"code", std::move(code)}}}};
}

}  // namespace hone::engine::openai
