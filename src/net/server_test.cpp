#include "net/server.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <thread>

#include "net/test_socket.h"
#include "net/work_pool.h"

namespace hone::net {
namespace {

using namespace std::chrono_literals;

// Answers by path; counts what it was given.
class Site {
 public:
  awaitable<void> handle(const Request& request, Responder& out) {
    ++handled;
    if (request.path() == "/stream") co_return co_await stream(out);
    if (request.path() == "/hang") co_return co_await hang(out);
    if (request.path() == "/throw") throw std::runtime_error("on purpose");
    if (request.path() == "/silent") co_return;
    if (request.path() == "/cut") co_return co_await cut(out);
    if (request.path() == "/pool") co_return co_await on_pool(out);
    Response response = text_response(200, request.method + " " + request.body);
    static_cast<void>(co_await out.send(std::move(response)));
  }

  std::atomic<int> handled = 0;
  std::atomic<int> gone = 0;
  std::atomic<bool> may_go_on = false;
  WorkPool pool{1, 4};

 private:
  static awaitable<void> wait(std::chrono::milliseconds time) {
    asio::steady_timer timer(co_await asio::this_coro::executor, time);
    co_await timer.async_wait(use_awaitable);
  }
  awaitable<void> stream(Responder& out) {
    Headers headers = {{"content-type", "text/event-stream"}};
    if (!co_await out.start(200, std::move(headers))) co_return;
    if (!co_await out.write("first")) co_return;
    for (int i = 0; i < 1000 && !may_go_on; ++i) co_await wait(5ms);
    if (!co_await out.write("second")) co_return;
    static_cast<void>(co_await out.finish());
  }
  awaitable<void> cut(Responder& out) {
    Headers headers;
    static_cast<void>(co_await out.start(200, std::move(headers)));
    static_cast<void>(co_await out.write("half"));
    out.abort();
  }
  awaitable<void> hang(Responder& out) {
    asio::steady_timer timer(co_await asio::this_coro::executor, 20s);
    out.on_client_gone([&] { timer.cancel(); });
    try {
      co_await timer.async_wait(use_awaitable);
    } catch (const boost::system::system_error&) {
      ++gone;
    }
    out.on_client_gone(nullptr);
  }
  awaitable<void> on_pool(Responder& out) {
    std::thread::id here;
    const auto ran = co_await pool.run([&] { here = std::this_thread::get_id(); });
    const bool elsewhere = ran && here != std::this_thread::get_id();
    Response response = text_response(200, elsewhere ? "elsewhere" : "here");
    static_cast<void>(co_await out.send(std::move(response)));
  }
};

class ServerTest : public ::testing::Test {
 protected:
  void start(ServerOptions options = {}) {
    auto handler = [this](const Request& request, Responder& out) {
      return site.handle(request, out);
    };
    auto listening = Server::listen(runtime, options, handler);
    ASSERT_TRUE(listening) << listening.error().message;
    server = std::move(*listening);
  }
  // What the server counts, it may count a moment after the client has seen the effect.
  void expect_slow_clients(std::uint64_t number) {
    const auto& slow = server->counters().slow_clients;
    for (int i = 0; i < 1000 && slow < number; ++i) std::this_thread::sleep_for(10ms);
    EXPECT_EQ(slow, number);
  }
  // The status line of the answer to raw bytes, and whether the server closed afterwards.
  std::string status_of(const std::string& bytes) {
    TestSocket socket(server->port());
    socket.send(bytes);
    const std::string answer = socket.read_until("\r\n\r\n");
    return answer.substr(0, answer.find("\r\n"));
  }

