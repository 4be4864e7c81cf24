#include "net/process.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <thread>

#include "base/file.h"
#include "net/work_pool.h"

namespace hone::net {
namespace {

using namespace std::chrono_literals;

TEST(Process, ReportsExitCodeAndLogsOutput) {
  const auto folder =
      std::filesystem::temp_directory_path() / ("hone-process-" + std::to_string(::getpid()));
  std::filesystem::create_directories(folder);
  const std::string log = folder / "log";
  ProcessOptions options{.argv = {"sh", "-c", "echo $WORD; echo err >&2; exit 3"},
                         .environment = {{"WORD", "hello"}},
                         .log_file = log,
                         .folder = folder};
  auto child = Process::spawn(options);
  ASSERT_TRUE(child) << child.error().message;
  EXPECT_EQ(child->wait().code, 3);
  EXPECT_EQ(read_file(posix_files(), log).value(), "hello\nerr\n");
  EXPECT_EQ(child->wait().code, 3) << "asking again gives the same";
  std::filesystem::remove_all(folder);
}

TEST(Process, NamesAProgramThatDoesNotExist) {
  const auto child = Process::spawn(
      {.argv = {"/no/such/program"}, .environment = {}, .log_file = "", .folder = ""});
  ASSERT_FALSE(child);
  EXPECT_EQ(child.error().code, ErrorCode::kNotFound);
  EXPECT_NE(child.error().message.find("/no/such/program"), std::string::npos);
}

TEST(Process, KillsWhatIgnoresTermination) {
  ProcessOptions options;
  options.argv = {"sh", "-c", "trap '' TERM; while :; do sleep 1; done"};
  auto child = Process::spawn(options);
  ASSERT_TRUE(child);
  EXPECT_TRUE(child->running());
  std::this_thread::sleep_for(50ms);
  EXPECT_EQ(child->terminate(100ms).signal, SIGKILL);
  EXPECT_FALSE(child->running());
}

TEST(Process, EndsChildrenWithTheirOwner) {
  int pid = 0;
  {
    ProcessOptions options;
    options.argv = {"sleep", "100"};
    auto child = Process::spawn(options);
    ASSERT_TRUE(child);
    pid = child->pid();
  }
  EXPECT_NE(::kill(pid, 0), 0);
}

TEST(Process, TheKernelKillsChildrenOfADeadParent) {
  ProcessOptions options;
  options.argv = {"sleep", "100"};
  int pid = 0;
  // PR_SET_PDEATHSIG goes by thread: the end of the spawning one stands for the end of the process.
  std::optional<Process> child;
  std::thread([&] {
    auto spawned = Process::spawn(options);
    if (spawned) child.emplace(std::move(*spawned));
  }).join();
  ASSERT_TRUE(child.has_value());
  pid = child->pid();
  const auto status = child->wait_for(5s);
  ASSERT_TRUE(status.has_value()) << "pid " << pid << " lives on";
  EXPECT_EQ(status->signal, SIGKILL);
}

TEST(Process, GetsNoDescriptorsButThoseThatAreNamed) {
  std::array<int, 2> named{};
  std::array<int, 2> other{};
  ASSERT_EQ(::pipe2(named.data(), O_CLOEXEC), 0);
  ASSERT_EQ(::pipe(other.data()), 0) << "as Asio opens its sockets";
  const auto has = [](int fd) { return "[ -e /proc/self/fd/" + std::to_string(fd) + " ]"; };
  ProcessOptions options;
  options.argv = {"sh", "-c", has(named[0]) + " && ! " + has(named[1]) + " && ! " + has(other[0])};
  options.keep = {named[0]};
  auto child = Process::spawn(options);
  ASSERT_TRUE(child) << child.error().message;
  EXPECT_EQ(child->wait().code, 0);
  for (const int fd : {named[0], named[1], other[0], other[1]}) ::close(fd);
}

TEST(Process, LetsASuccessorLive) {
  ProcessOptions options;
  options.argv = {"sleep", "100"};
  options.outlives_us = true;
  int pid = 0;
  std::thread([&] {
    auto spawned = Process::spawn(options);
    if (!spawned) return;
    pid = spawned->pid();
    spawned->let_go();
    EXPECT_FALSE(spawned->running());
  }).join();
  ASSERT_GT(pid, 0);
  std::this_thread::sleep_for(100ms);
  EXPECT_EQ(::waitpid(pid, nullptr, WNOHANG), 0) << "it has ended";
  ::kill(pid, SIGKILL);
  EXPECT_EQ(::waitpid(pid, nullptr, 0), pid);
}

TEST(WorkPool, RefusesAndCountsWhatDoesNotFit) {
  WorkPool pool(1, 1);
  std::mutex gate;
  gate.lock();
  std::atomic<int> done = 0;
  std::atomic<bool> entered = false;
  ASSERT_TRUE(pool.post([&] {
    entered = true;
    const std::lock_guard lock(gate);
    ++done;
  }));
  while (!entered) std::this_thread::yield();
  EXPECT_TRUE(pool.post([&] { ++done; }));
  EXPECT_FALSE(pool.post([&] { ++done; }));
  EXPECT_EQ(pool.queued(), 1U);
  EXPECT_EQ(pool.refused(), 1U);
  gate.unlock();
  pool.wait_idle();
  EXPECT_EQ(done, 2);
  EXPECT_EQ(pool.take_longest(), 1U);
  EXPECT_EQ(pool.take_longest(), 0U);
}

TEST(WorkPool, FinishesWhatIsQueuedBeforeItStops) {
  std::atomic<int> done = 0;
  {
    WorkPool pool(1, 100);
    for (int i = 0; i < 50; ++i) ASSERT_TRUE(pool.post([&] { ++done; }));
  }
  EXPECT_EQ(done, 50);
}

}  // namespace
}  // namespace hone::net
