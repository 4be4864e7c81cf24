#include "net/grpc_server.h"

#include <gtest/gtest.h>

#include <boost/asio/this_coro.hpp>
#include <future>
#include <thread>

#include "net/content_coding.h"
#include "net/grpc_test_client.h"
#include "net/test_socket.h"
#include "net/tls_test_support.h"

namespace hone::net {
namespace {

using namespace std::chrono_literals;

// Answers by method; counts what it was given.
class GrpcSite {
 public:
  static GrpcStatus admit(const GrpcCall& call) {
    if (!call.metadata.has("x-stranger")) return {};
    return {.code = GrpcCode::kUnauthenticated, .message = "who are you?"};
  }
  awaitable<GrpcReply> answer(GrpcCall& call) {
    ++handled;
    GrpcReply reply;
    if (call.method == "/t.T/Fail") throw std::runtime_error("on purpose");
    if (call.method == "/t.T/Refuse") {
      reply.status = {.code = GrpcCode::kInvalidArgument, .message = "not so: \xc3\xa4\n%"};
      co_return reply;
    }
    if (call.method == "/t.T/Hang") co_await hang();
    if (call.method == "/t.T/Head") {
      reply.message = call.method + " " + call.host + " " + call.metadata.get("X-Colour");
    } else {
      reply.message = std::move(call.message);
    }
    ++ended;
    co_return reply;
  }
  std::atomic<int> handled = 0;
  std::atomic<int> ended = 0;
  std::atomic<bool> may_go_on = false;

 private:
  awaitable<void> hang() {
    Timer timer(co_await asio::this_coro::executor);
    for (int i = 0; i < 4000 && !may_go_on; ++i) {
      timer.expires_after(5ms);
      co_await timer.async_wait(use_awaitable);
    }
  }
};

// Whether it holds within some seconds.
template <typename Condition>
bool soon(Condition condition) {
  for (int i = 0; i < 2000 && !condition(); ++i) std::this_thread::sleep_for(5ms);
  return condition();
}

class GrpcServerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!kGrpcCanBeTested) GTEST_SKIP();
  }
  void TearDown() override {
    site.may_go_on = true;
    if (server) server->stop(5s);
  }
  [[nodiscard]] GrpcHandlers handlers() {
    return {.admit = GrpcSite::admit,
            .answer = [this](GrpcCall& call) { return site.answer(call); }};
  }
  void start(GrpcServerOptions options = {}) {
    auto listening = GrpcServer::listen(runtime, std::move(options), handlers());
    ASSERT_TRUE(listening) << listening.error().message;
    server = std::move(*listening);
  }
  [[nodiscard]] GrpcReply call(const std::string& method, const std::string& message,
                               const GrpcSending& sending = {}) const {
    return GrpcClient(server->port()).call(method, message, sending);
  }
  [[nodiscard]] std::future<GrpcReply> call_beside(const std::string& method) const {
    return std::async(std::launch::async, [this, method] { return call(method, "m"); });
  }

  GrpcSite site;
  Runtime runtime;
  std::unique_ptr<GrpcServer> server;
};

TEST_F(GrpcServerTest, HandsOverBytesAndHandsThemBack) {
  start();
  GrpcClient client(server->port());
  std::string all;
  for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
  std::string long_one;
  while (long_one.size() < 3'000'000) long_one += all;
  for (const auto& message : {std::string(), all, long_one}) {
    const auto reply = client.call("/t.T/Echo", message);
    EXPECT_EQ(reply.status.code, GrpcCode::kOk) << reply.status.message;
    EXPECT_TRUE(reply.message == message) << message.size();
  }
  EXPECT_EQ(server->counters().calls, 3U);
}

TEST_F(GrpcServerTest, TellsWhoIsCalledAndHow) {
  start();
  const auto reply = call("/t.T/Head", "", {.metadata = {{"x-colour", "blue"}}});
  EXPECT_EQ(reply.message, "/t.T/Head 127.0.0.1:" + std::to_string(server->port()) + " blue");
}

