#include "cli/service.h"

#include <spdlog/spdlog.h>
#include <sys/resource.h>

#include <algorithm>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <filesystem>
#include <future>
#include <thread>

#include "api/api.h"
#include "capture/gateway.h"
#include "capture/usage_totals.h"
#include "cli/engine_keeper.h"
#include "cli/housekeeping.h"
#include "cli/live_settings.h"
#include "cli/measure.h"
#include "cli/policy.h"
#include "cli/release_router.h"
#include "cli/upstreams.h"
#include "release/registry.h"
#include "store/indexer.h"

namespace hone::cli {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t kMostSegmentBytes = 64U << 20;

// Small enough that room is made again before the bound is reached: only whole segments go.
store::OutboxOptions outbox_options(const CaptureSettings& settings) {
  store::OutboxOptions options;
  options.max_total_bytes = settings.outbox_limit_bytes;
  options.segment_bytes = std::min(kMostSegmentBytes, settings.outbox_limit_bytes / 8);
  return options;
}

// What a release has changed since stays as it is.
Result<void> register_aliases(Workspace& workspace, const std::vector<AliasSettings>& aliases) {
  auto& database = workspace.database();
  const Time now = workspace.clock().now();
  for (const auto& alias : aliases) {
    auto model = release::find_model(database, alias.model);
    const std::string named = model ? model->digest : alias.model;
    if (const auto known = release::find_alias(database, alias.name)) {
      if (known->upstream != alias.upstream || known->model != named) {
        spdlog::info("alias '{}' goes on serving {} of '{}', which `hone model alias` changes",
                     alias.name, known->model, known->upstream);
      }
      continue;
    }
    if (auto set = release::set_alias(database, alias.name, alias.upstream, named, now); !set) {
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

// The registry's first entries: the engine's base model, and the aliases of the settings.
Result<void> register_models(Workspace& workspace) {
  const Settings& settings = workspace.settings();
  std::vector<AliasSettings> aliases = settings.aliases;
  if (!settings.engine.model.empty()) {
    const auto folder = std::filesystem::absolute(settings.engine.model).lexically_normal();
    auto base = release::add_base(workspace.database(), folder.string(), folder.filename().string(),
                                  true, workspace.clock().now());
    if (!base) return fail(base.error().with("[engine] model"));
    if (aliases.empty()) aliases.push_back({"assistant", kEngine, base->name, {}});
  }
  return register_aliases(workspace, aliases);
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
    store::Indexer indexer(**outbox, workspace.database(), workspace.clock(),
                           workspace.indexer_options(name));
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
  Settings running;  // as of the last reload
  std::function<Result<Settings>()> read_again;
  feedback::Policy policy;
  capture::Upstreams upstreams;
  capture::Fallbacks fallbacks;  // those of the start
  net::TlsContext tls;           // likewise
  Reloadable<capture::Prices> prices;
  std::unique_ptr<capture::Limits> limits;
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
  std::atomic<std::uint64_t> reloads = 0;
  std::atomic<std::uint64_t> reloads_refused = 0;

  Result<void> open_store(const Settings& settings);
  Result<void> start_models(const Invocation& call);
  Result<void> start_limits();
  Result<void> listen();
  void reload();
  Result<void> reload_from(Settings next);
  void stop();
  net::awaitable<void> handle(net::Request& request, net::Responder& responder);
  void measure(api::MetricsText& text) const;
};

Service::Service() : parts_(std::make_unique<Parts>()) {}
Service::~Service() {
  parts_->stop();
}

Result<std::unique_ptr<Service>> Service::start(const Invocation& call, const Settings& settings,
                                                std::function<Result<Settings>()> read_again) {
  std::unique_ptr<Service> service(new Service());
  auto& parts = *service->parts_;
  auto policy = load_policy(settings);
  if (!policy) return fail(policy.error());
  parts.policy = std::move(*policy);
  parts.running = settings;
  parts.read_again = std::move(read_again);
  auto live = make_live(settings);
  if (!live) return fail(live.error());
  parts.upstreams = std::move(live->upstreams);
  parts.fallbacks = std::move(live->fallbacks);
  parts.tls = std::move(live->tls);
  if (auto opened = parts.open_store(settings); !opened) return fail(opened.error());
  if (auto limited = parts.start_limits(); !limited) return fail(limited.error());
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
  auto journal = store::Outbox::open(posix_files(), workspace->folder("outbox/main"),
                                     workspace->clock(), outbox_options(settings.capture));
  if (!journal) return fail(journal.error());
  outbox = std::move(*journal);
  for (const auto& damage : outbox->damage()) spdlog::warn("outbox: {}", damage.message());
  if (auto adopted = adopt_leftovers(*workspace); !adopted) return adopted;
  auto calls = store::InFlight::open(posix_files(), workspace->folder("outbox/main/in-flight"));
  if (!calls) return fail(calls.error());
  in_flight = std::move(*calls);
  const auto cut_off = store::move_left(*in_flight, *outbox);
  if (!cut_off) return fail(cut_off.error());
  auto options = workspace->indexer_options("main");
  options.cut_off_up_to = *cut_off;
  indexer = std::make_unique<store::Indexer>(*outbox, *index_database, workspace->clock(),
                                             std::move(options));
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

// What the index still owes of an earlier process counts too, as far as it comes in a moment.
Result<void> Service::Parts::start_limits() {
  if (auto done = settle_currency(workspace->database(), running.prices); !done) return done;
  prices.set(running.prices);
  limits = std::make_unique<capture::Limits>(workspace->clock(), running.limits);
  const auto needed = capture::needs_totals(workspace->database(), *limits);
  if (!needed) return fail(needed.error());
  if (!*needed) return {};
  if (auto indexed = indexer->wait_for(outbox->recovered_position(), 5s); !indexed) {
    spdlog::warn("limits begin without what is not indexed yet: {}", indexed.error().message);
  }
  return capture::load_totals(workspace->database(), *limits, workspace->clock().now());
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
  capture::RecorderOptions recording;
  recording.threads = std::max(1, processors() / 2);  // about half of what a call costs
  recording.before_answer = settings.capture.before_answer;
  recording.refuse_when_full = settings.capture.refuse_when_full;
  recording.prices = &prices;
  recording.limits = limits.get();
  recorder = std::make_unique<capture::Recorder>(*outbox, *in_flight, workspace->redactor(),
                                                 workspace->tenant_key(), recording);
  gateway = std::make_unique<capture::Gateway>(
      capture::GatewayParts{.clock = workspace->clock(),
                            .ids = workspace->ids(),
                            .client = *client,
                            .upstreams = upstreams,
                            .router = *router,
                            .directory = directory,
                            .recorder = *recorder,
                            .open = open,
                            .capture_policy = settings.privacy.capture,
                            .fallbacks = fallbacks,
                            .limits = limits.get()});
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
  net::ServerOptions listening_on{.address = endpoint->host, .port = endpoint->port, .tls = tls};
  listening_on.max_connections = connections_allowed();
  auto listening = net::Server::listen(runtime, std::move(listening_on),
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
  measure_upstreams(text, upstreams);
  measure_limits(text, limits->counters());
  measure_server(text, server->counters());
  text.counter("hone_reloads_total", "Settings read again on SIGHUP.",
               static_cast<double>(reloads.load()), "result=\"taken\"");
  text.counter("hone_reloads_total", "Settings read again on SIGHUP.",
               static_cast<double>(reloads_refused.load()), "result=\"refused\"");
  text.counter("hone_verdicts_total", "Verdicts decided, anew ones too.",
               static_cast<double>(housekeeping->verdicts()));
  text.counter("hone_housekeeping_failures_total", "Rounds that were cut short.",
               static_cast<double>(housekeeping->failures()));
  text.counter("hone_assignments_dropped_total", "Assignments not logged, the queue being full.",
               static_cast<double>(routes.assignments_dropped()));
  text.gauge("hone_release_served", "1 while the release's candidate is loaded and has a route.", 1,
             "releases=\"" + housekeeping->served_releases() + "\"");
}

// On SIGHUP. What is running goes on as it began; new settings with a mistake change nothing.
void Service::Parts::reload() {
  auto next = read_again ? read_again() : Result<Settings>(running);
  Result<void> done;
  if (next) {
    done = reload_from(std::move(*next));
  } else {
    done = fail(next.error());
  }
  if (done) {
    ++reloads;
    spdlog::info("settings read again");
    return;
  }
  ++reloads_refused;
  spdlog::error("the new settings are refused, and the old ones go on: {}", done.error().message);
}

Result<void> Service::Parts::reload_from(Settings next) {
  for (const auto& field : need_restart(running, next)) {
    spdlog::warn("'{}' has changed, which counts after a restart only", field);
  }
  next.engine = running.engine;
  next.data = running.data;
  auto live = make_live(next);
  if (!live) return fail(live.error());
  const auto redactor = open_redactor(next);
  if (!redactor) return fail(redactor.error());
  if (auto done = settle_currency(workspace->database(), next.prices); !done) return done;
  if (auto done = register_aliases(*workspace, next.aliases); !done) return done;
  // From here on nothing fails.
  upstreams.replace(live->upstreams);
  gateway->set_fallbacks(std::move(live->fallbacks));
  gateway->set_capture_policy(next.privacy.capture);
  api->set_capture_policy(next.privacy.capture);
  workspace->take_rules_of(**redactor);
  prices.set(next.prices);
  limits->set_rules(next.limits);
  if (tls && live->tls) server->set_certificate(live->tls);
  const auto counted =
      capture::load_totals(workspace->database(), *limits, workspace->clock().now());
  if (!counted)
    spdlog::warn("new limits begin at what this process saw: {}", counted.error().message);
  running = std::move(next);
  return {};
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
  return (parts_->tls ? "https://" : "http://") + listen.substr(0, listen.rfind(':')) + ":" +
         std::to_string(parts_->server->port());
}

Result<void> Service::run() {
  std::promise<void> asked;
  auto done = asked.get_future();
  boost::asio::signal_set signals(parts_->runtime.io(), SIGTERM, SIGINT);
  signals.async_wait([&asked](const boost::system::error_code&, int) { asked.set_value(); });
  boost::asio::signal_set hang_ups(parts_->runtime.io(), SIGHUP);
  const auto hung_up = std::make_shared<std::atomic<bool>>(false);
  const auto await_hang_up = [&hang_ups, hung_up] {
    hang_ups.async_wait([hung_up](const boost::system::error_code& failed, int) {
      if (!failed) *hung_up = true;
    });
  };
  await_hang_up();
  while (done.wait_for(500ms) != std::future_status::ready) {
    if (parts_->outbox->fenced()) {
      return fail(ErrorCode::kIo,
                  "a sync of the outbox failed; what was acknowledged is safe, nothing more is. "
                  "Ending, so that a restart recovers");
    }
    if (hung_up->exchange(false)) {
      parts_->reload();
      await_hang_up();
    }
  }
  spdlog::info("ending: answering what has begun");
  return {};
}

}  // namespace hone::cli
