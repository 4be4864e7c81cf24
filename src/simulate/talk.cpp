#include "simulate/talk.h"

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>

namespace hone::simulate {
namespace {

using namespace std::chrono_literals;
namespace asio = net::asio;
using net::awaitable;

constexpr std::string_view kSystem =
    "You are the assistant of a software company. Answer in one short line.";
constexpr int kMaxTokens = 32;
constexpr int kAskAttempts = 4;
constexpr int kReportAttempts = 10;
constexpr std::size_t kMaxAnswerBytes = 1U << 20;

bool worth_another_try(int status) {
  return status == 429 || status == 503;
}

// 250 ms, doubled at each attempt, 4 s at most.
awaitable<void> back_off(int attempt) {
  asio::steady_timer timer(co_await asio::this_coro::executor);
  timer.expires_after(std::min(250ms * (1 << std::min(attempt, 4)), 4000ms));
  co_await timer.async_wait(net::use_awaitable);
}

net::ClientRequest make_request(const net::Url& gateway, std::string_view target,
                                const Worker& worker, std::string body) {
  net::ClientRequest request{.method = "POST", .url = net::with_target(gateway, target)};
  request.headers.add("content-type", "application/json");
  request.headers.add("user-agent", worker.person.user_agent);
  if (worker.person.wire == Wire::kAnthropicMessages) {
    request.headers.add("x-api-key", worker.key);
    request.headers.add("anthropic-version", "2023-06-01");
  } else {
    request.headers.add("authorization", "Bearer " + worker.key);
  }
  request.body = std::move(body);
  request.first_byte_timeout = 300s;
  request.idle_timeout = 120s;
  return request;
}

Error refused(int status, std::string_view body) {
  return {
      worth_another_try(status) ? ErrorCode::kUnavailable : ErrorCode::kInvalid,
      "the gateway answered " + std::to_string(status) + ": " + std::string(body.substr(0, 300))};
}

awaitable<Result<std::string>> read_body(net::ClientExchange& exchange) {
  std::string body;
  while (true) {
    auto chunk = co_await exchange.read_chunk();
    if (!chunk) co_return fail(chunk.error());
    if (chunk->empty()) co_return body;
    body += *chunk;
    if (body.size() > kMaxAnswerBytes) {
      co_return fail(ErrorCode::kTooLarge, "the answer has more than 1 MiB");
    }
  }
}

awaitable<Result<Answer>> read_stream(net::ClientExchange& exchange, Wire wire) {
  AnswerStream stream(wire);
  while (true) {
    auto chunk = co_await exchange.read_chunk();
    if (!chunk) co_return fail(chunk.error());
    if (chunk->empty()) co_return stream.finish();
    if (auto fed = stream.feed(*chunk); !fed) co_return fail(fed.error());
  }
}

awaitable<Result<Answer>> ask_once(net::Client& client, net::ClientRequest request,
                                   const Person& person) {
  auto exchange = co_await client.start(std::move(request));
  if (!exchange) co_return fail(exchange.error());
  const std::string interaction_id = exchange->headers().get("x-hone-interaction-id");
  Result<Answer> answer;
  if (exchange->status() == 200 && person.streamed) {
    answer = co_await read_stream(*exchange, person.wire);
  } else {
    auto body = co_await read_body(*exchange);
    if (!body) co_return fail(body.error());
    if (exchange->status() != 200) co_return fail(refused(exchange->status(), *body));
    answer = read_answer(person.wire, *body);
  }
  if (answer) answer->interaction_id = interaction_id;
  co_return answer;
}

std::string feedback_body(const Person& person, const Answer& answer, const Decision& decision,
                          const std::string& idempotency_key) {
  const bool by_response = person.uses_response_id || answer.interaction_id.empty();
  json::object body{{"handle", by_response ? answer.response_id : answer.interaction_id},
                    {"kind", name(decision.reaction)},
                    {"idempotency_key", idempotency_key}};
  if (decision.reaction == Reaction::kEdited) body["final_text"] = decision.final_text;
  return json::serialize(body);
}

}  // namespace

Result<std::vector<Worker>> read_workers(std::string_view text, std::uint64_t seed) {
  auto document = parse_json(text);
  if (!document) return fail(document.error());
  if (!document->is_array() || document->get_array().empty()) {
    return fail(ErrorCode::kInvalid, "an array of people is expected, with at least one");
  }
  const json::array& entries = document->get_array();
  const auto people = make_people(seed, std::max(40, static_cast<int>(entries.size())));
  std::vector<Worker> workers;
  for (const json::value& value : entries) {
    auto entry = as<json::object>(value, "person " + std::to_string(workers.size() + 1));
    if (!entry) return fail(entry.error());
    auto name = field<std::string>(*entry, "name");
    if (!name) return fail(name.error());
    auto key = field<std::string>(*entry, "key");
    if (!key) return fail(key.error().with(*name));
    const auto person = std::ranges::find(people, *name, &Person::name);
    if (person == people.end()) {
      return fail(ErrorCode::kInvalid, "'" + *name + "' is nobody of seed " + std::to_string(seed) +
                                           ": make the file with `hone-simulate people --seed " +
                                           std::to_string(seed) + "`");
    }
    workers.push_back({*person, std::move(*key)});
  }
  return workers;
}

std::string request_body(const Person& person, std::string_view prompt) {
  const json::object question{{"role", "user"}, {"content", prompt}};
  json::object body{{"model", "assistant"}, {"max_tokens", kMaxTokens}, {"temperature", 0}};
  if (person.wire == Wire::kAnthropicMessages) {
    body["system"] = kSystem;
    body["messages"] = json::array{question};
  } else {
    body["messages"] =
        json::array{json::object{{"role", "system"}, {"content", kSystem}}, question};
    if (person.streamed) body["stream_options"] = json::object{{"include_usage", true}};
  }
  body["stream"] = person.streamed;
  return json::serialize(body);
}

awaitable<Result<Answer>> ask(net::Client& client, net::Url gateway, const Worker& worker,
                              std::string prompt, std::string_view purpose) {
  const bool anthropic = worker.person.wire == Wire::kAnthropicMessages;
  net::ClientRequest request =
      make_request(gateway, anthropic ? "/v1/messages" : "/v1/chat/completions", worker,
                   request_body(worker.person, prompt));
  request.headers.add("x-hone-purpose", std::string(purpose));
  for (int attempt = 1;; ++attempt) {
    net::ClientRequest copy = request;
    auto answer = co_await ask_once(client, std::move(copy), worker.person);
    const bool again = !answer && answer.error().code == ErrorCode::kUnavailable;
    if (!again || attempt == kAskAttempts) co_return answer;
    co_await back_off(attempt);
  }
}

awaitable<Result<void>> report(net::Client& client, net::Url gateway, const Worker& worker,
                               const Answer& answer, Decision decision,
                               std::string idempotency_key) {
  net::ClientRequest request =
      make_request(gateway, "/api/v1/feedback", worker,
                   feedback_body(worker.person, answer, decision, idempotency_key));
  request.safe_to_resend = true;
  for (int attempt = 1;; ++attempt) {
    net::ClientRequest copy = request;
    auto response = co_await client.fetch(std::move(copy), 30s, kMaxAnswerBytes);
    if (response && response->status / 100 == 2) co_return Result<void>();
    const Error error = response ? refused(response->status, response->body) : response.error();
    const bool again = !response || worth_another_try(response->status);
    if (!again || attempt == kReportAttempts) co_return fail(error.with("feedback"));
    co_await back_off(attempt);
  }
}

}  // namespace hone::simulate
