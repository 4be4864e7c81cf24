#include "net/client.h"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/asio/write.hpp>
#include <thread>

#include "net/server.h"

namespace hone::net {
namespace {

using namespace std::chrono_literals;
using asio::ip::tcp;

// A server that answers each connection with the given raw bytes, then closes it.
class RawServer {
 public:
  explicit RawServer(std::vector<std::string> answers)
      : acceptor_(io_, tcp::endpoint(asio::ip::address_v4::loopback(), 0)),
        thread_([this, answers = std::move(answers)] { serve(answers); }) {}
  ~RawServer() { thread_.join(); }
  [[nodiscard]] Url url() const {
    return {.scheme = "http",
            .host = "127.0.0.1",
            .port = acceptor_.local_endpoint().port(),
            .target = "/"};
  }
  std::atomic<int> connections = 0;

 private:
  void serve(const std::vector<std::string>& answers) {
    for (const auto& answer : answers) {
      tcp::socket socket(io_);
      boost::system::error_code failed;
      acceptor_.accept(socket, failed);
      ++connections;
      std::string request;
      asio::read_until(socket, asio::dynamic_buffer(request), "\r\n\r\n", failed);
      asio::write(socket, asio::buffer(answer), failed);
    }
  }
  asio::io_context io_;
  tcp::acceptor acceptor_;
  std::thread thread_;
};

// Answers the first request of a connection, and closes it when the second has come, unanswered.
// The second connection gets an answer.
class FadingServer {
 public:
  FadingServer()
      : acceptor_(io_, tcp::endpoint(asio::ip::address_v4::loopback(), 0)),
        thread_([this] { serve(); }) {}
  ~FadingServer() { thread_.join(); }
  [[nodiscard]] Url url() const {
    return {.scheme = "http",
            .host = "127.0.0.1",
            .port = acceptor_.local_endpoint().port(),
            .target = "/"};
  }
  std::atomic<int> connections = 0;

 private:
  void serve() {
    for (int i = 0; i < 2; ++i) {
      tcp::socket socket(io_);
      boost::system::error_code failed;
      acceptor_.accept(socket, failed);
      ++connections;
      std::string requests;
      auto buffer = asio::dynamic_buffer(requests);
      buffer.consume(asio::read_until(socket, buffer, "\r\n\r\n", failed));
      const std::string ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
      asio::write(socket, asio::buffer(ok), failed);
      if (i == 0) asio::read_until(socket, buffer, "\r\n\r\n", failed);
    }
  }
  asio::io_context io_;
  tcp::acceptor acceptor_;
  std::thread thread_;
};

class ClientTest : public ::testing::Test {
 protected:
  ClientTest() {
    auto handler = [this](const Request& request, Responder& out) { return handle(request, out); };
    server = std::move(Server::listen(runtime, {}, handler).value());
    url = parse_url("http://127.0.0.1:" + std::to_string(server->port()) + "/").value();
  }
  awaitable<void> handle(const Request& request, Responder& out) {
    if (request.path() == "/slow") {
      asio::steady_timer timer(co_await asio::this_coro::executor, 20s);
      out.on_client_gone([&] { timer.cancel(); });
      try {
        co_await timer.async_wait(use_awaitable);
      } catch (const boost::system::system_error&) {
        cancelled = true;
      }
      out.on_client_gone(nullptr);
      co_return;
    }
    Headers headers = {{"x-seen", request.headers.get("X-Mine")}};
    if (!co_await out.start(200, std::move(headers))) co_return;
    if (!co_await out.write("one ")) co_return;
    if (!co_await out.write(request.body)) co_return;
    static_cast<void>(co_await out.finish());
  }
  // Runs a coroutine to its end, on the runtime.
  template <typename T>
  T run(awaitable<T> work) {
    return asio::co_spawn(runtime.io().get_executor(), std::move(work), asio::use_future).get();
  }
  Result<Response> fetch(ClientRequest request, std::chrono::milliseconds timeout = 5s,
                         std::size_t limit = 1U << 20) {
    return run(client.fetch(std::move(request), timeout, limit));
  }
  ClientRequest request(const std::string& target) {
    ClientRequest made;
    made.url = url;
    made.url.target = target;
    return made;
  }

