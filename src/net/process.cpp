#include "net/process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <thread>
#include <utility>

namespace hone::net {
namespace {

constexpr auto kPoll = std::chrono::milliseconds(5);

// Everything the child needs, made before the fork: between fork and exec nothing may allocate.
struct Prepared {
  std::vector<std::string> environment;
  std::vector<char*> argv;
  std::vector<char*> envp;
};

Prepared prepare(const ProcessOptions& options) {
  Prepared prepared;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    if (!options.environment.contains(text.substr(0, text.find('=')))) {
      prepared.environment.push_back(text);
    }
  }
  for (const auto& [name, value] : options.environment) {
    prepared.environment.push_back(name + "=" + value);
  }
  for (const auto& word : options.argv) prepared.argv.push_back(const_cast<char*>(word.c_str()));
  prepared.argv.push_back(nullptr);
  for (auto& entry : prepared.environment) prepared.envp.push_back(entry.data());
  prepared.envp.push_back(nullptr);
  return prepared;
}

[[noreturn]] void fail_child(int report) {
  const int error = errno;
  [[maybe_unused]] const auto written = ::write(report, &error, sizeof(error));
  ::_exit(127);
}

// Not every library opens its descriptors so that exec closes them: Asio does not.
void keep_only(const std::vector<int>& kept) {
  constexpr int kFirst = STDERR_FILENO + 1;
  if (::close_range(kFirst, ~0U, CLOSE_RANGE_CLOEXEC) != 0) {  // a kernel before 5.11
    const long most = ::sysconf(_SC_OPEN_MAX);
    for (int fd = kFirst; fd < most; ++fd) ::fcntl(fd, F_SETFD, FD_CLOEXEC);
  }
  for (const int fd : kept) ::fcntl(fd, F_SETFD, 0);
}

// Runs in the child, between fork and exec: only async-signal-safe calls.
[[noreturn]] void become(const ProcessOptions& options, Prepared& prepared, int log, int report,
                         pid_t parent) {
  if (!options.outlives_us) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(127);  // the parent died before prctl
  }
  ::signal(SIGPIPE, SIG_DFL);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  if (log >= 0 && (::dup2(log, STDOUT_FILENO) < 0 || ::dup2(log, STDERR_FILENO) < 0)) {
    fail_child(report);
  }
  if (!options.folder.empty() && ::chdir(options.folder.c_str()) != 0) fail_child(report);
  keep_only(options.keep);
  ::execvpe(prepared.argv[0], prepared.argv.data(), prepared.envp.data());
  fail_child(report);
}

ExitStatus decode(int status) {
  if (WIFSIGNALED(status)) return {.code = 128 + WTERMSIG(status), .signal = WTERMSIG(status)};
  return {.code = WEXITSTATUS(status), .signal = 0};
}

}  // namespace

Result<Process> Process::spawn(const ProcessOptions& options) {
  if (options.argv.empty()) return fail(ErrorCode::kInvalid, "no program is named");
  Prepared prepared = prepare(options);
  int log = -1;
  if (!options.log_file.empty()) {
    log = ::open(options.log_file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (log < 0) return fail(ErrorCode::kIo, options.log_file + ": " + std::strerror(errno));
  }
  std::array<int, 2> report{};  // closed by a successful exec; else carries errno
  if (::pipe2(report.data(), O_CLOEXEC) != 0) {
    if (log >= 0) ::close(log);
    return fail(ErrorCode::kIo, std::string("pipe: ") + std::strerror(errno));
  }
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid == 0) become(options, prepared, log, report[1], parent);
  const int fork_error = errno;
  ::close(report[1]);
  if (log >= 0) ::close(log);
  int error = pid < 0 ? fork_error : 0;
  if (pid > 0 && ::read(report[0], &error, sizeof(error)) != sizeof(error)) error = 0;
  ::close(report[0]);
  if (error == 0) return Process(pid);
  if (pid > 0) ::waitpid(pid, nullptr, 0);
  const auto code = error == ENOENT ? ErrorCode::kNotFound : ErrorCode::kIo;
  return fail(code, options.argv[0] + ": " + std::strerror(error));
}

Process::Process(Process&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), exit_(std::exchange(other.exit_, std::nullopt)) {}

Process& Process::operator=(Process&& other) noexcept {
  std::swap(pid_, other.pid_);
  std::swap(exit_, other.exit_);
  return *this;
}

Process::~Process() {
  if (pid_ > 0 && !exit_) terminate(std::chrono::milliseconds(0));
}

bool Process::running() {
  return pid_ > 0 && !wait_for(std::chrono::milliseconds(0)).has_value();
}

ExitStatus Process::wait() {
  while (true) {
    if (const auto status = wait_for(std::chrono::hours(1))) return *status;
  }
}

std::optional<ExitStatus> Process::wait_for(std::chrono::milliseconds timeout) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  while (!exit_) {
    int status = 0;
    const pid_t ended = ::waitpid(pid_, &status, WNOHANG);
    if (ended == pid_) {
      exit_ = decode(status);
    } else if (ended < 0 && errno != EINTR) {
      exit_ = ExitStatus{.code = 127, .signal = 0};  // not our child any more
    } else if (std::chrono::steady_clock::now() >= deadline) {
      return std::nullopt;
    } else {
      std::this_thread::sleep_for(kPoll);
    }
  }
  return exit_;
}

ExitStatus Process::terminate(std::chrono::milliseconds grace) {
  if (exit_) return *exit_;
  ::kill(pid_, grace.count() > 0 ? SIGTERM : SIGKILL);
  if (const auto status = wait_for(grace)) return *status;
  ::kill(pid_, SIGKILL);
  return wait();
}

}  // namespace hone::net
