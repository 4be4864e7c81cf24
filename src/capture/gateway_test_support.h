// For tests only: a gateway with every real part around it (outbox, directory, redactor, sockets)
// and a stub upstream on a real port, which keeps what reached it and answers as the test says.
#pragma once

#include <gtest/gtest.h>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <map>
#include <mutex>
#include <thread>

#include "base/test_support.h"
#include "capture/gateway.h"
#include "net/test_socket.h"
#include "people/roster.h"
#include "store/database.h"

namespace hone::capture {

using namespace std::chrono_literals;

class StubUpstream {
 public:
  enum class Mode { kAnswer, kStream, kHang, kCut, kDie };

  explicit StubUpstream(net::Runtime& runtime) {
    auto handler = [this](const net::Request& request, net::Responder& out) {
      return handle(request, out);
    };
    server_ = std::move(net::Server::listen(runtime, {}, handler).value());
  }
  [[nodiscard]] std::uint16_t port() const { return server_->port(); }
  [[nodiscard]] net::Request last() {
    const std::lock_guard lock(mutex_);
    return last_;
  }
  void stop() { server_->stop(0ms); }

  // To be called before these are set anew: until no earlier request looks at them any more.
  void wait_idle() const {
    while (ended != seen) std::this_thread::sleep_for(1ms);
  }
  // Set these before the request is made.
  Mode mode = Mode::kAnswer;
  int status = 200;
  net::Headers headers;
  std::string body;                  // of kAnswer
  std::vector<std::string> chunks;   // of kStream and kCut
  std::atomic<int> allowed = 1'000;  // chunks that may go out so far
  std::atomic<int> seen = 0;
  std::atomic<int> gone = 0;  // requests that the gateway gave up
  std::atomic<int> ended = 0;

 private:
  struct CountAtEnd {
    std::atomic<int>& ended;
    ~CountAtEnd() { ++ended; }
  };

  net::awaitable<void> handle(const net::Request& request, net::Responder& out) {
    {
      const std::lock_guard lock(mutex_);
      last_ = request;
    }
    ++seen;
    const CountAtEnd count{ended};
    out.on_client_gone([this] { ++gone; });
    if (mode == Mode::kHang) {
      while (!out.client_gone()) co_await wait();
    } else if (mode == Mode::kDie) {
      out.abort();
    } else if (mode == Mode::kAnswer) {
      net::Response response{.status = status, .headers = headers, .body = body};
      static_cast<void>(co_await out.send(std::move(response)));
    } else {
      co_await stream(out);
    }
    out.on_client_gone(nullptr);
  }
  net::awaitable<void> stream(net::Responder& out) {
    net::Headers sent = headers;
    if (!co_await out.start(status, std::move(sent))) co_return;
    int number = 0;
    for (const auto& chunk : chunks) {
      while (number >= allowed && !out.client_gone()) co_await wait();
      if (!co_await out.write(chunk)) co_return;
      ++number;
    }
    if (mode == Mode::kCut) co_return out.abort();
    static_cast<void>(co_await out.finish());
  }
  static net::awaitable<void> wait() {
    net::asio::steady_timer timer(co_await net::asio::this_coro::executor, 2ms);
    co_await timer.async_wait(net::use_awaitable);
  }

  std::mutex mutex_;
  net::Request last_;
  std::unique_ptr<net::Server> server_;
};

// Routes as the test says; the real one stands behind the same seam, in release.
class TableRouter final : public Router {
 public:
  Result<Route> route(std::string_view model, const std::string&) override {
    const auto found = routes.find(std::string(model));
    if (found == routes.end()) return fail(ErrorCode::kNotFound, "no such alias");
    return found->second;
  }
  std::vector<std::string> aliases() override {
    std::vector<std::string> names;
    for (const auto& [name, route] : routes) names.push_back(name);
    return names;
  }
  std::map<std::string, Route> routes;
};

// One for all tests: its patterns take a while to compile.
inline const privacy::Redactor& redactor() {
  static const auto made = std::move(privacy::Redactor::create("tenant key").value());
  return *made;
}

class GatewayTest : public ::testing::Test {
 protected:
  GatewayTest() {
    directory_folder = std::make_unique<hone::testing::TempFolder>();
    database =
        std::move(store::Database::open("sqlite:" + directory_folder->path("hone.db")).value());
    EXPECT_TRUE(database->migrate());
    people::Roster roster(*database, clock, ids);
    auto ana = roster.create_person(named("Ana")).value();
    person = ana.id;
    key = roster.create_key(ana.id).value().secret;
    people::NewPerson silent = named("Sam");
    silent.consents.capture = false;
    silent_key = roster.create_key(roster.create_person(silent).value().id).value().secret;
    EXPECT_TRUE(directory.reload(*database));
    router.routes["assistant"] = {.alias = "assistant",
                                  .upstream = "stub",
                                  .upstream_model = "sha-1",
                                  .model = "digest-1",
                                  .arm = "canary",
                                  .release = "rel_1",
                                  .propensity = 0.5,
                                  .trainable = true};
    upstream.name = "stub";
    upstream.url = net::parse_url("http://127.0.0.1:" + std::to_string(stub.port())).value();
    upstream.wires = {wire::kFormats.begin(), wire::kFormats.end()};
    upstream.trainable = true;
  }
  ~GatewayTest() override {
    if (server) server->stop(1s);
    if (recorder) recorder->stop();
    stub.stop();
  }