  Site site;
  Runtime runtime;
  std::unique_ptr<Server> server;
};

std::string get(const std::string& path) {
  return "GET " + path + " HTTP/1.1\r\nHost: h\r\n\r\n";
}

int count(const std::string& text, const std::string& word) {
  int found = 0;
  for (auto at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) ++found;
  return found;
}

TEST_F(ServerTest, KeepsAConnectionForSeveralRequests) {
  start();
  TestSocket socket(server->port());
  for (int i = 0; i < 3; ++i) {
    socket.forget();
    ASSERT_TRUE(socket.send("POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi"));
    EXPECT_TRUE(socket.read_until("POST hi").ends_with("POST hi"));
  }
  EXPECT_EQ(server->counters().connections, 1U);
  EXPECT_EQ(server->counters().requests, 3U);
}

TEST_F(ServerTest, AnswersPipelinedRequestsInOrder) {
  start();
  TestSocket socket(server->port());
  socket.send("POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\none" +
              std::string("POST /b HTTP/1.1\r\nHost: h\r\nConnection: close\r\n"
                          "Content-Length: 3\r\n\r\ntwo"));
  const std::string answers = socket.read_all();
  EXPECT_LT(answers.find("POST one"), answers.find("POST two"));
  EXPECT_TRUE(answers.ends_with("POST two"));
}

TEST_F(ServerTest, ReadsChunkedBodiesByteByByteAndDropsTrailers) {
  start();
  TestSocket socket(server->port());
  const std::string request =
      "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
      "3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nAuthorization: forged\r\n\r\n";
  for (const char c : request) ASSERT_TRUE(socket.send(std::string_view(&c, 1)));
  EXPECT_TRUE(socket.read_until("POST abcde").ends_with("POST abcde"));
}

TEST_F(ServerTest, SendsEachChunkBeforeTheNextIsProduced) {
  start();
  TestSocket socket(server->port());
  socket.send(get("/stream"));
  // The handler makes the second chunk only after the test has read the first.
  EXPECT_NE(socket.read_until("first").find("5\r\nfirst\r\n"), std::string::npos);
  site.may_go_on = true;
  EXPECT_NE(socket.read_until("0\r\n\r\n").find("6\r\nsecond\r\n0\r\n\r\n"), std::string::npos);
}

TEST_F(ServerTest, StreamsToOldClientsUntilTheClose) {
  start();
  site.may_go_on = true;
  TestSocket socket(server->port());
  socket.send("GET /stream HTTP/1.0\r\nHost: h\r\n\r\n");
  const std::string answer = socket.read_all();
  EXPECT_TRUE(answer.ends_with("\r\n\r\nfirstsecond"));
  EXPECT_EQ(answer.find("chunked"), std::string::npos);
}

TEST_F(ServerTest, AllowsABodyThatWaitsForPermission) {
  start();
  TestSocket socket(server->port());
  socket.send("POST /a HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  EXPECT_EQ(socket.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  socket.send("hi");
  EXPECT_TRUE(socket.read_until("POST hi").ends_with("POST hi"));
}

TEST_F(ServerTest, NeverRoutesWhatHidesBehindAnAmbiguousRequest) {
  start();
  const std::string hidden = "GET /admin HTTP/1.1\r\nHost: h\r\n\r\n";
  const std::vector<std::string> fields = {
      "Transfer-Encoding: gzip\r\n",
      "Transfer-Encoding: xchunked\r\n",
      "Transfer-Encoding: chunked, identity\r\n",
      "Transfer-Encoding: chunked, chunked\r\n",
      "Transfer-Encoding:\r\n",
      "Transfer-Encoding: identity\r\nContent-Length: 0\r\n",
      "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n",
      "Content-Length: 0\r\nContent-Length: 4\r\n",
      "Host: again\r\n",
      "X: folded\r\n line\r\n",
      "Content-Length : 0\r\n",
  };
  for (const auto& field : fields) {
    TestSocket socket(server->port());
    socket.send("POST /a HTTP/1.1\r\nHost: h\r\n" + field + "\r\n" + hidden);
    const std::string answer = socket.read_all();
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 400 ")) << field << answer;
    EXPECT_EQ(count(answer, "HTTP/1.1"), 1) << field;
  }
  EXPECT_EQ(site.handled, 0);
  EXPECT_EQ(server->counters().bad_requests, fields.size());
}

TEST_F(ServerTest, RefusesMalformedRequestsAndStaysUp) {
  start();
  const std::string post = "POST /a HTTP/1.1\r\nHost: h\r\n";
  EXPECT_EQ(status_of("nonsense\r\n\r\n"), "HTTP/1.1 400 Bad Request");
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\n\r\n"), "HTTP/1.1 400 Bad Request");
  EXPECT_EQ(status_of("GET / HTTP/3.7\r\nHost: h\r\n\r\n"), "HTTP/1.1 400 Bad Request");
  EXPECT_EQ(status_of(post + "Transfer-Encoding: chunked\r\n\r\nzz\r\n"),
            "HTTP/1.1 400 Bad Request");
  EXPECT_EQ(status_of(post + "Transfer-Encoding: chunked\r\n\r\n1;" + std::string(300, 'x') +
                      "\r\na\r\n0\r\n\r\n"),
            "HTTP/1.1 400 Bad Request");
  EXPECT_EQ(status_of(post + "Content-Length: 1073741824\r\n\r\n"),
            "HTTP/1.1 413 Content Too Large");
  EXPECT_EQ(status_of("GET /" + std::string(40'000, 'a') + " HTTP/1.1\r\nHost: h\r\n\r\n"),
            "HTTP/1.1 431 Request Header Fields Too Large");
  EXPECT_EQ(status_of(get("/")), "HTTP/1.1 200 OK");
}

TEST_F(ServerTest, RefusesAChunkedBodyOverTheLimit) {
  start({.max_body_bytes = 1000});
  TestSocket socket(server->port());
  socket.send("POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
  for (int i = 0; i < 12; ++i) socket.send("64\r\n" + std::string(100, 'a') + "\r\n");
  EXPECT_TRUE(socket.read_until("\r\n\r\n").starts_with("HTTP/1.1 413 "));
}

TEST_F(ServerTest, ClosesOnClientsThatSendTooSlowly) {
  start({.header_timeout = 100ms, .body_grace = 100ms});
  TestSocket head(server->port());
  head.send("GET / HTTP/1.1\r\n");
  EXPECT_TRUE(head.ended());
  TestSocket body(server->port());
  body.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nabc");
  EXPECT_TRUE(body.ended());
  expect_slow_clients(2);
  EXPECT_EQ(site.handled, 0);
}

TEST_F(ServerTest, ClosesConnectionsThatRestTooLong) {
  start({.idle_timeout = 100ms});
  TestSocket socket(server->port());
  socket.send(get("/"));
  socket.read_until("GET ");
  EXPECT_TRUE(socket.ended());
}

TEST_F(ServerTest, CutsOffReadersThatDoNotRead) {
  start({.write_stall = 200ms});
  TestSocket socket(server->port());
  const std::string body(8U << 20, 'a');  // more than the kernel buffers
  std::thread sender([&] {
    socket.send("POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(body.size()) +
                "\r\n\r\n" + body);
  });
  sender.join();
  expect_slow_clients(1);
}

TEST_F(ServerTest, TellsTheHandlerThatItsClientIsGone) {
  start();
  {
    TestSocket socket(server->port());
    socket.send(get("/hang"));
    while (site.handled == 0) std::this_thread::sleep_for(1ms);
  }
  for (int i = 0; i < 1000 && site.gone == 0; ++i) std::this_thread::sleep_for(5ms);
  EXPECT_EQ(site.gone, 1);
}

TEST_F(ServerTest, TurnsAFailingHandlerIntoA500) {
  start();
  EXPECT_EQ(status_of(get("/throw")), "HTTP/1.1 500 Internal Server Error");
  EXPECT_EQ(status_of(get("/silent")), "HTTP/1.1 500 Internal Server Error");
}

TEST_F(ServerTest, LetsAnAbortedAnswerLookCut) {
  start();
  TestSocket socket(server->port());
  socket.send(get("/cut"));
  const std::string answer = socket.read_all();
  EXPECT_NE(answer.find("half"), std::string::npos);
  EXPECT_EQ(answer.find("0\r\n\r\n"), std::string::npos);
}

TEST_F(ServerTest, ResumesAHandlerAfterWorkOnAPool) {
  start();
  TestSocket socket(server->port());
  socket.send(get("/pool"));
  EXPECT_NE(socket.read_until("elsewhere").find("elsewhere"), std::string::npos);
}

TEST_F(ServerTest, TurnsAwayConnectionsOverTheCap) {
  start({.max_connections = 2});
  TestSocket first(server->port());
  TestSocket second(server->port());
  first.send(get("/"));
  second.send(get("/"));
  first.read_until("GET ");
  second.read_until("GET ");
  TestSocket third(server->port());
  EXPECT_TRUE(third.ended());
  EXPECT_EQ(server->counters().over_limit, 1U);
}

TEST_F(ServerTest, FinishesStreamsBeforeItStops) {
  start();
  TestSocket idle(server->port());
  TestSocket socket(server->port());
  socket.send(get("/stream"));
  socket.read_until("first");
  std::thread stopper([&] { EXPECT_TRUE(server->stop(10s)); });
  EXPECT_TRUE(idle.ended()) << "a connection without a request is closed at once";
  site.may_go_on = true;
  EXPECT_TRUE(socket.read_all().ends_with("6\r\nsecond\r\n0\r\n\r\n"));
  stopper.join();
  EXPECT_FALSE(TestSocket(server->port()).connected());
}

TEST_F(ServerTest, DrainsWithoutClosingOnAnyoneUnannounced) {
  start();
  TestSocket fresh(server->port());
  TestSocket used(server->port());
  used.send(get("/"));
  used.read_until("GET ");
  used.forget();
  TestSocket streaming(server->port());
  streaming.send(get("/stream"));
  streaming.read_until("first");
  while (server->counters().open < 3) std::this_thread::sleep_for(1ms);
  server->drain();
  while (TestSocket(server->port()).connected()) std::this_thread::sleep_for(1ms);
  EXPECT_FALSE(server->drained());
  for (auto* socket : {&fresh, &used}) {
    socket->send(get("/last"));
    const std::string answer = socket->read_all();
    EXPECT_NE(answer.find("200 OK"), std::string::npos);
    EXPECT_NE(answer.find("connection: close"), std::string::npos) << "it is told";
  }
  site.may_go_on = true;
  EXPECT_TRUE(streaming.read_until("0\r\n\r\n").ends_with("6\r\nsecond\r\n0\r\n\r\n"));
  streaming.forget();
  streaming.send(get("/last"));
  EXPECT_NE(streaming.read_all().find("connection: close"), std::string::npos);
  for (int i = 0; i < 1000 && !server->drained(); ++i) std::this_thread::sleep_for(5ms);
  EXPECT_TRUE(server->drained());
  EXPECT_TRUE(server->stop(0ms));
}

TEST_F(ServerTest, TakesOverTheSocketOfAnotherServerWithWhoWaitsThere) {
  start();
  const int handed = ::dup(server->listener());
  ServerOptions options{.port = server->port()};
  options.listener = handed;
  server->drain();
  for (int i = 0; i < 1000 && !server->drained(); ++i) std::this_thread::sleep_for(5ms);
  ASSERT_TRUE(server->drained());
  TestSocket waiting(options.port);
  ASSERT_TRUE(waiting.connected()) << "in the queue that the two share";
  waiting.send(get("/"));
  server.reset();
  start(options);
  EXPECT_EQ(server->listener(), handed);
  EXPECT_NE(waiting.read_until("GET ").find("200 OK"), std::string::npos);
}

TEST_F(ServerTest, ListensElsewhereWhereTheSocketGivenIsNotTheOneMeant) {
  start();
  ServerOptions options;
  options.address = "127.0.0.2";
  options.listener = ::dup(server->listener());
  const auto before = server->port();
  start(options);
  EXPECT_NE(server->port(), 0U);
  EXPECT_FALSE(TestSocket(before).connected()) << "closed with the server whose it was";
  std::array<int, 2> pipe{};
  ASSERT_EQ(::pipe(pipe.data()), 0);
  options.listener = pipe[0];  // no socket at all
  start(options);
  pollfd look{.fd = pipe[1], .events = POLLOUT, .revents = 0};
  EXPECT_EQ(::poll(&look, 1, 0), 1);
  EXPECT_NE(look.revents & POLLERR, 0) << "its other end is closed";
  ::close(pipe[1]);
}

TEST_F(ServerTest, CutsOffWhatDoesNotFinishInTime) {
  start();
  TestSocket socket(server->port());
  socket.send(get("/hang"));
  while (site.handled == 0) std::this_thread::sleep_for(1ms);
  EXPECT_FALSE(server->stop(50ms));
  EXPECT_EQ(site.gone, 1);
  EXPECT_EQ(server->counters().open, 0U);
}

TEST_F(ServerTest, SaysThatAPortIsTaken) {
  start();
  const auto second = Server::listen(runtime, {.port = server->port()}, nullptr);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::kUnavailable);
  EXPECT_NE(second.error().message.find("taken"), std::string::npos);
  EXPECT_FALSE(Server::listen(runtime, {.address = "nowhere"}, nullptr));
}

}  // namespace
}  // namespace hone::net
