#include "evaluate/scorer.h"

#include <algorithm>
#include <cctype>
#include <map>

#include "evaluate/parallel.h"
#include "net/client.h"
#include "wire/chat_form.h"

namespace hone::evaluate {
namespace {

constexpr std::size_t kMostAnswerBytes = 64U << 20;
constexpr std::size_t kMostErrorText = 300;

// One position of `prompt_logprobs`. The first token of a prompt has neither.
struct TokenScore {
  std::string id;
  std::string text;
  double logprob = 0;
};

Result<json::object> post(const ScorerOptions& options, const json::object& body) {
  const auto base = net::parse_url(options.base_url);
  if (!base) return fail(base.error());
  net::ClientRequest request{.method = "POST",
                             .url = net::with_target(*base, "/v1/chat/completions"),
                             .headers = {{"content-type", "application/json"}},
                             .body = json::serialize(body),
                             .first_byte_timeout = options.call_timeout,
                             .safe_to_resend = true};
  if (!options.api_key.empty()) request.headers.add("authorization", "Bearer " + options.api_key);
  auto response = net::fetch_blocking(std::move(request), options.call_timeout, kMostAnswerBytes);
  if (!response) return fail(response.error());
  if (response->status != 200) {
    return fail(ErrorCode::kUnavailable, "status " + std::to_string(response->status) + ": " +
                                             response->body.substr(0, kMostErrorText));
  }
  return parse_json_object(response->body, {.size_bytes = kMostAnswerBytes});
}

Result<TokenScore> token_of(const json::value& entry, std::size_t position) {
  if (entry.is_null() && position == 0) return TokenScore{};
  const auto* object = entry.if_object();
  // vLLM puts the prompt's own token first, before likelier ones.
  if (object == nullptr || object->empty() || !object->begin()->value().is_object()) {
    return fail(ErrorCode::kInvalid,
                "prompt_logprobs[" + std::to_string(position) + "] is not {token: {logprob}}");
  }
  const auto& token = object->begin()->value().get_object();
  const auto logprob = field<double>(token, "logprob");
  if (!logprob) return fail(logprob.error().with("prompt_logprobs"));
  return TokenScore{std::string(object->begin()->key()),
                    std::string(string_or_empty(token, "decoded_token")), *logprob};
}

json::object with_tools(const json::array& tools, json::object body) {
  if (!tools.empty()) body["tools"] = tools;
  return body;
}

Result<std::vector<TokenScore>> prompt_scores(const ScorerOptions& options, const ScoreTask& task,
                                              const json::array& messages, bool answer_follows) {
  const auto body =
      post(options, with_tools(task.tools, {{"model", task.model},
                                            {"messages", messages},
                                            {"max_tokens", 1},
                                            {"temperature", 0},
                                            {"prompt_logprobs", 0},
                                            {"add_generation_prompt", answer_follows}}));
  if (!body) return fail(body.error());
  const auto entries = field<json::array>(*body, "prompt_logprobs");
  if (!entries) return fail(entries.error().with("the upstream gives no prompt_logprobs"));
  std::vector<TokenScore> scores;
  scores.reserve(entries->size());
  for (std::size_t i = 0; i < entries->size(); ++i) {
    auto token = token_of((*entries)[i], i);
    if (!token) return fail(token.error());
    scores.push_back(std::move(*token));
  }
  return scores;
}

bool is_blank(const std::string& text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return std::isspace(static_cast<unsigned char>(c)) != 0;
  });
}

// What comes after the longest common prefix, less the white space that a template puts after the
// end of a turn, which no model is asked to predict.
Result<Likelihood> answer_part(const std::vector<TokenScore>& prompt,
                               const std::vector<TokenScore>& whole) {
  std::size_t begin = std::min<std::size_t>(1, whole.size());
  while (begin < std::min(prompt.size(), whole.size()) && prompt[begin].id == whole[begin].id) {
    ++begin;
  }
  std::size_t end = whole.size();
  while (end > begin + 1 && is_blank(whole[end - 1].text)) --end;
  Likelihood likelihood;
  for (std::size_t i = begin; i < end; ++i) likelihood.logprob += whole[i].logprob;
  likelihood.tokens = static_cast<std::int64_t>(end - begin);
  if (likelihood.tokens > 0) return likelihood;
  return fail(ErrorCode::kInvalid, "the answer has no tokens of its own");
}

