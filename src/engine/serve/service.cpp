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
Result<Order> Service::order_for(ApiCall& call) {
  Order order = std::move(call.order);
  auto adapter = parts_.models.find(call.model);
  if (!adapter) return fail(adapter.error());
  order.adapter = std::move(*adapter);
  const auto messages = write_tools(std::move(call.turns), call.tools, parts_.chat.format(),
                                    parts_.chat.default_system());
  if (!messages) return fail(messages.error());
  order.prompt = parts_.chat.encode(*messages, call.chat).ids;
  HONE_ASSERT(!order.prompt.empty());
  const auto prompt = static_cast<std::int64_t>(order.prompt.size());
  const std::int64_t context = parts_.model.context;
  const std::int64_t least = call.max_tokens == 0 ? 0 : 1;
  if (prompt > context - least) {
    return fail(ErrorCode::kTooLarge, "prompt is too long: " + std::to_string(prompt) +
                                          " tokens > " + std::to_string(context - least) +
                                          " maximum; this model's maximum context length is " +
                                          std::to_string(context) + " tokens, the answer included");
  }
  order.max_tokens = std::min(call.max_tokens.value_or(context), context - prompt);
  if (!call.has_seed) {
    const std::lock_guard lock(mutex_);
    order.seed = seeds_.next();
  }
  return order;
}

Result<Service::Prepared> Service::prepare(const Request& request) {
  auto body = parse_json_object(request.body, kBodyLimits);
  // Too deep is wrong; too long is for prompts, and clients would shorten theirs.
  if (!body) return fail(ErrorCode::kInvalid, body.error().message);
  auto call = openai::read_call(*body, defaults_);
  if (!call) return fail(call.error());
  auto order = order_for(*call);
  if (!order) return fail(order.error());
  openai::AnswerHead head{.id = ids_.next("chatcmpl"),
                          .call_id = ids_.next("call"),
                          .model = call->model,
                          .created_seconds = to_millis(clock_.now()) / 1000,
                          .prompt_tokens = static_cast<std::int64_t>(order->prompt.size()),
                          .include_usage = call->include_usage,
                          .tools = tool_names(call->tools),
                          .tokenizer = &parts_.tokenizer};
  auto generation = std::make_shared<Generation>(std::move(*order));
  if (auto taken = parts_.batcher.submit(generation); !taken) return fail(taken.error());
  return Prepared{std::move(generation), std::make_unique<openai::AnswerWriter>(std::move(head)),
                  call->streamed};
}

awaitable<void> Service::complete(const Request& request, Responder& out) {
  auto prepared = prepare(request);
  if (!prepared) {
    (void)co_await out.send(error_response(prepared.error()));
    co_return;
  }
  const auto generation = prepared->generation;
  out.on_client_gone([generation] { generation->cancel(); });
  if (prepared->streamed) {
    co_await answer_streamed(*generation, *prepared->writer, out);
  } else {
    co_await answer_whole(*generation, *prepared->writer, out);
  }
  generation->cancel();  // where writing failed, nobody reads on
  out.on_client_gone(nullptr);
}

awaitable<void> Service::answer_whole(Generation& generation, openai::AnswerWriter& writer,
                                      Responder& out) {
  auto piece = co_await next_piece(generation);
  Response response =
      piece ? net::json_response(200, writer.whole(*piece)) : error_response(piece.error());
  (void)co_await out.send(std::move(response));
}

awaitable<void> Service::answer_streamed(Generation& generation, openai::AnswerWriter& writer,
                                         Responder& out) {
  auto piece = co_await next_piece(generation);
  if (!piece) {  // nothing is sent yet, so that the status can tell
    (void)co_await out.send(error_response(piece.error()));
    co_return;
  }
  net::Headers headers{{"content-type", "text/event-stream"}, {"cache-control", "no-cache"}};
  if (auto done = co_await out.start(200, std::move(headers)); !done) co_return;
  std::string events = writer.opening();
  while (piece) {
    events += writer.piece(*piece);
    if (piece->finish) events += writer.closing(*piece);
    if (auto done = co_await out.write(events); !done) co_return;
    if (piece->finish) break;
    events.clear();
    piece = co_await next_piece(generation);
  }
  if (!piece) {
    events = openai::AnswerWriter::failure(piece.error());
    if (auto done = co_await out.write(events); !done) co_return;
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

}  // namespace hone::engine
