// The sandbox against what a hostile answer would do. Each attack runs for real; what must hold is
// that it ends in time, gains nothing and leaves nothing.
#include "engine/verify/sandbox.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>
#include <string>
#include <thread>

namespace hone::engine {
namespace {

using namespace std::chrono_literals;
using End = SandboxResult::End;

SandboxJob python(const std::string& code, std::chrono::milliseconds wall = 10s) {
  SandboxJob job{.argv = {"python3", "-I", "program.py"}, .files = {{"program.py", code}}};
  job.limits.wall = wall;
  return job;
}

class Sandbox : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto tried = run_in_sandbox({.argv = {"true"}});
    if (!tried && tried.error().code == ErrorCode::kDenied) {
      std::cerr << "SKIPPED: " << tried.error().message << "\n";
      GTEST_SKIP();
    }
    ASSERT_TRUE(tried) << tried.error().message;
  }

  static SandboxResult run(const SandboxJob& job) {
    auto result = run_in_sandbox(job);
    EXPECT_TRUE(result) << result.error().message;
    return result ? std::move(*result) : SandboxResult{};
  }
};

// How many processes anywhere have `mark` in their command line.
int processes_with(const std::string& mark) {
  int count = 0;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", ignored)) {
    std::ifstream file(entry.path() / "cmdline", std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    if (text.str().find(mark) != std::string::npos) ++count;
  }
  return count;
}

TEST_F(Sandbox, RunsAProgramAndGivesItsOutputAndExitCode) {
  const auto result =
      run(python("import sys\nprint('out')\nprint('err', file=sys.stderr)\n"
                 "print(repr(sys.stdin.read()))\nsys.exit(7)\n"));
  EXPECT_EQ(result.end, End::kExit);
  EXPECT_EQ(result.code, 7);
  EXPECT_TRUE(result.confined);
  for (const char* part : {"out\n", "err\n", "''\n"}) {
    EXPECT_NE(result.output.find(part), std::string::npos) << result.output;
  }
}

TEST_F(Sandbox, SaysThatThereIsNoSuchProgram) {
  const auto result = run_in_sandbox({.argv = {"no-such-program"}});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::kNotFound) << result.error().message;
  EXPECT_FALSE(run_in_sandbox({.argv = {}}));
  EXPECT_FALSE(run_in_sandbox({.argv = {"true"}, .files = {{"../x", ""}}}));
}

TEST_F(Sandbox, StopsAnEndlessLoop) {
  const auto began = std::chrono::steady_clock::now();
  EXPECT_EQ(run(python("while True: pass\n", 1s)).end, End::kTimeout);
  EXPECT_LT(std::chrono::steady_clock::now() - began, 60s);
}

TEST_F(Sandbox, BoundsCpuTimeWhateverTheClock) {
  SandboxJob job = python("while True: pass\n", 60s);
  job.limits.cpu_seconds = 1;
  const auto result = run(job);
  EXPECT_EQ(result.end, End::kSignal);
}

TEST_F(Sandbox, ContainsAForkBombAndLeavesNoneOfIt) {
  const std::string mark = "hone-bomb-" + std::to_string(::getpid());
  SandboxJob job = python(
      "import os, time\n"
      "made = 0\n"
      "try:\n"
      "  while made < 5000:\n"
      "    if os.fork() == 0:\n"
      "      os.setsid()\n"
      "      time.sleep(600)\n"
      "    made += 1\n"
      "except OSError:\n"
      "  pass\n"
      "print(made, flush=True)\n",
      20s);
  job.argv.push_back(mark);
  job.limits.processes = 20;
  const auto result = run(job);
  EXPECT_EQ(result.end, End::kExit);
  const int made = std::atoi(result.output.c_str());
  EXPECT_GT(made, 0) << result.output;
  EXPECT_LE(made, 20);
  // Those in sessions of their own are gone too, after a moment.
  int left = processes_with(mark);
  for (int i = 0; i < 500 && left > 0; ++i) {
    std::this_thread::sleep_for(10ms);
    left = processes_with(mark);
  }
  EXPECT_EQ(left, 0);
}

TEST_F(Sandbox, KillsWhatATimeoutLeavesBehind) {
  const std::string mark = "hone-left-" + std::to_string(::getpid());
  SandboxJob job =
      python("import os, time\nos.fork()\nos.setsid()\nos.fork()\ntime.sleep(600)\n", 2s);
  job.argv.push_back(mark);
  EXPECT_EQ(run(job).end, End::kTimeout);
  int left = processes_with(mark);
  for (int i = 0; i < 500 && left > 0; ++i) {
    std::this_thread::sleep_for(10ms);
    left = processes_with(mark);
  }
  EXPECT_EQ(left, 0);
}

TEST_F(Sandbox, HasNoNetwork) {
  const auto result =
      run(python("import socket\n"
                 "for place in [('127.0.0.1', 80), ('192.0.2.1', 80)]:\n"
                 "  try:\n"
                 "    socket.create_connection(place, 2)\n"
                 "    print('connected')\n"
                 "  except OSError as error:\n"
                 "    print('no', error.errno)\n"
                 "print(socket.if_nameindex())\n"));
  EXPECT_EQ(result.output.find("connected"), std::string::npos) << result.output;
  EXPECT_NE(result.output.find("'lo')"), std::string::npos) << result.output;
}

TEST_F(Sandbox, BoundsTheOutput) {
  const auto result = run(python("import sys\nwhile True: sys.stdout.write('x' * 65536)\n"));
  EXPECT_EQ(result.end, End::kTooMuchOutput);
  EXPECT_EQ(result.output.size(), SandboxLimits{}.output_bytes);
}

