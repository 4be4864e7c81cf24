// The real program gives way to a new process on SIGUSR2, under load: nobody is refused or cut off,
// every answer is recorded once, and a new one that does not come up changes nothing.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <array>
#include <cstring>
#include <list>
#include <mutex>
#include <set>

#include "base/file.h"
#include "net/grpc_test_client.h"
#include "serve/serve_fixture.h"
#include "store/database.h"

namespace hone::serve_test {
namespace {

using namespace std::chrono_literals;

const std::string kEndOfAnswer = R"("completion_tokens":5}})";
const std::string kEndOfStream = "data: [DONE]\n\n\r\n0\r\n\r\n";
const std::string kClose = "connection: close\r\n";

// The interactions whose answers came whole, and what went wrong.
class Journal {
 public:
  void note(const std::string& answer, const std::string& end) {
    constexpr std::string_view kName = "x-hone-interaction-id: ";
    const auto at = answer.find(kName);
    const bool whole = answer.starts_with("HTTP/1.1 200 ") && answer.ends_with(end);
    if (!whole || at == std::string::npos) return fail("an answer is: '" + answer + "'");
    const auto begin = at + kName.size();
    const std::lock_guard lock(mutex_);
    if (!ids_.insert(answer.substr(begin, answer.find('\r', begin) - begin)).second) {
      problems_.push_back("an id was given twice");
    }
  }
  void fail(const std::string& problem) {
    const std::lock_guard lock(mutex_);
    problems_.push_back(problem);
  }
  [[nodiscard]] std::size_t size() {
    const std::lock_guard lock(mutex_);
    return ids_.size();
  }
  [[nodiscard]] std::set<std::string> ids() {
    const std::lock_guard lock(mutex_);
    return ids_;
  }
  [[nodiscard]] std::vector<std::string> problems() {
    const std::lock_guard lock(mutex_);
    return problems_;
  }

 private:
  std::mutex mutex_;
  std::set<std::string> ids_;
  std::vector<std::string> problems_;
};

// One tool: asks again and again on its connection, and makes another one only where it was told
// that this one ends.
class Tool {
 public:
  Tool(std::uint16_t port, std::string request, std::string end, Journal& journal)
      : port_(port), request_(std::move(request)), end_(std::move(end)), journal_(journal) {
    thread_ = std::thread(&Tool::work, this);
  }
  ~Tool() {
    done_ = true;
    thread_.join();
  }
  Tool(const Tool&) = delete;
  Tool& operator=(const Tool&) = delete;

 private:
  void work() {
    while (!done_) {
      net::TestSocket socket(port_);
      if (!socket.connected()) return journal_.fail("a connection was refused");
      bool ends = false;
      while (!done_ && !ends) {
        if (!socket.send(request_)) return journal_.fail("a connection ended unannounced");
        const std::string answer = socket.read_until(end_);
        journal_.note(answer, end_);
        if (!journal_.problems().empty()) return;
        ends = answer.find(kClose) != std::string::npos;
        socket.forget();
        std::this_thread::sleep_for(2ms);
      }
    }
  }

