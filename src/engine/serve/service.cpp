#include "engine/serve/service.h"

#include "engine/serve/anthropic.h"
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

struct Service::Dialect {
  std::string_view id_prefix;
  Result<ApiCall> (*read_call)(const json::object& body, const SamplingDefaults& defaults);
  std::unique_ptr<AnswerFormat> (*format)(AnswerHead head);
  json::object (*error_body)(const Error& error);
};

const Service::Dialect& Service::openai_dialect() {
  static constexpr Dialect kDialect{"chatcmpl", openai::read_call, openai::format,
                                    openai::error_body};
  return kDialect;
}

const Service::Dialect& Service::anthropic_dialect() {
  static constexpr Dialect kDialect{"msg", anthropic::read_call, anthropic::format,
                                    anthropic::error_body};
  return kDialect;
}

namespace {

Response error_in(const Error& error, json::object (*body)(const Error&)) {
  // A prompt that does not fit is the caller's mistake, not too many bytes.
  const int status = error.code == ErrorCode::kTooLarge ? 400 : net::http_status(error.code);
  Response response = net::json_response(status, body(error));
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
  if (post && path == "/v1/chat/completions")
    co_return co_await complete(request, out, openai_dialect());
  if (post && path == "/v1/messages")
    co_return co_await complete(request, out, anthropic_dialect());
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
    response = error_in(error, openai::error_body);
  }
  (void)co_await out.send(std::move(response));
}

Result<Order> Service::order_for(ApiCall& call) {
  Order order = std::move(call.order);
  auto adapter = parts_.models.find(call.model);
  if (!adapter) return fail(adapter.error());
  order.adapter = std::move(*adapter);
  order.prompt = parts_.chat.encode(call.messages, call.chat).ids;
  const auto prompt = static_cast<std::int64_t>(order.prompt.size());
  const std::int64_t room = parts_.model.context - prompt;
  order.max_tokens = call.max_tokens.value_or(std::max<std::int64_t>(room, 1));
  if (prompt == 0 || order.max_tokens > room) {
    return fail(ErrorCode::kTooLarge, "the prompt has " + std::to_string(prompt) + " tokens and " +
                                          std::to_string(order.max_tokens) +
                                          " more may be generated; the context has " +
                                          std::to_string(parts_.model.context));
  }
  if (!call.has_seed) {
    const std::lock_guard lock(mutex_);
    order.seed = seeds_.next();
  }
  return order;
}

Result<Service::Prepared> Service::prepare(const Request& request, const Dialect& dialect) {
  auto body = parse_json_object(request.body, kBodyLimits);
  if (!body) return fail(body.error());
  auto call = dialect.read_call(*body, defaults_);
  if (!call) return fail(call.error());
  auto order = order_for(*call);
  if (!order) return fail(order.error());
  AnswerHead head{.id = ids_.next(dialect.id_prefix),
                  .model = call->model,
                  .created_seconds = to_millis(clock_.now()) / 1000,
                  .prompt_tokens = static_cast<std::int64_t>(order->prompt.size()),
                  .include_usage = call->include_usage,
                  .tokenizer = &parts_.tokenizer};
  auto generation = std::make_shared<Generation>(std::move(*order));
  if (auto taken = parts_.batcher.submit(generation); !taken) return fail(taken.error());
  return Prepared{std::move(generation), dialect.format(std::move(head)), call->streamed};
}

awaitable<void> Service::complete(const Request& request, Responder& out, const Dialect& dialect) {
  auto prepared = prepare(request, dialect);
  if (!prepared) {
    (void)co_await out.send(error_in(prepared.error(), dialect.error_body));
    co_return;
  }
  const auto generation = prepared->generation;
  out.on_client_gone([generation] { generation->cancel(); });
  if (prepared->streamed) {
    co_await answer_streamed(*generation, *prepared->format, out, dialect);
  } else {
    co_await answer_whole(*generation, *prepared->format, out, dialect);
  }
  generation->cancel();  // where writing failed, nobody reads on
  out.on_client_gone(nullptr);
}

awaitable<void> Service::answer_whole(Generation& generation, AnswerFormat& format, Responder& out,
                                      const Dialect& dialect) {
  auto piece = co_await next_piece(generation);
  Response response = piece ? net::json_response(200, format.whole(*piece))
                            : error_in(piece.error(), dialect.error_body);
  (void)co_await out.send(std::move(response));
}

awaitable<void> Service::answer_streamed(Generation& generation, AnswerFormat& format,
                                         Responder& out, const Dialect& dialect) {
  auto piece = co_await next_piece(generation);
  if (!piece) {  // nothing is sent yet, so that the status can tell
    (void)co_await out.send(error_in(piece.error(), dialect.error_body));
    co_return;
  }
  net::Headers headers{{"content-type", "text/event-stream"}, {"cache-control", "no-cache"}};
  if (auto done = co_await out.start(200, std::move(headers)); !done) co_return;
  std::string events = format.opening();
  while (piece) {
    events += format.piece(*piece);
    if (piece->finish) events += format.closing(*piece);
    if (auto done = co_await out.write(events); !done) co_return;
    if (piece->finish) break;
    events.clear();
    piece = co_await next_piece(generation);
  }
  if (!piece) {
    events = format.failure(piece.error());
    if (auto done = co_await out.write(events); !done) co_return;
  }
  (void)co_await out.finish();
}

awaitable<Response> Service::load_adapter(const Request& request) {
  auto body = parse_json_object(request.body, kBodyLimits);
  if (!body) co_return error_in(body.error(), openai::error_body);
  const auto name = field<std::string>(*body, "lora_name");
  if (!name) co_return error_in(name.error(), openai::error_body);
  const auto folder = field<std::string>(*body, "lora_path");
  if (!folder) co_return error_in(folder.error(), openai::error_body);
  Result<void> loaded;
  auto ran = co_await parts_.pool.run([&] { loaded = parts_.models.load(*name, *folder); });
  if (!ran) co_return error_in(ran.error(), openai::error_body);
  if (!loaded) co_return error_in(loaded.error(), openai::error_body);
  co_return net::text_response(200, "Success: LoRA adapter '" + *name + "' added successfully.");
}

Response Service::unload_adapter(const Request& request) {
  auto body = parse_json_object(request.body, kBodyLimits);
  if (!body) return error_in(body.error(), openai::error_body);
  const auto name = field<std::string>(*body, "lora_name");
  if (!name) return error_in(name.error(), openai::error_body);
  if (auto done = parts_.models.unload(*name); !done)
    return error_in(done.error(), openai::error_body);
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