  Runtime runtime;
  Client client;
  std::unique_ptr<Server> server;
  Url url;
  std::atomic<bool> cancelled = false;
};

TEST_F(ClientTest, SendsAndReadsWholeMessagesOverOneConnection) {
  for (int i = 0; i < 3; ++i) {
    auto post = request("/");
    post.method = "POST";
    post.body = "two";
    post.headers.add("X-Mine", "yes");
    const auto answer = fetch(std::move(post));
    ASSERT_TRUE(answer) << answer.error().message;
    EXPECT_EQ(answer->body, "one two");
    EXPECT_EQ(answer->headers.get("x-seen"), "yes");
  }
  EXPECT_EQ(server->counters().connections, 1U);
}

TEST_F(ClientTest, FetchesFromCodeWithoutCoroutines) {
  const auto answer = fetch_blocking(request("/"), 5s);
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->body, "one ");
  auto head = request("/");
  head.method = "HEAD";
  const auto bodiless = fetch_blocking(std::move(head), 5s);
  ASSERT_TRUE(bodiless) << bodiless.error().message;
  EXPECT_EQ(bodiless->body, "");
}

TEST_F(ClientTest, NamesWhereItCouldNotConnect) {
  server->stop(0ms);
  const auto answer = fetch(request("/"));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::kUnavailable);
  EXPECT_NE(answer.error().message.find(url.origin()), std::string::npos);
}

TEST_F(ClientTest, NamesAHostThatDoesNotExist) {
  auto nowhere = request("/");
  nowhere.url.host = "no-such-host.invalid";
  const auto answer = fetch(std::move(nowhere), 60s);
  ASSERT_FALSE(answer);
  EXPECT_NE(answer.error().message.find("no-such-host.invalid"), std::string::npos);
}

TEST_F(ClientTest, GivesUpOnASilentServerAndClosesTheConnection) {
  auto slow = request("/slow");
  slow.first_byte_timeout = 100ms;
  const auto answer = fetch(std::move(slow));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::kTimeout);
  for (int i = 0; i < 1000 && !cancelled; ++i) std::this_thread::sleep_for(5ms);
  EXPECT_TRUE(cancelled);
}

TEST_F(ClientTest, KeepsToTheTimeAndSizeOfAFetch) {
  const auto late = fetch(request("/slow"), 100ms);
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, ErrorCode::kTimeout);
  const auto large = fetch(request("/"), 5s, 3);
  ASSERT_FALSE(large);
  EXPECT_EQ(large.error().code, ErrorCode::kTooLarge);
}

TEST_F(ClientTest, ResendsOnceWhereAKeptConnectionDiesUnderTheRequest) {
  FadingServer fading;
  ClientRequest get;
  get.url = fading.url();
  EXPECT_EQ(fetch(get).value().body, "ok");
  const auto resent = fetch(get);  // dies on the kept connection, and is answered on a new one
  ASSERT_TRUE(resent) << resent.error().message;
  EXPECT_EQ(fading.connections, 2);
}

TEST_F(ClientTest, NeverResendsByItselfWhatMayHaveDoneSomething) {
  FadingServer fading;
  ClientRequest post;
  post.url = fading.url();
  post.method = "POST";
  EXPECT_EQ(fetch(post).value().body, "ok");
  const auto lost = fetch(post);
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(fading.connections, 1);
  post.safe_to_resend = true;
  EXPECT_TRUE(fetch(post)) << "a new connection";
}

TEST_F(ClientTest, TriesAFreshConnectionOnlyOnce) {
  RawServer raw({""});
  ClientRequest get;
  get.url = raw.url();
  const auto unanswered = fetch(get);
  ASSERT_FALSE(unanswered);
  EXPECT_EQ(unanswered.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(raw.connections, 1);
}

TEST_F(ClientTest, RefusesAnswersThatAreNoSoundHttp) {
  const std::string ok = "HTTP/1.1 200 OK\r\n";
  const std::vector<std::string> answers = {
      "nonsense\r\n\r\n",
      ok + "Transfer-Encoding: gzip\r\n\r\n",
      ok + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
      ok + "Content-Length: 50\r\n\r\ncut",
      ok + "Transfer-Encoding: chunked\r\n\r\nzz\r\n",
      ok + "Transfer-Encoding: chunked\r\n\r\n5\r\nab",
      ok + "X: " + std::string(100'000, 'a') + "\r\n\r\n",
      "HTTP/1.1 101 Switching Protocols\r\n\r\n",
  };
  RawServer raw(answers);
  for (const auto& answer : answers) {
    ClientRequest get;
    get.url = raw.url();
    const auto fetched = fetch(std::move(get));
    ASSERT_FALSE(fetched) << answer.substr(0, 80);
    EXPECT_EQ(fetched.error().code, ErrorCode::kIo) << answer.substr(0, 80);
  }
}

TEST_F(ClientTest, PassesOverInterimAnswersAndReadsToTheEnd) {
  RawServer raw(
      {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
       "HTTP/1.0 200 OK\r\n\r\nuntil the end"});
  ClientRequest get;
  get.url = raw.url();
  const auto answer = fetch(std::move(get));
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->body, "until the end");
}

TEST_F(ClientTest, RefusesHeadersThatForgeOthers) {
  auto bad = request("/");
  bad.headers.add("X", "a\r\nY: b");
  EXPECT_FALSE(fetch(std::move(bad)));
  EXPECT_FALSE(fetch(request("/a b")));
  EXPECT_EQ(server->counters().requests, 0U);
}

}  // namespace
}  // namespace hone::net
