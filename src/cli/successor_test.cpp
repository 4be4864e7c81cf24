#include "cli/successor.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <thread>

namespace hone::cli {
namespace {

using namespace std::chrono_literals;

Successor::State wait_for(Successor& successor) {
  for (int i = 0; i < 2000 && successor.look() == Successor::State::kComing; ++i) {
    std::this_thread::sleep_for(5ms);
  }
  return successor.look();
}

class SuccessorTest : public ::testing::Test {
 protected:
  ~SuccessorTest() override { ::close(socket_); }
  std::unique_ptr<Successor> start(const std::string& script, std::chrono::seconds patience = 30s) {
    auto started = Successor::start({"bash", "-c", script}, socket_, patience);
    EXPECT_TRUE(started) << started.error().message;
    return started ? std::move(*started) : nullptr;
  }
  const int socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
};

TEST_F(SuccessorTest, IsReadyOnceItSaysSoAndLivesOnWithoutUs) {
  auto successor = start(
      "[ -e /proc/self/fd/${HONE_SUCCESSOR%,*} ] && printf r >&${HONE_SUCCESSOR#*,}; sleep 9");
  ASSERT_TRUE(successor);
  const int pid = successor->pid();
  EXPECT_EQ(wait_for(*successor), Successor::State::kReady);
  successor.reset();
  EXPECT_EQ(::waitpid(pid, nullptr, WNOHANG), 0) << "it has ended";
  ::kill(pid, SIGKILL);
  EXPECT_EQ(::waitpid(pid, nullptr, 0), pid);
}

TEST_F(SuccessorTest, HasFailedWhereItEndsOrTakesTooLong) {
  auto ends = start("exit 3");
  EXPECT_EQ(wait_for(*ends), Successor::State::kFailed);
  EXPECT_EQ(ends->why(), "it ended with status 3");
  auto hangs = start("exec sleep 100", 0s);
  EXPECT_EQ(wait_for(*hangs), Successor::State::kFailed);
  EXPECT_EQ(hangs->why(), "it is not ready after 0 s");
  EXPECT_NE(::kill(hangs->pid(), 0), 0) << "it lives on";
  EXPECT_EQ(Successor::start({"/no/such/hone"}, socket_, 1s).error().code, ErrorCode::kNotFound);
}

TEST_F(SuccessorTest, EndsWithUsWhereItIsNotReady) {
  auto coming = start("exec sleep 100");
  const int pid = coming->pid();
  EXPECT_EQ(coming->look(), Successor::State::kComing);
  coming.reset();
  EXPECT_NE(::kill(pid, 0), 0) << "it lives on";
}

TEST(Inheritance, IsTakenFromTheEnvironmentOnce) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()), 0);
  const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
  const std::string text = std::to_string(listener) + "," + std::to_string(ends[1]);
  ::setenv("HONE_SUCCESSOR", text.c_str(), 1);
  {
    auto inheritance = Inheritance::take();
    ASSERT_TRUE(inheritance && *inheritance);
    EXPECT_EQ(std::getenv("HONE_SUCCESSOR"), nullptr);
    EXPECT_NE(::fcntl(listener, F_GETFD) & FD_CLOEXEC, 0) << "our children would have it";
    EXPECT_EQ((*inheritance)->take_listener(), listener);
    EXPECT_EQ((*inheritance)->take_listener(), -1);
    (*inheritance)->say_ready();
    char said = 0;
    EXPECT_EQ(::recv(ends[0], &said, 1, 0), 1);
    EXPECT_EQ(::recv(ends[0], &said, 1, 0), 0) << "and no more";
  }
  EXPECT_EQ(::close(listener), 0) << "it was the caller's to close";
  ::close(ends[0]);
  const auto none = Inheritance::take();
  EXPECT_TRUE(none && !*none);
}

TEST(Inheritance, RefusesWhatNoServerLeft) {
  for (const char* text : {"", "7", "x,y", "1,2", "900001,900002"}) {
    ::setenv("HONE_SUCCESSOR", text, 1);
    const auto taken = Inheritance::take();
    EXPECT_FALSE(taken) << "'" << text << "'";
  }
}

}  // namespace
}  // namespace hone::cli