  const std::uint16_t port_;
  const std::string request_;
  const std::string end_;
  Journal& journal_;
  std::atomic<bool> done_ = false;
  std::thread thread_;
};

class Restart : public Serve {
 protected:
  void SetUp() override {
    ::prctl(PR_SET_CHILD_SUBREAPER, 1);  // what a server leaves becomes ours to wait for
    const std::string path = folder_.path("notify");
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    ASSERT_LT(path.size(), sizeof address.sun_path);
    std::memcpy(address.sun_path, path.data(), path.size());
    notify_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    const timeval patience{.tv_sec = 90, .tv_usec = 0};
    ::setsockopt(notify_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    ASSERT_EQ(::bind(notify_, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    environment_["NOTIFY_SOCKET"] = path;
  }
  void TearDown() override {
    if (successor_ > 0) end(successor_, SIGTERM);
    Serve::TearDown();
    ::close(notify_);
  }
  void start_and_say_so() {
    start();
    ASSERT_EQ(told(), "READY=1");
  }
  // What the service manager is told next; "" where nothing comes.
  [[nodiscard]] std::string told() const {
    std::array<char, 64> text{};
    const auto size = ::recv(notify_, text.data(), text.size(), 0);
    return size < 0 ? "" : std::string(text.data(), static_cast<std::size_t>(size));
  }
  // Has the running server give way, and returns once the next one serves.
  void restart() {
    ::kill(successor_ > 0 ? successor_ : process_->pid(), SIGUSR2);
    const std::string said = told();
    ASSERT_TRUE(said.starts_with("MAINPID=")) << "'" << said << "'";
    before_ = successor_;
    successor_ = std::stoi(said.substr(8));
    ASSERT_EQ(::kill(successor_, 0), 0);
  }
  // The one that gave way has ended, and ended well.
  void expect_predecessor_gone() {
    if (before_ == 0) {
      const auto exit = process_->wait_for(60s);
      ASSERT_TRUE(exit) << "it does not end";
      EXPECT_EQ(exit->code, 0);
    } else {
      EXPECT_EQ(wait_for(before_), 0);
    }
  }
  // The exit status; -1 where it does not end.
  static int wait_for(int pid) {
    int status = 0;
    for (int i = 0; i < 6000; ++i) {
      const int ended = ::waitpid(pid, &status, WNOHANG);
      if (ended == pid) return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
      std::this_thread::sleep_for(10ms);
    }
    return -1;
  }
  static int end(int pid, int signal) {
    ::kill(pid, signal);
    const int status = wait_for(pid);
    if (status < 0) ::kill(pid, SIGKILL);
    return status;
  }
  [[nodiscard]] std::multiset<std::string> recorded() const {
    auto database = store::Database::open("sqlite:" + folder_.path("data/hone.db"));
    EXPECT_TRUE(database) << database.error().message;
    const auto rows = (*database)->query("SELECT id FROM interaction");
    EXPECT_TRUE(rows) << rows.error().message;
    std::multiset<std::string> ids;
    for (const auto row : *rows) ids.insert(row.text("id"));
    return ids;
  }
  [[nodiscard]] std::vector<std::string> journals() const {
    return posix_files().list(folder_.path("data/outbox")).value();
  }

  int notify_ = -1;
  int before_ = 0;     // who gave way last; 0: process_
  int successor_ = 0;  // who serves; 0: process_
};

TEST_F(Restart, NobodyIsRefusedOrCutOffAndEveryAnswerIsRecordedOnce) {
  Upstream upstream;
  write_settings("", upstream.url());
  start_and_say_so();
  Journal journal;
  std::list<Tool> tools;
  for (int i = 0; i < 4; ++i) {
    tools.emplace_back(port_, raw_call(), kEndOfAnswer, journal);
    tools.emplace_back(port_, raw_call(kStreamCall), kEndOfStream, journal);
  }
  for (int turn = 0; turn < 2; ++turn) {
    ASSERT_TRUE(comes([&] { return journal.size() > 40U * (turn + 1); }));
    net::TestSocket resting(port_);
    resting.send(raw_call());
    journal.note(resting.read_until(kEndOfAnswer), kEndOfAnswer);
    resting.forget();
    upstream.hold_long = true;
    net::TestSocket streaming(port_);
    streaming.send(raw_call(kLongStreamCall));
    streaming.read_until("word ");
    restart();
    if (HasFatalFailure()) return;
    resting.send(raw_call());
    const std::string last = resting.read_until(kEndOfAnswer);
    journal.note(last, kEndOfAnswer);
    EXPECT_NE(last.find(kClose), std::string::npos) << "it was with the one before";
    upstream.hold_long = false;
    journal.note(streaming.read_until(kEndOfStream), kEndOfStream);
    streaming.close();
    expect_predecessor_gone();
    if (HasFatalFailure()) return;
  }
  const auto before = journal.size();
  ASSERT_TRUE(comes([&] { return journal.size() > before + 40; })) << "and on it goes";
  tools.clear();
  EXPECT_EQ(journal.problems(), std::vector<std::string>());
  const auto answered = journal.ids();
  EXPECT_TRUE(comes([&] { return recorded().size() >= answered.size(); }));
  const auto stored = recorded();
  EXPECT_EQ(stored, std::multiset<std::string>(answered.begin(), answered.end()));
  EXPECT_TRUE(metrics_say("hone_interactions_cut_off_total 0"));
  EXPECT_EQ(end(std::exchange(successor_, 0), SIGTERM), 0);
}

TEST_F(Restart, OneThatDoesNotComeUpChangesNothing) {
  Upstream upstream;
  write_settings("", upstream.url());
  start_and_say_so();
  net::TestSocket socket(port_);
  socket.send(raw_call());
  socket.read_until(kEndOfAnswer);
  socket.forget();
  write_settings("[limit.everyone]\nrequests_per_day = \"many\"\n", upstream.url());
  ::kill(process_->pid(), SIGUSR2);
  EXPECT_TRUE(log_says("the new server did not come up, and this one goes on"));
  EXPECT_NE(log().find("'limit.everyone.requests_per_day' must be a whole number"),
            std::string::npos);
  socket.send(raw_call());
  EXPECT_EQ(socket.read_until(kEndOfAnswer).find(kClose), std::string::npos);
  EXPECT_EQ(call(), 200);
  EXPECT_TRUE(process_->running());
  socket.close();
  write_settings("", upstream.url());
  restart();  // which the failure before does not hinder
  if (HasFatalFailure()) return;
  expect_predecessor_gone();
  EXPECT_EQ(call(), 200);
}

TEST_F(Restart, WhatAServerLeavesIsTakenOverByWhoeverComes) {
  Upstream upstream;
  write_settings("", upstream.url());
  start_and_say_so();
  restart();
  if (HasFatalFailure()) return;
  expect_predecessor_gone();
  auto second = spawn({"--listen", "127.0.0.1:" + std::to_string(free_port())});
  const auto refused = second.wait_for(60s);
  ASSERT_TRUE(refused) << "two servers work on one folder";
  EXPECT_EQ(refused->code, 4);
  EXPECT_NE(log().find("a hone serve works on this data folder"), std::string::npos);

  // Of what was in `main` nothing was to be kept.
  EXPECT_TRUE(comes([&] { return journals() == std::vector<std::string>{"main-2"}; }));
  const int seen = upstream.seen;
  upstream.hold = true;
  net::TestSocket socket(port_);
  socket.send(raw_call());
  ASSERT_TRUE(comes([&] { return upstream.seen > seen; }));
  EXPECT_EQ(end(std::exchange(successor_, 0), SIGKILL), 128 + SIGKILL);
  upstream.hold = false;
  start();  // with `main`, and finds the other
  EXPECT_TRUE(metrics_say("hone_interactions_cut_off_total 1"));
  EXPECT_EQ(recorded().size(), 1U);
}

TEST_F(Restart, LimitsCountWhatTheOneBeforeAnswered) {
  Upstream upstream;
  write_settings("[limit.everyone]\nrequests_per_day = 3\n", upstream.url());
  start_and_say_so();
  net::TestSocket resting(port_);
  resting.send(raw_call());
  EXPECT_NE(resting.read_until(kEndOfAnswer).find("200 OK"), std::string::npos);
  resting.forget();
  ASSERT_TRUE(comes([&] { return recorded().size() == 1; }));
  restart();
  if (HasFatalFailure()) return;
  resting.send(raw_call());  // the new one has read its totals already
  EXPECT_NE(resting.read_until(kEndOfAnswer).find("200 OK"), std::string::npos);
  expect_predecessor_gone();
  ASSERT_TRUE(log_says("took over the journal 'main'"));
  EXPECT_EQ(call(), 200);
  EXPECT_EQ(call(), 429);
}

TEST_F(Restart, TelemetryOverGrpcGoesOnWithTheNextOne) {
  if (!net::kGrpcCanBeTested) GTEST_SKIP();
  const std::uint16_t port = free_port();
  Upstream upstream;
  write_settings("[telemetry]\ngrpc = \"127.0.0.1:" + std::to_string(port) + "\"\n",
                 upstream.url());
  start_and_say_so();
  const auto code = [port] {  // on a connection of its own
    return net::GrpcClient(port)
        .call("/opentelemetry.proto.collector.metrics.v1.MetricsService/Export", "")
        .status.code;
  };
  EXPECT_EQ(code(), net::GrpcCode::kOk);
  restart();
  if (HasFatalFailure()) return;
  for (int i = 0; i < 20; ++i) EXPECT_EQ(code(), net::GrpcCode::kOk);
  expect_predecessor_gone();
  EXPECT_TRUE(metrics_say("hone_grpc_calls_total 20"));
}

}  // namespace
}  // namespace hone::serve_test
