#include "cli/service.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <csignal>
#include <thread>

#include "api/api.h"
#include "api/ci_hooks.h"
#include "capture/gateway.h"
#include "capture/usage_totals.h"
#include "cli/elders.h"
#include "cli/engine_address.h"
#include "cli/engine_keeper.h"
#include "cli/housekeeping.h"
#include "cli/journal.h"
#include "cli/live_settings.h"
#include "cli/machine.h"
#include "cli/measure.h"
#include "cli/mining.h"
#include "cli/policy.h"
#include "cli/register_models.h"
#include "cli/release_router.h"
#include "cli/service_manager.h"
#include "cli/signals.h"
#include "cli/succession.h"
#include "cli/telemetry_grpc.h"
#include "cli/upstreams.h"

namespace hone::cli {
namespace {

using namespace std::chrono_literals;

constexpr auto kGrace = 30s;     // of what is being answered at the end
constexpr auto kGrpcGrace = 5s;  // of its calls, which wait for no model
constexpr auto kCatchUp = 20s;   // with what an earlier process left to index; less than kComeUp
constexpr auto kComeUp = 30s;    // a successor's time to be ready
constexpr auto kEngineLoads = 120s;  // hone-engine's, which has a model to load

net::awaitable<void> refuse(Error error, net::Responder& responder) {
  auto response = net::error_response(error);
  (void)co_await responder.send(std::move(response));
}

}  // namespace

// Members are destroyed from the last to the first.
struct Service::Parts {
  std::unique_ptr<Workspace> workspace;
  Settings running;  // as of the last reload
  EngineSettings engine_as_written;
  bool engine_noted = false;  // where it listens, for commands
  bool open = false;          // no key is asked for
  std::function<Result<Settings>()> read_again;
  std::optional<Inheritance> inheritance;
  feedback::Policy policy;
  feedback::MiningRules mining_rules;
  capture::Upstreams upstreams;
  capture::Fallbacks fallbacks;           // those of the start
  net::TlsContext tls;                    // likewise
  net::GrpcCertificate grpc_certificate;  // likewise
  api::CiSecrets ci_secrets;              // likewise
  Reloadable<capture::Prices> prices;
  std::unique_ptr<capture::Limits> limits;
  people::Directory directory;
  release::Routes routes;
  std::unique_ptr<ReleaseRouter> router;
  std::unique_ptr<store::Database> index_database;
  std::unique_ptr<store::Database> read_database;
  std::unique_ptr<store::Database> housekeeping_database;
  std::unique_ptr<store::Database> elders_database;
  std::unique_ptr<store::Database> mining_database;
  Journal journal;
  std::unique_ptr<Elders> elders;
  std::unique_ptr<EngineKeeper> engine;
  std::unique_ptr<Housekeeping> housekeeping;
  std::unique_ptr<Mining> mining;
  net::Runtime runtime{processors()};
  std::unique_ptr<net::WorkPool> work;
  std::unique_ptr<net::Client> client;
  std::unique_ptr<capture::Recorder> recorder;
  std::unique_ptr<capture::Gateway> gateway;
  std::unique_ptr<api::Api> api;
  std::unique_ptr<api::CiHooks> ci_hooks;
  std::unique_ptr<net::GrpcServer> grpc;  // none: not asked for
  std::unique_ptr<net::Server> server;
  std::atomic<const net::ServerCounters*> server_counters = nullptr;  // it may answer before it is
  std::unique_ptr<Signals> signals;  // from when we listen until we run
  std::unique_ptr<Succession> succession;
  std::atomic<std::uint64_t> reloads = 0;
  std::atomic<std::uint64_t> reloads_refused = 0;