Result<Generation> generate(const ScorerOptions& options, const GenerateTask& task) {
  const auto body = post(options, with_tools(task.tools, {{"model", task.model},
                                                          {"messages", task.prompt},
                                                          {"max_tokens", task.max_tokens},
                                                          {"temperature", 0}}));
  if (!body) return fail(body.error());
  const auto choices = field<json::array>(*body, "choices");
  if (!choices) return fail(choices.error());
  if (choices->empty() || !choices->front().is_object()) {
    return fail(ErrorCode::kInvalid, "'choices' is empty");
  }
  const auto& choice = choices->front().get_object();
  const auto message = field<json::object>(choice, "message");
  if (!message) return fail(message.error());
  Generation generation{.text = wire::chat_text(*message),
                        .endless = string_or_empty(choice, "finish_reason") == "length"};
  if (const auto usage = field<json::object>(*body, "usage"); usage) {
    generation.tokens = field<std::int64_t>(*usage, "completion_tokens").value_or(0);
  }
  return generation;
}

Error named(const Error& error, const std::string& model, std::size_t task) {
  return error.with("model " + model + ", task " + std::to_string(task + 1));
}

}  // namespace

Result<std::vector<Likelihood>> Scorer::score_all(const std::vector<ScoreTask>& tasks,
                                                  const Progress& progress) const {
  // Tasks often share a prompt: it is asked for once.
  std::map<std::string, std::size_t> index;
  std::vector<std::size_t> first_task;
  std::vector<std::size_t> prompt_of(tasks.size());
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    const std::string key =
        tasks[i].model + "\n" + canonical(tasks[i].prompt) + canonical(tasks[i].tools);
    const auto [at, is_new] = index.try_emplace(key, first_task.size());
    if (is_new) first_task.push_back(i);
    prompt_of[i] = at->second;
  }
  using Scores = std::vector<TokenScore>;
  const auto prompts =
      run_all<Scores>(first_task.size(), options_.workers,
                      [&](std::size_t i) -> Result<Scores> {
                        const ScoreTask& task = tasks[first_task[i]];
                        auto scores = prompt_scores(options_, task, task.prompt, true);
                        if (!scores) return fail(named(scores.error(), task.model, first_task[i]));
                        return scores;
                      },
                      {});
  if (!prompts) return fail(prompts.error());
  return run_all<Likelihood>(
      tasks.size(), options_.workers,
      [&](std::size_t i) -> Result<Likelihood> {
        const ScoreTask& task = tasks[i];
        json::array messages = task.prompt;
        messages.push_back(task.calling.empty()
                               ? json::object{{"role", "assistant"}, {"content", task.answer}}
                               : task.calling);
        const auto whole = prompt_scores(options_, task, messages, false);
        if (!whole) return fail(named(whole.error(), task.model, i));
        auto likelihood = answer_part((*prompts)[prompt_of[i]], *whole);
        if (!likelihood) return fail(named(likelihood.error(), task.model, i));
        return likelihood;
      },
      progress);
}

Result<std::vector<Generation>> Scorer::generate_all(const std::vector<GenerateTask>& tasks,
                                                     const Progress& progress) const {
  return run_all<Generation>(
      tasks.size(), options_.workers,
      [&](std::size_t i) -> Result<Generation> {
        auto generation = generate(options_, tasks[i]);
        if (!generation) return fail(named(generation.error(), tasks[i].model, i));
        return generation;
      },
      progress);
}

}  // namespace hone::evaluate
