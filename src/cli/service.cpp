#include "cli/service.h"

#include <spdlog/spdlog.h>
#include <sys/resource.h>

#include <algorithm>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <future>
#include <thread>

#include "api/api.h"
#include "capture/gateway.h"
#include "cli/engine_keeper.h"
#include "cli/housekeeping.h"
#include "cli/measure.h"
#include "cli/policy.h"
#include "release/registry.h"
#include "store/indexer.h"

namespace hone::cli {
namespace {

using namespace std::chrono_literals;

// The gateway asks for a route; releases know it.
class ReleaseRouter final : public capture::Router {
 public:
  explicit ReleaseRouter(release::Routes& routes) : routes_(routes) {}
  Result<capture::Route> route(std::string_view model_asked, const std::string& person) override {
    auto routed = routes_.route(model_asked, person);
    if (!routed) return fail(routed.error());
    return capture::Route{.alias = std::move(routed->alias),
                          .upstream = std::move(routed->upstream),
                          .upstream_model = std::move(routed->upstream_model),
                          .model = std::move(routed->model),
                          .arm = std::move(routed->arm),
                          .release = std::move(routed->release),
                          .propensity = routed->propensity,
                          .trainable = routed->trainable};
  }
  std::vector<std::string> aliases() override { return routes_.aliases(); }

 private:
  release::Routes& routes_;
};

constexpr const char* kEngine = "engine";

Result<capture::Upstreams> make_upstreams(const Settings& settings) {
  std::vector<capture::Upstream> all;
  if (!settings.engine.model.empty()) {
    auto url = net::parse_url("http://" + settings.engine.listen);
    if (!url) return fail(url.error());
    all.push_back({.name = kEngine,
                   .url = *url,
                   .wires = {wire::Format::kOpenAIChat, wire::Format::kAnthropicMessages},
                   .trainable = true});
  }
  for (const auto& given : settings.upstreams) {
    auto url = net::parse_url(given.url);
    if (!url) return fail(url.error().with("upstream '" + given.name + "'"));
    capture::Upstream upstream{
        .name = given.name, .url = *url, .models = given.models, .trainable = given.trainable};
    upstream.max_tokens = given.max_tokens;
    for (const auto& wire : given.wires) upstream.wires.push_back(*wire::find_format(wire));
    if (!given.key_env.empty()) {
      const char* key = std::getenv(given.key_env.c_str());
      if (key == nullptr) {
        return fail(ErrorCode::kInvalid, "upstream '" + given.name + "': the environment has no " +
                                             given.key_env + "; set it, or remove key_env");
      }
      upstream.api_key = key;
    }
    all.push_back(std::move(upstream));
  }
  return capture::Upstreams::create(std::move(all));
}

// The registry's first entries: the engine's base model, and the aliases of the settings. What a
// release has changed since stays as it is.
Result<void> register_models(Workspace& workspace) {
  const Settings& settings = workspace.settings();
  auto& database = workspace.database();
  const Time now = workspace.clock().now();
  std::vector<AliasSettings> aliases = settings.aliases;
  if (!settings.engine.model.empty()) {
    const auto folder = std::filesystem::absolute(settings.engine.model).lexically_normal();
    auto base = release::add_base(database, folder.string(), folder.filename().string(), true, now);
    if (!base) return fail(base.error().with("[engine] model"));
    if (aliases.empty()) aliases.push_back({"assistant", kEngine, base->name});
  }
  for (const auto& alias : aliases) {
    if (release::find_alias(database, alias.name)) continue;
    auto model = release::find_model(database, alias.model);
    if (auto set = release::set_alias(database, alias.name, alias.upstream,
                                      model ? model->digest : alias.model, now);
        !set) {
      return set;
    }
  }
  return {};
}

int processors() {
  return std::clamp(static_cast<int>(std::thread::hardware_concurrency()), 2, 32);
}

// As many as the system lets us have files for: each client may need a connection to an upstream
// too.
std::size_t connections_allowed() {
  constexpr rlim_t kOthers = 128;
  const std::size_t wanted = net::ServerOptions().max_connections;
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) != 0) return wanted;
  files.rlim_cur = files.rlim_max;
  if (::setrlimit(RLIMIT_NOFILE, &files) != 0) return wanted;
  if (files.rlim_max == RLIM_INFINITY || files.rlim_max >= 2 * wanted + kOthers) return wanted;
  const std::size_t allowed = files.rlim_max > 2 * kOthers ? (files.rlim_max - kOthers) / 2 : 1;
  spdlog::warn("the system allows {} open files: at most {} connections (ulimit -n raises it)",
               files.rlim_max, allowed);
  return allowed;
}