  Result<void> open_store(const Settings& settings);
  Result<void> start_models(const Invocation& call);
  Result<void> start_limits();
  Result<void> listen();
  Result<void> count_used(store::Database& database, std::int64_t position);
  void count_again();
  void reload();
  Result<void> reload_from(Settings next);
  void renew_certificate(const LiveSettings& live);
  void stop();
  net::awaitable<void> handle(net::Request& request, net::Responder& responder);
  void measure(api::MetricsText& text) const;
};

Service::Service() : parts_(std::make_unique<Parts>()) {}
Service::~Service() {
  parts_->stop();
}

Result<std::unique_ptr<Service>> Service::start(const Invocation& call, Settings settings,
                                                std::function<Result<Settings>()> read_again,
                                                std::optional<Inheritance> inheritance) {
  std::unique_ptr<Service> service(new Service());
  auto& parts = *service->parts_;
  auto policy = load_policy(settings);
  if (!policy) return fail(policy.error());
  parts.policy = std::move(*policy);
  auto rules = load_mining_rules(settings);
  if (!rules) return fail(rules.error());
  parts.mining_rules = std::move(*rules);
  parts.engine_as_written = settings.engine;
  if (inheritance && !settings.engine.model.empty()) {
    auto beside = another_port(settings.engine.listen);
    if (!beside) return fail(beside.error());
    settings.engine.listen = std::move(*beside);
  }
  if (inheritance) parts.inheritance.emplace(std::move(*inheritance));
  parts.running = settings;
  parts.read_again = std::move(read_again);
  auto live = make_live(settings);
  if (!live) return fail(live.error());
  parts.upstreams = std::move(live->upstreams);
  parts.fallbacks = std::move(live->fallbacks);
  parts.tls = std::move(live->tls);
  parts.grpc_certificate = std::move(live->grpc_certificate);
  parts.ci_secrets = std::move(live->ci);
  if (auto opened = parts.open_store(settings); !opened) return fail(opened.error());
  if (auto limited = parts.start_limits(); !limited) return fail(limited.error());
  if (auto started = parts.start_models(call); !started) return fail(started.error());
  // Before anybody can know that we serve; while models load, a signal still ends us at once.
  parts.signals = std::make_unique<Signals>(
      parts.runtime.io(), std::initializer_list<int>{SIGTERM, SIGINT, SIGHUP, SIGUSR2});
  if (auto listening = parts.listen(); !listening) return fail(listening.error());
  parts.elders->start();
  parts.succession = std::make_unique<Succession>(
      SuccessionParts{.command = call.command,
                      .patience = kComeUp + (parts.engine ? kEngineLoads : 0s),
                      .server = *parts.server,
                      .grpc = parts.grpc.get(),
                      .housekeeping = *parts.housekeeping,
                      .elders = *parts.elders});
  return service;
}

Result<void> Service::Parts::open_store(const Settings& settings) {
  auto opened = Workspace::open(settings);
  if (!opened) return fail(opened.error());
  workspace = std::move(*opened);
  for (auto* one : {&index_database, &read_database, &housekeeping_database, &elders_database,
                    &mining_database}) {
    auto connection = workspace->connect();
    if (!connection) return fail(connection.error());
    *one = std::move(*connection);
  }
  auto own = open_own_journal(*workspace, *index_database, outbox_options(settings.capture),
                              inheritance.has_value());
  if (!own) return fail(own.error());
  journal = std::move(*own);
  elders = std::make_unique<Elders>(*workspace, *elders_database, journal.name,
                                    [this] { count_again(); });
  if (auto adopted = adopt_commands(*workspace); !adopted) return adopted;
  journal.indexer->start();
  // Who has withdrawn consent, and what is used up, is read from the database.
  const auto left = journal.indexer->wait_for(journal.outbox->recovered_position(), kCatchUp);
  if (!left) spdlog::warn("serving without what is not indexed yet: {}", left.error().message);
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
    for (auto waited = 0ms; waited < kEngineLoads && !engine->ready(); waited += 100ms) {
      std::this_thread::sleep_for(100ms);
    }
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
  mining = std::make_unique<Mining>(*mining_database, mining_rules, *journal.outbox,
                                    *journal.indexer, workspace->clock());
  mining->start();
  return {};
}

Result<void> Service::Parts::start_limits() {
  if (auto done = settle_currency(workspace->database(), running.prices); !done) return done;
  prices.set(running.prices);
  limits = std::make_unique<capture::Limits>(workspace->clock(), running.limits);
  return count_used(workspace->database(), journal.outbox->recovered_position());
}

// With what the index still owes up to `position`, as far as it comes in a moment.
Result<void> Service::Parts::count_used(store::Database& database, std::int64_t position) {
  const auto needed = capture::needs_totals(database, *limits);
  if (!needed) return fail(needed.error());
  if (!*needed) return {};
  if (auto indexed = journal.indexer->wait_for(position, 5s); !indexed) {
    spdlog::warn("limits count without what is not indexed yet: {}", indexed.error().message);
  }
  return capture::load_totals(database, *limits, workspace->clock().now());
}

// The server before us recorded while we ran already.
void Service::Parts::count_again() {
  const auto counted = count_used(*elders_database, journal.outbox->status().durable_position);
  if (!counted) spdlog::warn("limits: {}", counted.error().message);
}

Result<void> Service::Parts::listen() {
  const Settings& settings = workspace->settings();
  const auto endpoint = listening_at(settings, settings.listen);
  if (!endpoint) return fail(endpoint.error());
  open = settings.auth == "open";
  router = std::make_unique<ReleaseRouter>(routes);
  work = std::make_unique<net::WorkPool>(2, 1024);
  client = std::make_unique<net::Client>();
  capture::RecorderOptions recording;
  // About half of what a call costs; one alone would wait for whatever shares its processor.
  recording.threads = std::max(2, processors() / 2);
  recording.before_answer = settings.capture.before_answer;
  recording.refuse_when_full = settings.capture.refuse_when_full;
  recording.prices = &prices;
  recording.limits = limits.get();
  recorder = std::make_unique<capture::Recorder>(*journal.outbox, *journal.in_flight,
                                                 workspace->redactor(), workspace->tenant_key(),
                                                 recording);
  journal.indexer->give_way_while([&calls = *recorder] { return calls.was_busy(); });
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
                 .outbox = *journal.outbox,
                 .indexer = *journal.indexer,
                 .database = *read_database,
                 .directory = directory,
                 .redactor = workspace->redactor(),
                 .work = *work,
                 .open = open,
                 .capture_policy = settings.privacy.capture,
                 .page_origins = settings.page_origins,
                 .measure = [this](api::MetricsText& text) { measure(text); },
                 .ready = [this]() -> Result<void> {
                   if (!engine || engine->ready()) return {};
                   return fail(ErrorCode::kUnavailable, "hone-engine is starting");
                 },
                 .tenant_key = workspace->tenant_key()});
  ci_hooks = std::make_unique<api::CiHooks>(api::CiHookParts{.clock = workspace->clock(),
                                                             .outbox = *journal.outbox,
                                                             .redactor = workspace->redactor(),
                                                             .work = *work},
                                            ci_secrets);
  auto telemetry = listen_for_telemetry(settings, runtime, *api, std::move(grpc_certificate),
                                        inheritance.has_value());
  if (!telemetry) return fail(telemetry.error());
  grpc = std::move(*telemetry);
  net::ServerOptions listening_on{.address = endpoint->host, .port = endpoint->port, .tls = tls};
  listening_on.max_connections = connections_allowed();
  if (inheritance) listening_on.listener = inheritance->take_listener();
  auto listening = net::Server::listen(runtime, std::move(listening_on),
                                       [this](net::Request& request, net::Responder& responder) {
                                         return handle(request, responder);
                                       });
  if (!listening) return fail(listening.error());
  server = std::move(*listening);
  server_counters = &server->counters();
  return {};
}

