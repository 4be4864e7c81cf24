#include "engine/serve/server.h"

#include <omp.h>
#include <spdlog/spdlog.h>

#include <filesystem>
#include <optional>

#include "engine/serve/end_tokens.h"
#include "engine/serve/service.h"

namespace hone::engine {

using namespace std::chrono_literals;

// In the order of their making; they go in the opposite one.
struct InferenceServer::State {
  SystemClock clock;
  ServingModel model;
  std::optional<Tokenizer> tokenizer;
  std::optional<Chat> chat;
  std::optional<ServedModels> models;
  net::Runtime runtime{1};
  net::WorkPool pool{1, 64};
  std::optional<Constraints> constraints;
  std::optional<Batcher> batcher;
  std::optional<Service> service;
  std::unique_ptr<net::Server> server;
};

namespace {

std::string name_of_folder(const std::string& folder) {
  std::filesystem::path path = std::filesystem::path(folder).lexically_normal();
  if (!path.has_filename()) path = path.parent_path();
  return path.filename().string();
}

}  // namespace

InferenceServer::InferenceServer(std::unique_ptr<State> state) : state_(std::move(state)) {}
InferenceServer::~InferenceServer() {
  stop();
}

Result<std::unique_ptr<InferenceServer>> InferenceServer::start(const ServeOptions& options) {
  auto state = std::make_unique<State>();
  const auto arithmetic =
      options.dtype == "auto" ? fastest_arithmetic() : arithmetic_named(options.dtype);
  if (!arithmetic) {
    return fail(ErrorCode::kInvalid,
                "the type '" + options.dtype + "' is not auto, fp32, bf16 or fp16");
  }
  auto tokenizer = Tokenizer::load(options.model_folder);
  if (!tokenizer) return fail(tokenizer.error());
  state->tokenizer = std::move(*tokenizer);
  auto chat = Chat::load(options.model_folder, *state->tokenizer);
  if (!chat) return fail(chat.error());
  state->chat = *chat;
  const auto defaults = read_sampling_defaults(options.model_folder);
  if (!defaults) return fail(defaults.error());
  auto model = load_serving_model(options.model_folder, *arithmetic, options.context);
  if (!model) return fail(model.error());
  state->model = std::move(*model);
  if (state->tokenizer->vocab_size() > state->model.config.vocab_size) {
    return fail(ErrorCode::kInvalid,
                options.model_folder + ": tokenizer.json has more tokens than the model");
  }
  const std::string name =
      options.name.empty() ? name_of_folder(options.model_folder) : options.name;
  state->models.emplace(state->model, name, options.model_folder);
  for (const auto& [adapter, folder] : options.adapters) {
    if (auto loaded = state->models->load(adapter, folder); !loaded) return fail(loaded.error());
  }
  const auto ends = end_tokens_of(state->model.config, *chat);
  state->constraints.emplace(*state->tokenizer, ends, chat->answers_begin_with_blank());
  // Loading has brought up OpenMP threads for this one's use. As long as they are there, libgomp
  // takes the batcher's for too many, and has each sleep wherever it waits.
  omp_pause_resource_all(omp_pause_soft);
  BatcherOptions batching{
      .end_tokens = ends, .max_waiting = options.max_waiting, .threads = options.threads};
  // An agent sends its whole conversation again with each call, however long it is.
  batching.kept_tokens = std::max(batching.kept_tokens, state->model.context);
  state->batcher.emplace(state->model, *state->tokenizer, std::move(batching));
  state->service.emplace(
      Service::Parts{state->model, *state->tokenizer, *state->chat, *state->models, *state->batcher,
                     *state->constraints, state->pool},
      *defaults, state->clock);
  net::ServerOptions listening{.address = options.address, .port = options.port};
  listening.max_body_bytes = 16U << 20;
  Service& service = *state->service;
  auto server = net::Server::listen(state->runtime, listening,
                                    [&service](const net::Request& request, net::Responder& out) {
                                      return service.handle(request, out);
                                    });
  if (!server) return fail(server.error());
  state->server = std::move(*server);
  spdlog::info("serving {} in {} with {} threads on {}:{}", name, engine::name(*arithmetic),
               options.threads, options.address, state->server->port());
  return std::unique_ptr<InferenceServer>(new InferenceServer(std::move(state)));
}

std::uint16_t InferenceServer::port() const {
  return state_->server->port();
}

void InferenceServer::stop() {
  state_->server->stop(10s);
  state_->batcher->stop();
  state_->pool.stop();
  state_->runtime.stop();
}

}  // namespace hone::engine