// Outboxes that commands left when they were killed.
Result<void> adopt_leftovers(Workspace& workspace) {
  auto names = posix_files().list(workspace.folder("outbox"));
  if (!names) return {};  // none yet
  for (const auto& name : *names) {
    if (name == "main") continue;
    const std::string folder = workspace.folder("outbox/" + name);
    auto outbox = store::Outbox::open(posix_files(), folder, workspace.clock());
    if (!outbox) continue;  // its command is still running
    store::Indexer indexer(**outbox, workspace.database(), workspace.clock(), {.name = name});
    if (auto indexed = indexer.run_until_idle(); !indexed) return indexed;
    if (auto closed = (*outbox)->close(); !closed) return closed;
    std::error_code ignored;
    std::filesystem::remove_all(folder, ignored);
    spdlog::info("took over what the interrupted '{}' had recorded", name);
  }
  return {};
}

}  // namespace

// Members are destroyed from the last to the first.
struct Service::Parts {
  std::unique_ptr<Workspace> workspace;
  feedback::Policy policy;
  capture::Upstreams upstreams;
  people::Directory directory;
  release::Routes routes;
  std::unique_ptr<ReleaseRouter> router;
  std::unique_ptr<store::Database> index_database;
  std::unique_ptr<store::Database> read_database;
  std::unique_ptr<store::Database> housekeeping_database;
  std::unique_ptr<store::Outbox> outbox;
  std::unique_ptr<store::InFlight> in_flight;
  std::unique_ptr<store::Indexer> indexer;
  std::unique_ptr<EngineKeeper> engine;
  std::unique_ptr<Housekeeping> housekeeping;
  net::Runtime runtime{processors()};
  std::unique_ptr<net::WorkPool> work;
  std::unique_ptr<net::Client> client;
  std::unique_ptr<capture::Recorder> recorder;
  std::unique_ptr<capture::Gateway> gateway;
  std::unique_ptr<api::Api> api;
  std::unique_ptr<net::Server> server;

  Result<void> open_store(const Settings& settings);
  Result<void> start_models(const Invocation& call);
  Result<void> listen();
  void stop();
  net::awaitable<void> handle(net::Request& request, net::Responder& responder);
  void measure(api::MetricsText& text) const;
};

Service::Service() : parts_(std::make_unique<Parts>()) {}
Service::~Service() {
  parts_->stop();
}

Result<std::unique_ptr<Service>> Service::start(const Invocation& call, const Settings& settings) {
  std::unique_ptr<Service> service(new Service());
  auto& parts = *service->parts_;
  auto policy = load_policy(settings);
  if (!policy) return fail(policy.error());
  parts.policy = std::move(*policy);
  auto upstreams = make_upstreams(settings);
  if (!upstreams) return fail(upstreams.error());
  parts.upstreams = std::move(*upstreams);
  if (auto opened = parts.open_store(settings); !opened) return fail(opened.error());
  if (auto started = parts.start_models(call); !started) return fail(started.error());
  if (auto listening = parts.listen(); !listening) return fail(listening.error());
  return service;
}

Result<void> Service::Parts::open_store(const Settings& settings) {
  auto opened = Workspace::open(settings);
  if (!opened) return fail(opened.error());
  workspace = std::move(*opened);
  for (auto* database : {&index_database, &read_database, &housekeeping_database}) {
    auto connection = workspace->connect();
    if (!connection) return fail(connection.error());
    *database = std::move(*connection);
  }
  auto journal =
      store::Outbox::open(posix_files(), workspace->folder("outbox/main"), workspace->clock());
  if (!journal) return fail(journal.error());
  outbox = std::move(*journal);
  for (const auto& damage : outbox->damage()) spdlog::warn("outbox: {}", damage.message());
  if (auto adopted = adopt_leftovers(*workspace); !adopted) return adopted;
  auto calls = store::InFlight::open(posix_files(), workspace->folder("outbox/main/in-flight"));
  if (!calls) return fail(calls.error());
  in_flight = std::move(*calls);
  const auto cut_off = store::move_left(*in_flight, *outbox);
  if (!cut_off) return fail(cut_off.error());
  indexer = std::make_unique<store::Indexer>(
      *outbox, *index_database, workspace->clock(),
      store::IndexerOptions{.name = "main", .cut_off_up_to = *cut_off});
  indexer->start();
  return {};
}

Result<void> Service::Parts::start_models(const Invocation& call) {
  const Settings& settings = workspace->settings();
  if (auto done = register_models(*workspace); !done) return done;
  if (!settings.engine.model.empty()) {
    const std::string program =
        settings.engine.program.empty() ? call.beside("hone-engine") : settings.engine.program;
    engine =
        std::make_unique<EngineKeeper>(settings.engine, program, workspace->folder("engine.log"));
    engine->start();
    for (int i = 0; i < 1200 && !engine->ready(); ++i) std::this_thread::sleep_for(100ms);
    if (!engine->ready()) {
      return fail(ErrorCode::kUnavailable, "hone-engine does not answer after 120 s; its log is " +
                                               workspace->folder("engine.log"));
    }
  }
  const auto serving = [this](const std::string& name) {
    return name == kEngine && engine ? "http://" + workspace->settings().engine.listen
                                     : std::string();
  };
  housekeeping = std::make_unique<Housekeeping>(
      HousekeepingParts{.clock = workspace->clock(),
                        .database = *housekeeping_database,
                        .directory = directory,
                        .routes = routes,
                        .policy = policy,
                        .serving = serving,
                        .engine_generation = [this] { return engine ? engine->generation() : 0; }});
  if (auto done = housekeeping->round(); !done) return done;
  housekeeping->start();
  return {};
}