net::awaitable<void> Service::Parts::handle(net::Request& request, net::Responder& responder) {
  if (open) {
    const auto known = check_own_name(request.headers.get("host"));
    if (!known) return refuse(known.error(), responder);
  }
  if (api::Api::takes_tool_event(request) || api::Api::takes_telemetry(request)) {
    return api->handle(request, responder);
  }
  if (api::CiHooks::handles(request)) return ci_hooks->handle(request, responder);
  if (capture::Gateway::handles(request)) return gateway->handle(request, responder);
  return api->handle(request, responder);
}

void Service::Parts::measure(api::MetricsText& text) const {
  measure_gateway(text, gateway->counters());
  measure_recorder(text, recorder->counters(), recorder->queued());
  measure_upstreams(text, upstreams);
  measure_limits(text, limits->counters());
  if (const auto* counters = server_counters.load()) measure_server(text, *counters);
  if (grpc) measure_grpc(text, grpc->counters());
  text.counter("hone_interactions_cut_off_total",
               "Interactions that an earlier process had begun and not ended.",
               static_cast<double>(journal.indexer->status().cut_off + elders->cut_off()));
  text.counter("hone_reloads_total", "Settings read again on SIGHUP.",
               static_cast<double>(reloads.load()), "result=\"taken\"");
  text.counter("hone_reloads_total", "Settings read again on SIGHUP.",
               static_cast<double>(reloads_refused.load()), "result=\"refused\"");
  text.counter("hone_verdicts_total", "Verdicts decided, anew ones too.",
               static_cast<double>(housekeeping->verdicts()));
  ci_hooks->measure(text);
  text.counter("hone_spread_outcomes_total", "Outcomes of commits told to their interactions.",
               static_cast<double>(mining->outcomes()));
  text.counter("hone_mined_signals_total", "Feedback read out of conversations.",
               static_cast<double>(mining->signals()));
  text.counter("hone_mining_unreadable_total", "Interactions whose conversation could not be read.",
               static_cast<double>(mining->unreadable()));
  text.counter("hone_mining_failures_total", "Rounds that were cut short.",
               static_cast<double>(mining->failures()));
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
  Settings written = running;
  written.engine = engine_as_written;
  for (const auto& field : need_restart(written, next)) {
    spdlog::warn("'{}' has changed, which counts after a restart only", field);
  }
  next.engine = running.engine;
  next.data = running.data;
  next.telemetry_grpc = running.telemetry_grpc;  // what listens has its certificate renewed
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
  api->set_page_origins(next.page_origins);
  ci_hooks->set_secrets(std::move(live->ci));
  workspace->take_rules_of(**redactor);
  prices.set(next.prices);
  limits->set_rules(next.limits);
  if (tls && live->tls) renew_certificate(*live);
  const auto counted =
      capture::load_totals(workspace->database(), *limits, workspace->clock().now());
  if (!counted)
    spdlog::warn("new limits begin at what this process saw: {}", counted.error().message);
  running = std::move(next);
  return {};
}

