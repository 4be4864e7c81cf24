// For tests of the real program: an upstream that answers as it is told, and `hone serve` before
// it, with a data folder, settings and a port of its own.
#pragma once

#include <gtest/gtest.h>
#include <signal.h>

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/test_support.h"
#include "net/client.h"
#include "net/process.h"
#include "net/server.h"
#include "net/test_socket.h"
#include "support/places.h"

namespace hone::serve_test {

inline const std::string kAnswer =
    R"({"id":"r","model":"m","choices":[{"index":0,"message":{"role":"assistant",)"
    R"("content":"yes"},"finish_reason":"stop"}],"usage":{"prompt_tokens":10,)"
    R"("completion_tokens":5}})";
inline const std::string kCall =
    R"({"model":"assistant","messages":[{"role":"user","content":"hi"}]})";
inline const std::string kStreamCall =
    R"({"model":"assistant","stream":true,"messages":[{"role":"user","content":"hi"}]})";
inline const std::string kLongStreamCall =
    R"({"model":"assistant","stream":true,"messages":[{"role":"user","content":"at length"}]})";

// Answers at once, or holds back until it may go on; a long stream does so in its middle. The
// pieces of any stream come a moment apart.
class Upstream {
 public:
  Upstream() {
    auto handler = [this](const net::Request& request, net::Responder& out) {
      return handle(request, out);
    };
    server_ = std::move(net::Server::listen(runtime_, {}, handler).value());
  }
  ~Upstream() {
    hold = false;
    hold_long = false;
    server_->stop(std::chrono::seconds(1));
  }
  [[nodiscard]] std::string url() const {
    return "http://127.0.0.1:" + std::to_string(server_->port());
  }
  std::atomic<bool> hold = false;  // calls without a stream
  std::atomic<bool> hold_long = false;
  std::atomic<int> seen = 0;

 private:
  using Pause = std::chrono::milliseconds;
  static net::awaitable<void> pause(Pause time) {
    net::asio::steady_timer timer(co_await net::asio::this_coro::executor, time);
    co_await timer.async_wait(net::use_awaitable);
  }
  static net::awaitable<void> wait_while(const std::atomic<bool>& held, net::Responder& out) {
    while (held && !out.client_gone()) co_await pause(Pause(5));
  }
  net::awaitable<void> handle(const net::Request& request, net::Responder& out) {
    ++seen;
    if (request.body.find("\"stream\":true") != std::string::npos) {
      co_await stream(request.body.find("at length") != std::string::npos, out);
      co_return;
    }
    co_await wait_while(hold, out);
    net::Response response = net::text_response(200, kAnswer, "application/json");
    static_cast<void>(co_await out.send(std::move(response)));
  }
  net::awaitable<void> stream(bool is_long, net::Responder& out) {
    net::Headers headers = {{"content-type", "text/event-stream"}};
    const auto started = co_await out.start(200, std::move(headers));
    if (!started) co_return;
    const std::string piece =
        "data: {\"id\":\"r\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":"
        "\"word \"},\"finish_reason\":null}]}\n\n";
    for (int i = 0; i < 4; ++i) {
      const auto written = co_await out.write(piece);
      if (!written) co_return;
      if (is_long && i == 1) co_await wait_while(hold_long, out);
      co_await pause(Pause(10));
    }
    const std::string end =
        "data: {\"id\":\"r\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{},"
        "\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
    static_cast<void>(co_await out.finish(end));
  }