Result<void> Service::Parts::listen() {
  const Settings& settings = workspace->settings();
  auto endpoint = parse_endpoint(settings.listen);
  if (!endpoint) return fail(endpoint.error());
  const bool open = settings.auth == "open";
  if (open && !endpoint->is_loopback()) {
    return fail(ErrorCode::kInvalid, "auth = \"open\" is for loopback only, and " +
                                         settings.listen +
                                         " is not: use auth = \"keys\" and `hone key create`");
  }
  router = std::make_unique<ReleaseRouter>(routes);
  work = std::make_unique<net::WorkPool>(2, 1024);
  client = std::make_unique<net::Client>();
  recorder = std::make_unique<capture::Recorder>(
      *outbox, *in_flight, workspace->redactor(), workspace->tenant_key(),
      capture::RecorderOptions{.threads = std::max(1, processors() / 4)});
  gateway = std::make_unique<capture::Gateway>(
      capture::GatewayParts{.clock = workspace->clock(),
                            .ids = workspace->ids(),
                            .client = *client,
                            .upstreams = upstreams,
                            .router = *router,
                            .directory = directory,
                            .recorder = *recorder,
                            .open = open,
                            .capture_policy = settings.privacy.capture});
  api = std::make_unique<api::Api>(
      api::Parts{.clock = workspace->clock(),
                 .ids = workspace->ids(),
                 .outbox = *outbox,
                 .indexer = *indexer,
                 .database = *read_database,
                 .directory = directory,
                 .redactor = workspace->redactor(),
                 .work = *work,
                 .open = open,
                 .capture_policy = settings.privacy.capture,
                 .measure = [this](api::MetricsText& text) { measure(text); },
                 .ready = [this]() -> Result<void> {
                   if (!engine || engine->ready()) return {};
                   return fail(ErrorCode::kUnavailable, "hone-engine is starting");
                 }});
  auto listening = net::Server::listen(
      runtime,
      {.address = endpoint->host, .port = endpoint->port, .max_connections = connections_allowed()},
      [this](net::Request& request, net::Responder& responder) {
        return handle(request, responder);
      });
  if (!listening) return fail(listening.error());
  server = std::move(*listening);
  return {};
}

net::awaitable<void> Service::Parts::handle(net::Request& request, net::Responder& responder) {
  if (capture::Gateway::handles(request)) return gateway->handle(request, responder);
  return api->handle(request, responder);
}

void Service::Parts::measure(api::MetricsText& text) const {
  measure_gateway(text, gateway->counters());
  measure_recorder(text, recorder->counters(), recorder->queued());
  measure_server(text, server->counters());
  text.counter("hone_verdicts_total", "Verdicts decided, anew ones too.",
               static_cast<double>(housekeeping->verdicts()));
  text.counter("hone_housekeeping_failures_total", "Rounds that were cut short.",
               static_cast<double>(housekeeping->failures()));
  text.counter("hone_assignments_dropped_total", "Assignments not logged, the queue being full.",
               static_cast<double>(routes.assignments_dropped()));
  text.gauge("hone_release_served", "1 while the release's candidate is loaded and has a route.", 1,
             "releases=\"" + housekeeping->served_releases() + "\"");
}

// Requests end first, then what they left to record, then what carries the records on.
void Service::Parts::stop() {
  if (server) server->stop(30s);
  if (recorder) recorder->stop();
  if (work) work->stop();
  if (housekeeping) housekeeping->stop();
  if (engine) engine->stop();
  if (outbox) {
    if (auto closed = outbox->close(); !closed) spdlog::error("{}", closed.error().message);
  }
  if (indexer) {
    (void)indexer->wait_for(outbox->status().durable_position, 10s);
    indexer->stop();
  }
  runtime.stop();
}

std::string Service::url() const {
  const std::string& listen = parts_->workspace->settings().listen;
  return "http://" + listen.substr(0, listen.rfind(':')) + ":" +
         std::to_string(parts_->server->port());
}

Result<void> Service::run() {
  std::promise<void> asked;
  auto done = asked.get_future();
  boost::asio::signal_set signals(parts_->runtime.io(), SIGTERM, SIGINT);
  signals.async_wait([&asked](const boost::system::error_code&, int) { asked.set_value(); });
  while (done.wait_for(500ms) != std::future_status::ready) {
    if (parts_->outbox->fenced()) {
      return fail(ErrorCode::kIo,
                  "a sync of the outbox failed; what was acknowledged is safe, nothing more is. "
                  "Ending, so that a restart recovers");
    }
  }
  spdlog::info("ending: answering what has begun");
  return {};
}

}  // namespace hone::cli
