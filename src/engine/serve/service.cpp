#include "engine/serve/service.h"

#include <algorithm>

#include "engine/serve/openai.h"
#include "net/await.h"

namespace hone::engine {

using net::awaitable;
using net::Request;
using net::Responder;
using net::Response;
using namespace std::chrono_literals;

// From one piece of an answer to the next, the wait in the queue included.
constexpr auto kPieceDeadline = 600s;
constexpr JsonLimits kBodyLimits{.size_bytes = 16U << 20, .depth = 64};

namespace {

Response error_response(const Error& error) {
  // A prompt that does not fit is the caller's mistake, not too many bytes.
  const int status = error.code == ErrorCode::kTooLarge ? 400 : net::http_status(error.code);
  Response response = net::json_response(status, openai::error_body(error));
  if (status == 503) response.headers.add("retry-after", "1");
  return response;
}

// The queue is full: a client that waits a moment and asks again is served.
Response busy_response(const Error& error) {
  json::object body = openai::error_body(error);
  auto& details = body["error"].as_object();
  details["type"] = "rate_limit_error";
  details["code"] = "queue_full";
  Response response = net::json_response(429, body);
  response.headers.add("retry-after", "1");
  return response;
}

void cancel_all(const std::vector<std::shared_ptr<Generation>>& generations) {
  for (const auto& generation : generations) generation->cancel();
}

void add_metric(std::string& text, std::string_view name, std::string_view kind,
                std::string_view help, std::uint64_t value) {
  const std::string full = "hone_engine_" + std::string(name);
  text += "# HELP " + full + " " + std::string(help) + "\n";
  text += "# TYPE " + full + " " + std::string(kind) + "\n";
  text += full + " " + std::to_string(value) + "\n";
}

awaitable<Result<Piece>> next_piece(Generation& generation) {
  co_return co_await net::await_callback<Piece>(
      kPieceDeadline, [&generation](auto done) { generation.next(std::move(done)); });
}

}  // namespace

Service::Service(Parts parts, SamplingDefaults defaults, Clock& clock)
    : parts_(parts),
      defaults_(defaults),
      clock_(clock),
      started_(clock.now()),
      ids_(clock, Random::from_system()),
      seeds_(Random::from_system()) {}

awaitable<void> Service::handle(const Request& request, Responder& out) {
  const std::string_view path = request.path();
  const bool post = request.method == "POST";
  const bool get = request.method == "GET";
  if (post && path == "/v1/chat/completions") co_return co_await complete(request, out);
  Response response;
  if (get && path == "/v1/models") {
    response = list_models();
  } else if (get && path == "/healthz") {
    response = health();
  } else if (get && path == "/metrics") {
    response = metrics();
  } else if (post && path == "/v1/load_lora_adapter") {
    response = co_await load_adapter(request);
  } else if (post && path == "/v1/unload_lora_adapter") {
    response = unload_adapter(request);
  } else {
    const Error error{ErrorCode::kNotFound,
                      "there is no " + request.method + " " + std::string(path)};
    response = error_response(error);
  }
  (void)co_await out.send(std::move(response));
}

// What is asked for is lowered to what the context has room for: tools ask for as much as the
// largest model writes. A prompt that leaves no room is refused, in words that both providers'
// clients know, since they act on them: they shorten the conversation and ask again.
awaitable<Result<Order>> Service::order_for(ApiCall& call) {
  Order order = std::move(call.order);
  auto adapter = parts_.models.find(call.model);
  if (!adapter) co_return fail(adapter.error());
  order.adapter = std::move(*adapter);
  const auto messages = write_tools(std::move(call.turns), call.tools, parts_.chat.format(),
                                    parts_.chat.default_system());
  if (!messages) co_return fail(messages.error());
  if (auto fine = parts_.chat.check(*messages); !fine) co_return fail(fine.error());
  if (call.form.binds()) {
    // A large form takes a while, in which this thread has other answers to pass on.
    auto constraint = Result<std::shared_ptr<Constraint>>(nullptr);
    auto ran = co_await parts_.pool.run([&] { constraint = parts_.constraints.make(call.form); });
    if (!ran) co_return fail(ran.error());
    if (!constraint) co_return fail(constraint.error());
    order.constraint = std::move(*constraint);
  }
  order.begins_with_blank =
      parts_.chat.answers_begin_with_blank() && call.chat.add_generation_prompt;
  order.prompt = parts_.chat.encode(*messages, call.chat).ids;
  HONE_ASSERT(!order.prompt.empty());
  const auto prompt = static_cast<std::int64_t>(order.prompt.size());
  const std::int64_t context = parts_.model.context;
  const std::int64_t least = call.max_tokens == 0 ? 0 : 1;
  if (prompt > context - least) {
    co_return fail(ErrorCode::kTooLarge, "prompt is too long: " + std::to_string(prompt) +
                                             " tokens > " + std::to_string(context - least) +
                                             " maximum; this model's maximum context length is " +
                                             std::to_string(context) +
                                             " tokens, the answer included");
  }
  order.max_tokens = std::min(call.max_tokens.value_or(context), context - prompt);
  if (!call.has_seed) {
    const std::lock_guard lock(mutex_);
    order.seed = seeds_.next();
  }
  co_return order;
}

awaitable<Result<Service::Prepared>> Service::prepare(const Request& request) {
  auto body = parse_json_object(request.body, kBodyLimits);
  // Too deep is wrong; too long is for prompts, and clients would shorten theirs.
  if (!body) co_return fail(ErrorCode::kInvalid, body.error().message);
  auto call = openai::read_call(*body, defaults_);
  if (!call) co_return fail(call.error());
  auto order = co_await order_for(*call);
  if (!order) co_return fail(order.error());
  openai::AnswerHead head{.id = ids_.next("chatcmpl"),
                          .call_id = ids_.next("call"),
                          .model = call->model,
                          .created_seconds = to_millis(clock_.now()) / 1000,
                          .prompt_tokens = static_cast<std::int64_t>(order->prompt.size()),
                          .include_usage = call->include_usage,
                          .tools = tool_names(call->tools),
                          .tokenizer = &parts_.tokenizer,
                          .choices = static_cast<std::size_t>(call->choices)};
  auto generations = submit(*order, call->choices);
  if (!generations) co_return fail(generations.error());
  co_return Prepared{std::move(*generations),
                     std::make_unique<openai::AnswerWriter>(std::move(head)), call->streamed};
}

// Each choice has a seed of its own, the first one the request's; the prompt is scored once.
Result<Service::Generations> Service::submit(const Order& order, std::int64_t choices) {
  Generations generations;
  for (std::int64_t i = 0; i < choices; ++i) {
    Order own = order;
    own.seed += static_cast<std::uint64_t>(i);
    if (i > 0) own.prompt_logprobs.reset();
    auto generation = std::make_shared<Generation>(std::move(own));
    if (auto taken = parts_.batcher.submit(generation); !taken) {
      cancel_all(generations);
      return fail(taken.error());
    }
    generations.push_back(std::move(generation));
  }
  return generations;
}

awaitable<void> Service::complete(const Request& request, Responder& out) {
  auto prepared = co_await prepare(request);
  if (!prepared) {
    const bool busy =
        prepared.error().code == ErrorCode::kUnavailable && !parts_.batcher.stopping();
    Response refusal = busy ? busy_response(prepared.error()) : error_response(prepared.error());
    (void)co_await out.send(std::move(refusal));
    co_return;
  }
  const Generations generations = prepared->generations;
  out.on_client_gone([generations] { cancel_all(generations); });
  if (prepared->streamed) {
    co_await answer_streamed(generations, *prepared->writer, out);
  } else {
    co_await answer_whole(generations, *prepared->writer, out);
  }
  cancel_all(generations);  // where writing failed, nobody reads on
  out.on_client_gone(nullptr);
}

awaitable<void> Service::answer_whole(const Generations& generations, openai::AnswerWriter& writer,
                                      Responder& out) {
  std::vector<Piece> pieces;
  for (const auto& generation : generations) {
    auto piece = co_await next_piece(*generation);
    if (!piece) {
      Response failed = error_response(piece.error());
      (void)co_await out.send(std::move(failed));
      co_return;
    }
    pieces.push_back(std::move(*piece));
  }
  Response response = net::json_response(200, writer.whole(pieces));
  (void)co_await out.send(std::move(response));
}

// One choice after the other: they are computed together, and what is not read yet runs up.
awaitable<void> Service::answer_streamed(const Generations& generations,
                                         openai::AnswerWriter& writer, Responder& out) {
  auto piece = co_await next_piece(*generations.front());
  if (!piece) {  // nothing is sent yet, so that the status can tell
    Response failed = error_response(piece.error());
    (void)co_await out.send(std::move(failed));
    co_return;
  }
  net::Headers headers{{"content-type", "text/event-stream"}, {"cache-control", "no-cache"}};
  if (auto done = co_await out.start(200, std::move(headers)); !done) co_return;
  for (std::size_t choice = 0; choice < generations.size() && piece; ++choice) {
    if (choice > 0) piece = co_await next_piece(*generations[choice]);
    std::string events = writer.opening(choice);
    while (piece) {
      events += writer.piece(*piece, choice);
      if (piece->finish) events += writer.closing(*piece, choice);
      if (auto done = co_await out.write(events); !done) co_return;
      if (piece->finish) break;
      events.clear();
      piece = co_await next_piece(*generations[choice]);
    }
  }
  if (!piece) {
    const std::string event = openai::AnswerWriter::failure(piece.error());
    if (auto done = co_await out.write(event); !done) co_return;
  }
  (void)co_await out.finish();
}

awaitable<Response> Service::load_adapter(const Request& request) {
  auto body = parse_json_object(request.body, kBodyLimits);
  if (!body) co_return error_response(body.error());
  const auto name = field<std::string>(*body, "lora_name");
  if (!name) co_return error_response(name.error());
  const auto folder = field<std::string>(*body, "lora_path");
  if (!folder) co_return error_response(folder.error());
  Result<void> loaded;
  auto ran = co_await parts_.pool.run([&] { loaded = parts_.models.load(*name, *folder); });
  if (!ran) co_return error_response(ran.error());
  if (!loaded) co_return error_response(loaded.error());
  co_return net::text_response(200, "Success: LoRA adapter '" + *name + "' added successfully.");
}

Response Service::unload_adapter(const Request& request) {
  auto body = parse_json_object(request.body, kBodyLimits);
  if (!body) return error_response(body.error());
  const auto name = field<std::string>(*body, "lora_name");
  if (!name) return error_response(name.error());
  if (auto done = parts_.models.unload(*name); !done) return error_response(done.error());
  return net::text_response(200, "Success: LoRA adapter '" + *name + "' removed successfully.");
}

Response Service::list_models() const {
  json::array data;
  for (const auto& entry : parts_.models.list()) {
    data.push_back(
        json::object{{"id", entry.name},
                     {"object", "model"},
                     {"created", to_millis(started_) / 1000},
                     {"owned_by", "hone"},
                     {"root", entry.folder},
                     {"parent", entry.parent.empty() ? json::value() : json::value(entry.parent)},
                     {"max_model_len", parts_.model.context}});
  }
  return net::json_response(200, json::object{{"object", "list"}, {"data", std::move(data)}});
}

Response Service::health() const {
  const BatcherCounters& counters = parts_.batcher.counters();
  return net::json_response(200,
                            json::object{{"status", "ok"},
                                         {"running", counters.running.load()},
                                         {"waiting", counters.waiting.load()},
                                         {"taken", counters.taken.load()},
                                         {"refused", counters.refused.load()},
                                         {"cancelled", counters.cancelled.load()},
                                         {"failed", counters.failed.load()},
                                         {"steps", counters.steps.load()},
                                         {"prompt_tokens", counters.prompt_tokens.load()},
                                         {"copied_tokens", counters.copied_tokens.load()},
                                         {"generated_tokens", counters.generated_tokens.load()}});
}

Response Service::metrics() const {
  const BatcherCounters& counters = parts_.batcher.counters();
  std::string text;
  add_metric(text, "requests_running", "gauge", "Answers that are being computed.",
             counters.running);
  add_metric(text, "requests_waiting", "gauge", "Answers that wait for a place in the batch.",
             counters.waiting);
  add_metric(text, "requests_taken_total", "counter", "Answers that were taken on.",
             counters.taken);
  add_metric(text, "requests_refused_total", "counter",
             "Answers refused because the queue was full.", counters.refused);
  add_metric(text, "requests_cancelled_total", "counter", "Answers whose client went away.",
             counters.cancelled);
  add_metric(text, "requests_failed_total", "counter", "Answers ended by an error of the engine.",
             counters.failed);
  add_metric(text, "steps_total", "counter", "Steps of the batch.", counters.steps);
  add_metric(text, "prompt_tokens_total", "counter", "Tokens of prompts.", counters.prompt_tokens);
  add_metric(text, "copied_tokens_total", "counter",
             "Tokens of prompts that were copied from a sequence that begins alike.",
             counters.copied_tokens);
  add_metric(text, "generated_tokens_total", "counter", "Tokens of answers.",
             counters.generated_tokens);
  return net::text_response(200, std::move(text), "text/plain; version=0.0.4; charset=utf-8");
}

}  // namespace hone::engine