void Service::Parts::renew_certificate(const LiveSettings& live) {
  server->set_certificate(live.tls);
  if (!grpc || live.grpc_certificate.chain.empty()) return;
  const auto renewed = grpc->set_certificate(live.grpc_certificate, kGrpcGrace);
  if (!renewed) spdlog::error("gRPC shows its former certificate: {}", renewed.error().message);
}

// Requests end first, then what they left to record, then what carries the records on.
void Service::Parts::stop() {
  for (const int late : {SIGHUP, SIGUSR2}) std::signal(late, SIG_IGN);  // SIGTERM may hurry us
  if (journal.indexer) journal.indexer->give_way_while({});
  if (succession) succession->give_up();
  if (elders) elders->stop();
  if (grpc) grpc->stop(kGrpcGrace);
  if (server) server->stop(kGrace);
  if (recorder) recorder->stop();
  if (work) work->stop();
  if (housekeeping) housekeeping->stop();
  if (mining) mining->stop();
  if (engine) {
    engine->stop();
    if (engine_noted) forget_engine_address(*workspace);
  }
  if (journal.outbox) {
    if (auto closed = journal.outbox->close(); !closed) spdlog::error("{}", closed.error().message);
  }
  if (journal.indexer) {
    (void)journal.indexer->wait_for(journal.outbox->status().durable_position, 10s);
    journal.indexer->stop();
  }
  runtime.stop();
}

std::string Service::url() const {
  const std::string& listen = parts_->workspace->settings().listen;
  return (parts_->tls ? "https://" : "http://") + listen.substr(0, listen.rfind(':')) + ":" +
         std::to_string(parts_->server->port());
}

Result<void> Service::run() {
  const auto signals = std::move(parts_->signals);  // not while we end: a second one may hurry us
  if (parts_->engine) {  // from here on commands ask it; one that took no place would mislead them
    auto noted = note_engine_address(*parts_->workspace, parts_->engine_as_written.listen);
    if (!noted) return noted;
    parts_->engine_noted = true;
  }
  if (parts_->inheritance) {
    parts_->inheritance->say_ready();
  } else {
    tell_service_manager("READY=1");
  }
  while (!parts_->succession->ended()) {
    const int signal = signals->next(500ms);
    if (signal == SIGTERM || signal == SIGINT) break;
    if (parts_->journal.outbox->fenced()) {
      return fail(ErrorCode::kIo,
                  "a sync of the outbox failed; what was acknowledged is safe, nothing more is. "
                  "Ending, so that a restart recovers");
    }
    if (signal == SIGHUP) {
      parts_->reload();
      parts_->succession->reloaded();
    }
    if (signal == SIGUSR2) parts_->succession->begin();
    parts_->succession->look();
  }
  spdlog::info("ending: answering what has begun");
  return {};
}

}  // namespace hone::cli
