#include "engine/verify/sandbox.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>

#include "base/log.h"
#include "engine/verify/sandbox_child.h"

namespace hone::engine {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

// How long the namespace may take to die, and what it wrote last to arrive.
constexpr milliseconds kGrace{5'000};
constexpr milliseconds kPoll{5};

// Nothing of ours goes in. Hashes and threads are fixed, so that the same answer ends the same way.
constexpr std::array kEnvironment = {"PATH=/usr/local/bin:/usr/bin:/bin",
                                     "HOME=.",
                                     "LANG=C.UTF-8",
                                     "PYTHONHASHSEED=0",
                                     "PYTHONDONTWRITEBYTECODE=1",
                                     "OMP_NUM_THREADS=1",
                                     "OPENBLAS_NUM_THREADS=1"};

std::string system_error(const std::string& what, int code) {
  return what + ": " + std::strerror(code);
}

class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  ~Descriptor() { close(); }
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&&) = delete;
  [[nodiscard]] int get() const { return fd_; }
  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }

 private:
  int fd_;
};

struct Pipe {
  Descriptor read;
  Descriptor write;
};

Result<Pipe> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0)
    return fail(ErrorCode::kUnavailable, system_error("a pipe for the sandbox", errno));
  ::fcntl(ends[0], F_SETFL, O_NONBLOCK);
  return Pipe{Descriptor(ends[0]), Descriptor(ends[1])};
}