  net::Runtime runtime_;
  std::unique_ptr<net::Server> server_;
};

inline std::uint16_t free_port() {
  net::asio::io_context io;
  net::asio::ip::tcp::acceptor probe(io, {net::asio::ip::address_v4::loopback(), 0});
  return probe.local_endpoint().port();
}

class Serve : public ::testing::Test {
 protected:
  void TearDown() override {
    if (process_) process_->terminate(std::chrono::seconds(10));
    if (HasFailure()) std::cerr << log();
  }
  // `server` is what stands under [server] besides.
  void write_settings(const std::string& more, const std::string& upstream,
                      const std::string& server = "") {
    hone::testing::write_all(
        folder_.path("hone.toml"),
        "data = \"" + folder_.path("data") +
            "\"\n[server]\nauth = \"open\"\nlisten = \"127.0.0.1:" + std::to_string(port_) +
            "\"\n" + server + "[[upstream]]\nname = \"u\"\nurl = \"" + upstream +
            "\"\nwires = [\"openai-chat\"]\n" +
            "[alias.assistant]\nupstream = \"u\"\nmodel = \"m\"\n" + more);
  }
  [[nodiscard]] net::Process spawn(const std::vector<std::string>& more = {}) const {
    net::ProcessOptions options;
    options.argv = {bin_dir() + "/hone", "--config", folder_.path("hone.toml"), "serve"};
    options.argv.insert(options.argv.end(), more.begin(), more.end());
    options.environment = environment_;
    options.log_file = folder_.path("log");
    return std::move(net::Process::spawn(options).value());
  }
  void start() {
    process_ = std::make_unique<net::Process>(spawn());
    for (int i = 0; i < 1000; ++i) {
      if (net::TestSocket(port_).connected()) return;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    FAIL() << "it does not listen";
  }
  [[nodiscard]] net::ClientRequest request(const std::string& path) const {
    net::ClientRequest made;
    made.url = net::parse_url("http://127.0.0.1:" + std::to_string(port_)).value();
    made.url.target = path;
    return made;
  }
  // Status 0 where no answer comes.
  [[nodiscard]] net::Response send(const std::string& method, const std::string& path,
                                   net::Headers headers, const std::string& body = "") const {
    auto made = request(path);
    made.method = method;
    made.headers = std::move(headers);
    made.body = body;
    return net::fetch_blocking(made, std::chrono::seconds(10)).value_or(net::Response{.status = 0});
  }
  [[nodiscard]] net::Response get(const std::string& path) const { return send("GET", path, {}); }
  [[nodiscard]] int call() const { return send("POST", "/v1/chat/completions", {}, kCall).status; }
  [[nodiscard]] static std::string raw_call(const std::string& body = kCall) {
    return "POST /v1/chat/completions HTTP/1.1\r\nHost: h\r\nContent-Length: " +
           std::to_string(body.size()) + "\r\n\r\n" + body;
  }
  [[nodiscard]] bool metrics_say(const std::string& line) const {
    return comes([&] { return get("/metrics").body.find(line + "\n") != std::string::npos; });
  }
  [[nodiscard]] bool lists_an_interaction() const {
    return comes([&] {
      return get("/api/v1/interactions").body.find("\"id\":\"int_") != std::string::npos;
    });
  }
  [[nodiscard]] bool log_says(const std::string& text) const {
    return comes([&] { return log().find(text) != std::string::npos; });
  }
  // Whether it holds within some seconds.
  [[nodiscard]] static bool comes(const std::function<bool()>& condition) {
    for (int i = 0; i < 1000; ++i) {
      if (condition()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return false;
  }
  // What a command beside the server prints.
  [[nodiscard]] std::string command(const std::vector<std::string>& words) {
    net::ProcessOptions options;
    options.argv = {bin_dir() + "/hone", "--config", folder_.path("hone.toml")};
    options.argv.insert(options.argv.end(), words.begin(), words.end());
    options.log_file = folder_.path("command-" + std::to_string(++commands_));
    auto running = net::Process::spawn(options);
    EXPECT_TRUE(running) << running.error().message;
    if (!running) return "";
    EXPECT_EQ(running->wait().code, 0) << words.front();
    return hone::testing::read_all(options.log_file);
  }
  // The secret in what `hone key create` prints; "" where there is none.
  [[nodiscard]] static std::string secret_in(const std::string& printed) {
    const auto at = printed.find("hone_sk_");
    if (at == std::string::npos) return "";
    return printed.substr(at, printed.find_first_of(" \"\n", at) - at);
  }
  void hang_up() const { ::kill(process_->pid(), SIGHUP); }
  [[nodiscard]] std::string log() const { return hone::testing::read_all(folder_.path("log")); }

  const hone::testing::TempFolder folder_;
  const std::uint16_t port_ = free_port();
  std::map<std::string, std::string> environment_;
  int commands_ = 0;
  std::unique_ptr<net::Process> process_;
};

}  // namespace hone::serve_test