TEST_F(GrpcServerTest, AnswersWithTheStatusOfTheHandler) {
  start();
  const auto reply = call("/t.T/Refuse", "m");
  EXPECT_EQ(reply.status.code, GrpcCode::kInvalidArgument);
  EXPECT_EQ(reply.status.message, "not so: \xc3\xa4\n%");
  EXPECT_EQ(call("/t.T/Fail", "m").status.code, GrpcCode::kInternal);
  EXPECT_EQ(call("/t.T/Echo", "m").message, "m");
}

TEST_F(GrpcServerTest, TakesNoMessageOfWhoIsNotWanted) {
  start({.max_message_bytes = 1000});
  const GrpcSending stranger{.metadata = {{"x-stranger", "yes"}}};
  const auto reply = call("/t.T/Echo", std::string(200'000, 'm'), stranger);
  EXPECT_EQ(reply.status.code, GrpcCode::kUnauthenticated) << "and not that it is too long";
  EXPECT_EQ(reply.status.message, "who are you?");
  EXPECT_EQ(site.handled, 0);
  EXPECT_EQ(server->counters().refused, 1U);
}

TEST_F(GrpcServerTest, TakesNoMessageOverItsLimit) {
  start({.max_message_bytes = 1000});
  EXPECT_EQ(call("/t.T/Echo", std::string(1000, 'm')).message.size(), 1000U);
  EXPECT_EQ(call("/t.T/Echo", std::string(1001, 'm')).status.code, GrpcCode::kResourceExhausted);
  EXPECT_EQ(site.handled, 1);
  EXPECT_TRUE(soon([&] { return server->counters().without_message == 1U; }));
}

TEST_F(GrpcServerTest, LeavesGzipAsItWasSent) {
  start({.max_message_bytes = 100'000});
  const std::string bomb(20U << 20, 'm');
  const auto reply = call("/t.T/Echo", bomb, {.gzip = true});
  ASSERT_EQ(reply.status.code, GrpcCode::kOk) << reply.status.message;
  EXPECT_LT(reply.message.size(), 100'000U);
  const auto decoded = decode_content("gzip", reply.message, bomb.size());
  ASSERT_TRUE(decoded) << decoded.error().message;
  EXPECT_TRUE(decoded->whole && decoded->body == bomb);
}

TEST_F(GrpcServerTest, EndsACallWhoseMessageDoesNotCome) {
  start({.message_timeout = 100ms});
  GrpcClient client(server->port());
  const auto reply = client.call_without_message("/t.T/Echo");
  EXPECT_EQ(reply.status.code, GrpcCode::kDeadlineExceeded);
  EXPECT_EQ(reply.status.message, "the message does not come");
  EXPECT_EQ(site.handled, 0);
  // On a machine that has much to do, a message may take long as well.
  EXPECT_TRUE(soon([&] { return client.call("/t.T/Echo", "m").message == "m"; }))
      << "on the same connection";
}

TEST_F(GrpcServerTest, TurnsAwayCallsOverItsLimit) {
  start({.max_calls = 1});
  auto first = call_beside("/t.T/Hang");
  ASSERT_TRUE(soon([&] { return site.handled == 1; }));
  const auto second = call("/t.T/Echo", "m");
  EXPECT_EQ(second.status.code, GrpcCode::kUnavailable);
  EXPECT_EQ(second.status.message, "too many calls at once; try again");
  site.may_go_on = true;
  EXPECT_EQ(first.get().message, "m");
  EXPECT_TRUE(soon([&] { return call("/t.T/Echo", "m").message == "m"; })) << "there is room again";
  EXPECT_GE(server->counters().over_limit, 1U);
}

TEST_F(GrpcServerTest, TellsAStrangerThatHeIsOneThoughThereIsNoRoom) {
  start({.max_calls = 1});
  auto first = call_beside("/t.T/Hang");
  ASSERT_TRUE(soon([&] { return site.handled == 1; }));
  const auto stranger = call("/t.T/Echo", "m", {.metadata = {{"x-stranger", "yes"}}});
  EXPECT_EQ(stranger.status.code, GrpcCode::kUnauthenticated) << "he takes none";
  EXPECT_EQ(server->counters().over_limit, 0U);
  site.may_go_on = true;
  EXPECT_EQ(first.get().message, "m");
}

TEST_F(GrpcServerTest, FinishesCallsBeforeItStops) {
  start();
  auto running = call_beside("/t.T/Hang");
  ASSERT_TRUE(soon([&] { return site.handled == 1; }));
  auto stopped = std::async(std::launch::async, [this] { server->stop(20s); });
  EXPECT_TRUE(soon([&] { return !TestSocket(server->port()).connected(); }))
      << "it takes no more at once";
  site.may_go_on = true;
  EXPECT_EQ(running.get().message, "m");
  stopped.get();
  EXPECT_EQ(server->counters().cut_off, 0U);
}

TEST_F(GrpcServerTest, CutsOffWhatDoesNotFinishInTime) {
  start();
  auto running = call_beside("/t.T/Hang");
  ASSERT_TRUE(soon([&] { return site.handled == 1; }));
  server->stop(50ms);
  EXPECT_EQ(site.ended, 0) << "it did not wait for the handler";
  const auto reply = running.get();
  EXPECT_EQ(reply.status.code, GrpcCode::kUnavailable);
  EXPECT_EQ(reply.status.message, "the server ends; try again");
  EXPECT_EQ(server->counters().cut_off, 1U);
  site.may_go_on = true;
  EXPECT_TRUE(soon([&] { return site.ended == 1; }));
}

TEST_F(GrpcServerTest, SaysThatAPortIsTaken) {
  start();
  const auto second = GrpcServer::listen(runtime, {.port = server->port()}, handlers());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::kUnavailable);
  EXPECT_NE(second.error().message.find("is taken"), std::string::npos) << second.error().message;
  const auto nowhere = GrpcServer::listen(runtime, {.address = "nowhere"}, handlers());
  ASSERT_FALSE(nowhere);
  EXPECT_EQ(nowhere.error().code, ErrorCode::kInvalid);
}

TEST_F(GrpcServerTest, TakesThePlaceOfAnotherWithoutAPause) {
  start();
  auto second =
      GrpcServer::listen(runtime, {.port = server->port(), .beside_another = true}, handlers());
  ASSERT_TRUE(second) << second.error().message;
  server->stop(5s);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(call("/t.T/Echo", "m").message, "m");
  EXPECT_EQ((*second)->counters().calls, 20U);
}

TEST_F(GrpcServerTest, ShowsARenewedCertificate) {
  const Certificate first = make_certificate();
  const Certificate next = make_certificate();
  start({.certificate = {.chain = first.certificate_pem, .key = first.key_pem}});
  const std::uint16_t port = server->port();
  GrpcClient before(port, first.certificate_pem);
  EXPECT_EQ(before.call("/t.T/Echo", "m").message, "m");
  EXPECT_EQ(TlsSocket(port).certificate(), first.certificate_pem);
  EXPECT_NE(call("/t.T/Echo", "m").status.code, GrpcCode::kOk) << "without TLS";
  GrpcCertificate renewed{.chain = next.certificate_pem, .key = next.key_pem};
  const auto done = server->set_certificate(renewed, 5s);
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(server->port(), port);
  EXPECT_EQ(TlsSocket(port).certificate(), next.certificate_pem);
  EXPECT_EQ(GrpcClient(port, next.certificate_pem).call("/t.T/Echo", "m").message, "m");
  EXPECT_EQ(before.call("/t.T/Echo", "m").status.code, GrpcCode::kUnavailable);
  // What is no certificate is not shown, and the one that is stays.
  EXPECT_FALSE(server->set_certificate({.chain = "no PEM", .key = "no PEM"}, 5s));
  EXPECT_EQ(GrpcClient(port, next.certificate_pem).call("/t.T/Echo", "m").message, "m");
}

}  // namespace
}  // namespace hone::net