// The folder of an unconfined run; it goes away with this.
class Folder {
 public:
  static Result<Folder> make() {
    std::error_code error;
    std::string path = (fs::temp_directory_path(error) / "hone-verify-XXXXXX").string();
    if (error || ::mkdtemp(path.data()) == nullptr)
      return fail(ErrorCode::kIo, system_error("a folder for the tests", errno));
    return Folder(path);
  }
  ~Folder() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }
  Folder(Folder&& other) noexcept : path_(std::exchange(other.path_, std::string())) {}
  Folder& operator=(Folder&&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  explicit Folder(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

Result<void> check_job(const SandboxJob& job) {
  if (job.argv.empty()) return fail(ErrorCode::kInvalid, "no program is named");
  constexpr std::string_view kAllowed =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
  for (const SandboxFile& file : job.files) {
    if (file.name.empty() || file.name.size() > 100 || file.name.starts_with('.') ||
        file.name.find_first_not_of(kAllowed) != std::string::npos)
      return fail(ErrorCode::kInvalid, "'" + file.name + "' is no plain file name");
  }
  return {};
}

SandboxPlan plan_of(const SandboxJob& job, bool confine, const std::string& folder) {
  SandboxPlan plan{.job = &job, .confine = confine, .folder = folder};
  plan.gives_up_root = ::geteuid() == 0;
  const auto same = [](unsigned id) {
    return std::to_string(id) + " " + std::to_string(id) + " 1";
  };
  plan.user_map = same(plan.gives_up_root ? kNobody : ::geteuid());
  plan.group_map = same(plan.gives_up_root ? kNobody : ::getegid());
  plan.tmpfs_options = "mode=700,size=" + std::to_string(job.limits.folder_bytes);
  for (const std::string& word : job.argv) plan.argv.push_back(const_cast<char*>(word.c_str()));
  plan.argv.push_back(nullptr);
  for (const char* entry : kEnvironment) plan.environment.push_back(const_cast<char*>(entry));
  plan.environment.push_back(nullptr);
  plan.parent = ::getpid();
  return plan;
}

// What came out of one run.
struct Watched {
  std::string output;
  std::optional<SandboxReport> report;
  bool timed_out = false;
  bool too_much = false;
};

// Reads what is there. False: the other side is closed.
bool take_output(int fd, std::size_t bound, Watched& watched) {
  std::array<char, 16'384> buffer{};
  while (!watched.too_much) {
    const ssize_t count = ::read(fd, buffer.data(), buffer.size());
    if (count == 0) return false;
    if (count < 0) return errno == EAGAIN || errno == EINTR;
    const std::size_t room = bound - watched.output.size();
    watched.output.append(buffer.data(), std::min(room, static_cast<std::size_t>(count)));
    watched.too_much = static_cast<std::size_t>(count) > room;
  }
  return true;
}

Watched watch(const SandboxLimits& limits, int output, int report) {
  Watched watched;
  const auto deadline = Clock::now() + limits.wall;
  bool open = true;
  bool telling = true;
  while (telling) {
    const auto left = std::chrono::duration_cast<milliseconds>(deadline - Clock::now());
    if (left.count() <= 0) {
      watched.timed_out = true;
      return watched;
    }
    std::array<pollfd, 2> both = {pollfd{report, POLLIN, 0}, pollfd{open ? output : -1, POLLIN, 0}};
    if (::poll(both.data(), both.size(), static_cast<int>(left.count())) < 0 && errno != EINTR)
      return watched;
    if (both[1].revents != 0) open = take_output(output, limits.output_bytes, watched);
    if (watched.too_much) return watched;
    if (both[0].revents != 0) {
      SandboxReport said;
      const ssize_t count = ::read(report, &said, sizeof(said));
      if (count == sizeof(said)) watched.report = said;
      telling = count < 0 && (errno == EAGAIN || errno == EINTR);
    }
  }
  if (open) (void)take_output(output, limits.output_bytes, watched);
  return watched;
}

// Ends what is left and waits for it.
void bury(pid_t keeper) {
  ::kill(keeper, SIGTERM);  // it kills the namespace and ends; one that has ended takes no harm
  const auto deadline = Clock::now() + kGrace;
  while (Clock::now() < deadline) {
    const pid_t ended = ::waitpid(keeper, nullptr, WNOHANG);
    if (ended == keeper || (ended < 0 && errno != EINTR)) return;
    ::poll(nullptr, 0, static_cast<int>(kPoll.count()));
  }
  ::kill(keeper, SIGKILL);  // process 1 dies with it
  while (::waitpid(keeper, nullptr, 0) < 0 && errno == EINTR) {
  }
}

Result<SandboxResult> result_of(const Watched& watched, const SandboxPlan& plan) {
  SandboxResult result{.confined = plan.confine, .output = watched.output};
  if (watched.timed_out || watched.too_much) {
    result.end =
        watched.timed_out ? SandboxResult::End::kTimeout : SandboxResult::End::kTooMuchOutput;
    return result;
  }
  if (!watched.report)
    return fail(ErrorCode::kUnavailable, "the sandbox ended without a word; memory may be short");
  const int value = watched.report->value;
  switch (watched.report->stage) {
    case SandboxReport::kEnded:
      break;
    case SandboxReport::kProgram:
      return fail(value == ENOENT ? ErrorCode::kNotFound : ErrorCode::kUnavailable,
                  system_error("the program '" + plan.job->argv[0] + "'", value));
    case SandboxReport::kNamespaces:
    case SandboxReport::kMounts:
      return fail(ErrorCode::kDenied, system_error("this system permits no sandbox", value) +
                                          ". It needs user namespaces; a container may have to "
                                          "allow them. --allow-unsandboxed (in run.toml "
                                          "allow_unsandboxed = true) runs code without");
    case SandboxReport::kFolder:
      return fail(ErrorCode::kIo, system_error("the sandbox's folder", value));
    case SandboxReport::kStart:
    case SandboxReport::kLimits:
      return fail(ErrorCode::kUnavailable, system_error("the sandbox cannot be set up", value));
  }
  const bool signalled = WIFSIGNALED(value);
  result.end = signalled ? SandboxResult::End::kSignal : SandboxResult::End::kExit;
  result.code = signalled ? WTERMSIG(value) : WEXITSTATUS(value);
  return result;
}

Result<SandboxResult> run_once(const SandboxJob& job, bool confine, const std::string& folder) {
  auto output = make_pipe();
  if (!output) return fail(output.error());
  auto report = make_pipe();
  if (!report) return fail(report.error());
  SandboxPlan plan = plan_of(job, confine, folder);
  plan.output = output->write.get();
  plan.report = report->write.get();
  if (!confine && plan.gives_up_root)
    plan.gives_up_root = ::chown(folder.c_str(), kNobody, kNobody) == 0;
  const pid_t keeper = ::fork();
  if (keeper == 0) run_sandbox_child(plan);
  if (keeper < 0)
    return fail(ErrorCode::kUnavailable, system_error("a process for the sandbox", errno));
  output->write.close();
  report->write.close();
  const Watched watched = watch(job.limits, output->read.get(), report->read.get());
  bury(keeper);
  return result_of(watched, plan);
}

}  // namespace

Result<SandboxResult> run_in_sandbox(const SandboxJob& job) {
  if (auto good = check_job(job); !good) return fail(good.error());
  auto result = run_once(job, true, "");
  if (result || result.error().code != ErrorCode::kDenied || !job.allow_unsandboxed) return result;
  spdlog::warn("running code WITHOUT a sandbox, because it was allowed: {}",
               result.error().message);
  auto folder = Folder::make();
  if (!folder) return fail(folder.error());
  return run_once(job, false, folder->path());
}

}  // namespace hone::engine
