// The server behind TLS: the same promises, and a certificate that can be renewed.
#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <thread>

#include "base/test_support.h"
#include "net/client.h"
#include "net/server.h"
#include "net/test_socket.h"
#include "net/tls_test_support.h"

namespace hone::net {
namespace {

using namespace std::chrono_literals;

class Site {
 public:
  awaitable<void> handle(const Request& request, Responder& out) {
    if (request.path() == "/stream") co_return co_await stream(out);
    if (request.path() == "/cut") co_return co_await cut(out);
    if (request.path() == "/hang") co_return co_await hang(out);
    Response response = text_response(200, request.method + " " + request.body);
    static_cast<void>(co_await out.send(std::move(response)));
  }
  std::atomic<bool> may_go_on = false;
  std::atomic<int> gone = 0;

 private:
  static awaitable<void> wait() {
    asio::steady_timer timer(co_await asio::this_coro::executor, 5ms);
    co_await timer.async_wait(use_awaitable);
  }
  awaitable<void> stream(Responder& out) {
    Headers headers;
    if (!co_await out.start(200, std::move(headers))) co_return;
    if (!co_await out.write("first")) co_return;
    for (int i = 0; i < 1000 && !may_go_on; ++i) co_await wait();
    const std::string large(100'000, 'x');  // more than one TLS record
    if (!co_await out.write(large)) co_return;
    static_cast<void>(co_await out.finish());
  }
  static awaitable<void> cut(Responder& out) {
    Headers headers;
    static_cast<void>(co_await out.start(200, std::move(headers)));
    static_cast<void>(co_await out.write("half"));
    out.abort();
  }
  awaitable<void> hang(Responder& out) {
    while (!out.client_gone()) co_await wait();
    ++gone;
  }
};

class ServerTls : public ::testing::Test {
 protected:
  void SetUp() override {
    write(first, "first");
    listen(ServerOptions());
  }
  void listen(ServerOptions options) {
    auto handler = [this](const Request& request, Responder& out) {
      return site.handle(request, out);
    };
    auto tls = load_certificate(file("first.pem"), file("first.key"));
    ASSERT_TRUE(tls) << tls.error().message;
    options.tls = *tls;
    server = std::move(Server::listen(runtime, options, handler).value());
  }
  void TearDown() override {
    if (server) server->stop(1s);
  }
  void write(const Certificate& certificate, const std::string& name) const {
    hone::testing::write_all(file(name + ".pem"), certificate.certificate_pem);
    hone::testing::write_all(file(name + ".key"), certificate.key_pem);
  }
  [[nodiscard]] std::string file(const std::string& name) const { return folder.path(name); }

  const hone::testing::TempFolder folder;
  Certificate first = make_certificate();
  Site site;
  Runtime runtime;
  std::unique_ptr<Server> server;
};

std::string get(const std::string& path) {
  return "GET " + path + " HTTP/1.1\r\nHost: h\r\n\r\n";
}

TEST_F(ServerTls, AnswersOurOwnClientWhichTrustsItsAuthority) {
  Client client({.ca_file = file("first.pem")});
  for (int i = 0; i < 3; ++i) {
    ClientRequest request;
    request.method = "POST";
    request.url = parse_url("https://127.0.0.1:" + std::to_string(server->port()) + "/").value();
    request.body = std::string(200'000, 'b');
    const auto answer = asio::co_spawn(runtime.io().get_executor(),
                                       client.fetch(std::move(request), 10s), asio::use_future)
                            .get();
    ASSERT_TRUE(answer) << answer.error().message;
    EXPECT_EQ(answer->body.size(), 200'005U);
  }
}

TEST_F(ServerTls, KeepsAConnectionAndStreamsEachChunkBeforeTheNext) {
  TlsSocket socket(server->port());
  socket.send(get("/"));
  EXPECT_TRUE(socket.read_until("GET ").starts_with("HTTP/1.1 200 OK"));
  socket.send(get("/stream"));
  EXPECT_NE(socket.read_until("first").find("first"), std::string::npos);
  site.may_go_on = true;
  const auto all = socket.read_until("0\r\n\r\n");
  EXPECT_NE(all.find(std::string(100'000, 'x')), std::string::npos);
}

TEST_F(ServerTls, SaysGoodbyeAtTheEndAndNotWhereItCutsOff) {
  TlsSocket ended(server->port());
  ended.send("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  ended.read_all();
  EXPECT_EQ(ended.ended(), asio::error::eof);
  TlsSocket cut(server->port());
  cut.send(get("/cut"));
  EXPECT_NE(cut.read_all().find("half"), std::string::npos);
  EXPECT_NE(cut.ended(), asio::error::eof) << "it must be seen that something is missing";
}

TEST_F(ServerTls, NoticesThatAClientWentAway) {
  for (const bool politely : {true, false}) {
    const int before = site.gone;
    TlsSocket socket(server->port());
    socket.send(get("/hang"));
    std::this_thread::sleep_for(50ms);
    if (politely) socket.say_goodbye();
    socket.close();
    for (int i = 0; i < 1000 && site.gone == before; ++i) std::this_thread::sleep_for(5ms);
    EXPECT_EQ(site.gone, before + 1) << politely;
  }
}

TEST_F(ServerTls, ShowsARenewedCertificateToNewConnectionsAndKeepsTheOld) {
  TlsSocket old(server->port());
  EXPECT_EQ(old.certificate(), first.certificate_pem);
  const Certificate second = make_certificate();
  write(second, "second");
  server->set_certificate(load_certificate(file("second.pem"), file("second.key")).value());
  old.send(get("/"));
  EXPECT_NE(old.read_until("GET ").find("200 OK"), std::string::npos);
  TlsSocket fresh(server->port());
  EXPECT_EQ(fresh.certificate(), second.certificate_pem);
}

TEST_F(ServerTls, EndsWhoDoesNotSpeakTlsOrSaysNothing) {
  ServerOptions hasty;
  hasty.header_timeout = 500ms;
  listen(hasty);
  TestSocket plain(server->port());
  plain.send(get("/"));
  EXPECT_EQ(plain.read_all().find("HTTP/1.1"), std::string::npos);
  TestSocket silent(server->port());
  EXPECT_TRUE(silent.ended()) << "within the time for a head";
  for (int i = 0; i < 1000 && server->counters().tls_failures < 2; ++i) {
    std::this_thread::sleep_for(5ms);
  }
  EXPECT_EQ(server->counters().tls_failures, 2U);
}

TEST_F(ServerTls, SaysWhatIsWrongWithACertificate) {
  const auto absent = load_certificate(file("none.pem"), file("first.key"));
  ASSERT_FALSE(absent);
  EXPECT_NE(absent.error().message.find("none.pem"), std::string::npos);
  write(make_certificate(), "other");
  const auto mixed = load_certificate(file("first.pem"), file("other.key"));
  ASSERT_FALSE(mixed);
  EXPECT_NE(mixed.error().message.find("other.key"), std::string::npos);
  hone::testing::write_all(file("bad.pem"), "no PEM");
  EXPECT_FALSE(load_certificate(file("bad.pem"), file("first.key")));
}

}  // namespace
}  // namespace hone::net