TEST_F(Sandbox, RefusesTenGigabytesOfMemory) {
  const auto result = run(python("block = bytearray(10 * 2**30)\nprint('had', len(block))\n"));
  EXPECT_EQ(result.end, End::kExit);
  EXPECT_NE(result.code, 0);
  EXPECT_NE(result.output.find("MemoryError"), std::string::npos) << result.output;
}

TEST_F(Sandbox, WritesNowhereButIntoItsBoundedFolder) {
  SandboxJob job = python(
      "import os\n"
      "open('mine', 'w').write('x')\n"
      "for path in ['/etc/hone', '/var/tmp/hone', os.path.expanduser('~root/hone'), "
      "'/dev/shm/h']:\n"
      "  try:\n"
      "    open(path, 'w')\n"
      "    print('wrote', path)\n"
      "  except OSError:\n"
      "    pass\n"
      "try:\n"
      "  with open('large', 'wb') as file:\n"
      "    for _ in range(100): file.write(b'x' * 2**20)\n"
      "  print('wrote too much')\n"
      "except OSError as error:\n"
      "  print('full', error.errno)\n");
  job.limits.folder_bytes = 8 << 20;
  const auto result = run(job);
  EXPECT_EQ(result.output.find("wrote"), std::string::npos) << result.output;
  // The file's own limit ends the program or the write, whichever it asks for first.
  EXPECT_TRUE(result.end == End::kSignal || result.output.find("full") != std::string::npos)
      << result.output;
}

TEST_F(Sandbox, SeesNeitherOurEnvironmentNorOurProcesses) {
  ::setenv("HONE_SECRET_FOR_TEST", "very-secret", 1);
  const std::string us = std::to_string(::getpid());
  const auto result =
      run(python("import os\n"
                 "print(dict(os.environ))\n"
                 "for name in ['/proc/" +
                 us +
                 "/environ', '/proc/1/environ']:\n"
                 "  try:\n"
                 "    print(open(name, 'rb').read())\n"
                 "  except OSError:\n"
                 "    print('no', name)\n"
                 "try:\n"
                 "  os.kill(" +
                 us +
                 ", 0)\n"
                 "  print('can signal')\n"
                 "except OSError:\n"
                 "  pass\n"
                 "print('uid', os.getuid())\n"));
  ::unsetenv("HONE_SECRET_FOR_TEST");
  EXPECT_EQ(result.output.find("very-secret"), std::string::npos) << result.output;
  EXPECT_EQ(result.output.find("can signal"), std::string::npos) << result.output;
  EXPECT_EQ(result.output.find("uid 0"), std::string::npos) << result.output;
}

TEST_F(Sandbox, LetsNobodyMountItWritableAgain) {
  const auto result =
      run(python("import ctypes, os\n"
                 "libc = ctypes.CDLL(None, use_errno=True)\n"
                 "print('umount', libc.umount2(b'/tmp', 2), libc.umount2(b'/run', 2))\n"
                 "print('remount', libc.mount(None, b'/', None, 32, None))\n"  // MS_REMOUNT
                 "print(open('/proc/self/status').read())\n"));
  EXPECT_NE(result.output.find("umount -1 -1"), std::string::npos) << result.output;
  EXPECT_NE(result.output.find("remount -1"), std::string::npos) << result.output;
  EXPECT_NE(result.output.find("CapEff:\t0000000000000000"), std::string::npos) << result.output;
  EXPECT_NE(result.output.find("NoNewPrivs:\t1"), std::string::npos) << result.output;
}

bool write_text(const char* path, const std::string& text) {
  const int file = ::open(path, O_WRONLY | O_CLOEXEC);
  const bool done = ::write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  ::close(file);
  return done;
}

// In a user namespace that may have none below it. Gives the number of what does not hold, or 0.
int without_namespaces() {
  const std::string user = "0 " + std::to_string(::geteuid()) + " 1";
  const std::string group = "0 " + std::to_string(::getegid()) + " 1";
  if (::unshare(CLONE_NEWUSER) != 0) return 10;
  if (!write_text("/proc/self/setgroups", "deny") || !write_text("/proc/self/uid_map", user) ||
      !write_text("/proc/self/gid_map", group)) {
    return 11;
  }
  if (!write_text("/proc/sys/user/max_user_namespaces", "0")) return 12;
  SandboxJob job = python("open('x', 'w').write('1')\nprint('ran')\n");
  const auto refused = run_in_sandbox(job);
  if (refused || refused.error().code != ErrorCode::kDenied) return 13;
  job.allow_unsandboxed = true;
  const auto ran = run_in_sandbox(job);
  if (!ran || ran->confined || ran->output.find("ran") == std::string::npos) return 14;
  SandboxJob endless = python("import os\nos.fork()\nwhile True: pass\n", 1s);
  endless.allow_unsandboxed = true;
  const auto stopped = run_in_sandbox(endless);
  return stopped && stopped->end == End::kTimeout ? 0 : 15;
}

TEST_F(Sandbox, IsRefusedWhereThereIsNoneUnlessThatIsAllowed) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(without_namespaces());
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status)) << status;
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST_F(Sandbox, CannotSpeakThroughItsKeepersPipe) {
  const auto result =
      run(python("import os\n"
                 "for fd in range(3, 64):\n"
                 "  try:\n"
                 "    os.write(fd, bytes(8))\n"
                 "    print('wrote', fd)\n"
                 "  except OSError:\n"
                 "    pass\n"
                 "os._exit(3)\n"));
  EXPECT_EQ(result.code, 3);
  EXPECT_EQ(result.output.find("wrote"), std::string::npos) << result.output;
}

}  // namespace
}  // namespace hone::engine