  void start() {
    std::vector<Upstream> all = {upstream};
    all.insert(all.end(), more_upstreams.begin(), more_upstreams.end());
    upstreams = Upstreams::create(std::move(all)).value();
    outbox = std::move(
        store::Outbox::open(*files, directory_folder->path("outbox"), clock, outbox_options)
            .value());
    in_flight = std::move(
        store::InFlight::open(posix_files(), directory_folder->path("outbox/in-flight")).value());
    recorder =
        std::make_unique<Recorder>(*outbox, *in_flight, *redacts, "tenant key", recorder_options);
    gateway = std::make_unique<Gateway>(GatewayParts{.clock = clock,
                                                     .ids = ids,
                                                     .client = client,
                                                     .upstreams = upstreams,
                                                     .router = router,
                                                     .directory = directory,
                                                     .recorder = *recorder,
                                                     .open = open,
                                                     .capture_policy = capture_policy,
                                                     .fallbacks = fallbacks,
                                                     .limits = limits});
    auto handler = [this](net::Request& request, net::Responder& out) {
      return gateway->handle(request, out);
    };
    server = std::move(net::Server::listen(runtime, {}, handler).value());
  }

  static people::NewPerson named(const std::string& name) {
    people::NewPerson made;
    made.name = name;
    made.team = "blue";
    return made;
  }
  // A POST as raw bytes, for a TestSocket.
  std::string raw_post(const std::string& target, const std::string& body) const {
    return "POST " + target + " HTTP/1.1\r\nHost: h\r\nx-api-key: " + key +
           "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  }
  net::ClientRequest request(const std::string& method, const std::string& target,
                             std::string body = {}) const {
    net::ClientRequest made;
    made.method = method;
    made.url = net::parse_url("http://127.0.0.1:" + std::to_string(server->port())).value();
    made.url.target = target;
    made.headers.add("x-api-key", key);
    made.body = std::move(body);
    return made;
  }
  static net::Response fetch(const net::ClientRequest& request) {
    auto answer = net::fetch_blocking(request, 10s);
    EXPECT_TRUE(answer) << answer.error().message;
    return answer ? *answer : net::Response{.status = 0, .headers = {}, .body = ""};
  }
  net::Response post(const std::string& target, const std::string& body) const {
    return fetch(request("POST", target, body));
  }

  // What lies in the outbox, once everything so far is recorded.
  std::vector<store::OutboxRecord> records() {
    recorder->wait_idle();
    const auto last = outbox->status().last_position;
    auto reader = outbox->read_after(0);
    std::vector<store::OutboxRecord> all;
    while (static_cast<std::int64_t>(all.size()) < last) {
      auto next = reader->next();
      if (!next) ADD_FAILURE() << next.error().message;
      if (next && *next) {
        all.push_back(std::move(**next));
      } else {
        std::this_thread::sleep_for(5ms);
      }
    }
    return all;
  }
  // The interactions among them; waits for `number` of them, since a call is recorded after its
  // client has the answer.
  std::vector<store::Interaction> interactions(std::size_t number) {
    for (int i = 0; i < 1000; ++i) {
      std::vector<store::Interaction> found;
      for (const auto& record : records()) {
        if (record.kind != store::RecordKind::kInteraction) continue;
        found.push_back(store::read_interaction(record.payload).value());
      }
      if (found.size() >= number) return found;
      std::this_thread::sleep_for(5ms);
    }
    ADD_FAILURE() << "not recorded";
    return std::vector<store::Interaction>(number);
  }

  SystemClock clock;
  IdSource ids{clock, Random(1)};
  std::unique_ptr<hone::testing::TempFolder> directory_folder;
  std::unique_ptr<store::Database> database;
  people::Directory directory;
  std::string person;
  std::string key;
  std::string silent_key;
  FileSystem* files = &posix_files();
  store::OutboxOptions outbox_options;
  std::unique_ptr<store::Outbox> outbox;
  std::unique_ptr<store::InFlight> in_flight;
  net::Runtime runtime;
  net::Client client;
  StubUpstream stub{runtime};
  TableRouter router;
  Upstream upstream;
  std::vector<Upstream> more_upstreams;
  Fallbacks fallbacks;
  Upstreams upstreams;
  bool open = false;
  people::CapturePolicy capture_policy;
  Limits* limits = nullptr;
  const privacy::Redactor* redacts = &redactor();
  RecorderOptions recorder_options;
  std::unique_ptr<Recorder> recorder;
  std::unique_ptr<Gateway> gateway;
  std::unique_ptr<net::Server> server;
};

}  // namespace hone::capture
