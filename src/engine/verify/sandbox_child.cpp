// Three processes: the keeper, which answers to our SIGTERM; process 1 of the new namespace, whose
// end is the end of all in it; and the program.
#include "engine/verify/sandbox_child.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/securebits.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <string_view>

namespace hone::engine {
namespace {

using Stage = SandboxReport::Stage;

constexpr int kFailed = 127;

// A signal handler can reach nothing but what is global. It lives in the child's copy alone.
volatile std::sig_atomic_t to_kill = 0;

void kill_all(int) {
  if (to_kill != 0) ::kill(static_cast<pid_t>(to_kill), SIGKILL);
}

void tell(const SandboxPlan& plan, Stage stage, int value) {
  const SandboxReport report{stage, value};
  [[maybe_unused]] const auto written = ::write(plan.report, &report, sizeof(report));
}

[[noreturn]] void give_up(const SandboxPlan& plan, Stage stage) {
  tell(plan, stage, errno);
  ::_exit(kFailed);
}

void must(bool good, const SandboxPlan& plan, Stage stage) {
  if (!good) give_up(plan, stage);
}

bool write_whole(int file, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(file, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

bool write_to(const char* path, std::string_view bytes, int flags) {
  const int file = ::open(path, O_WRONLY | O_CLOEXEC | flags, 0600);
  if (file < 0) return false;
  const bool done = write_whole(file, bytes);
  return ::close(file) == 0 && done;
}

bool set_read_only(const char* path, bool on) {
  mount_attr change{};
  (on ? change.attr_set : change.attr_clr) = MOUNT_ATTR_RDONLY;
  const unsigned flags = on ? AT_RECURSIVE : 0U;
  return ::syscall(SYS_mount_setattr, AT_FDCWD, path, flags, &change, sizeof(change)) == 0;
}

// Dies with whoever forked it.
void die_with_parent() {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
}

// A container may know no other user than its root, and then permits no sandbox; where that is
// allowed, the program runs as this root.
void give_up_root(const SandboxPlan& plan) {
  const bool done = ::setgroups(0, nullptr) == 0 && ::setresgid(kNobody, kNobody, kNobody) == 0 &&
                    ::setresuid(kNobody, kNobody, kNobody) == 0;
  if (plan.confine) must(done, plan, Stage::kNamespaces);
  // Both are taken away with the user.
  ::prctl(PR_SET_DUMPABLE, 1);
  die_with_parent();
}

void enter_namespaces(const SandboxPlan& plan) {
  constexpr int kAll =
      CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS;
  must(::unshare(kAll) == 0, plan, Stage::kNamespaces);
  must(write_to("/proc/self/setgroups", "deny", 0) &&
           write_to("/proc/self/uid_map", plan.user_map, 0) &&
           write_to("/proc/self/gid_map", plan.group_map, 0),
       plan, Stage::kNamespaces);
  must(::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0, plan, Stage::kMounts);
  constexpr unsigned long kPlain = MS_NOSUID | MS_NODEV;
  must(::mount("tmpfs", "/run", "tmpfs", kPlain, "size=64k,mode=555") == 0, plan, Stage::kMounts);
  must(::mount("tmpfs", "/tmp", "tmpfs", kPlain, plan.tmpfs_options.c_str()) == 0, plan,
       Stage::kMounts);
  must(set_read_only("/", true) && set_read_only("/tmp", false), plan, Stage::kMounts);
}

bool limit(int what, std::int64_t soft, std::int64_t hard) {
  const rlimit value{static_cast<rlim_t>(soft), static_cast<rlim_t>(hard)};
  return ::setrlimit(static_cast<__rlimit_resource>(what), &value) == 0;
}

void set_limits(const SandboxPlan& plan) {
  const SandboxLimits& limits = plan.job->limits;
  const auto both = [](int what, std::int64_t value) { return limit(what, value, value); };
  must(limit(RLIMIT_CPU, limits.cpu_seconds, limits.cpu_seconds + 1) &&
           both(RLIMIT_FSIZE, limits.folder_bytes) && both(RLIMIT_NOFILE, limits.open_files) &&
           both(RLIMIT_CORE, 0) && both(RLIMIT_MEMLOCK, 0) &&
           both(RLIMIT_NPROC, limits.processes) && both(RLIMIT_AS, limits.memory_bytes),
       plan, Stage::kLimits);
}

[[noreturn]] void run_program(const SandboxPlan& plan) {
  if (plan.confine) {
    // A /proc of its own, where that is permitted; the outer one shows nothing that it may read.
    ::mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr);
    ::prctl(PR_SET_SECUREBITS, SECBIT_NOROOT | SECBIT_NOROOT_LOCKED);
    must(::chdir("/tmp") == 0, plan, Stage::kFolder);
  }
  for (const SandboxFile& file : plan.job->files)
    must(write_to(file.name.c_str(), file.content, O_CREAT | O_EXCL), plan, Stage::kFolder);
  must(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, plan, Stage::kLimits);
  set_limits(plan);
  environ = const_cast<char**>(plan.environment.data());  // whose PATH the program is looked for in
  ::execvp(plan.argv[0], plan.argv.data());
  give_up(plan, Stage::kProgram);
}

// The wait status of `child`; others that end meanwhile are buried.
int wait_for(pid_t child) {
  while (true) {
    int status = 0;
    const pid_t ended = ::waitpid(-1, &status, 0);
    if (ended == child) return status;
    if (ended < 0 && errno != EINTR) return kFailed << 8;
  }
}

// Process 1 of the namespace. When it ends, the kernel kills all that is left in there.
[[noreturn]] void be_first(const SandboxPlan& plan) {
  die_with_parent();
  const pid_t program = ::_Fork();
  if (program == 0) {
    die_with_parent();
    run_program(plan);
  }
  must(program > 0, plan, Stage::kStart);
  tell(plan, Stage::kEnded, wait_for(program));
  ::_exit(0);
}

void take_default_signals() {
  ::signal(SIGPIPE, SIG_DFL);
  ::signal(SIGTERM, SIG_DFL);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

void set_descriptors(const SandboxPlan& plan) {
  const int nothing = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  must(nothing >= 0 && ::dup2(nothing, STDIN_FILENO) >= 0 &&
           ::dup2(plan.output, STDOUT_FILENO) >= 0 && ::dup2(plan.output, STDERR_FILENO) >= 0,
       plan, Stage::kStart);
  constexpr int kFirst = STDERR_FILENO + 1;
  must(::close_range(kFirst, ~0U, CLOSE_RANGE_CLOEXEC) == 0, plan, Stage::kStart);
}

}  // namespace

void run_sandbox_child(const SandboxPlan& plan) {
  die_with_parent();
  if (::getppid() != plan.parent) ::_exit(kFailed);  // it died before prctl
  ::setsid();
  set_descriptors(plan);
  if (!plan.confine) must(::chdir(plan.folder.c_str()) == 0, plan, Stage::kFolder);
  if (plan.gives_up_root) give_up_root(plan);
  if (plan.confine) enter_namespaces(plan);
  // The program can neither trace us and speak through our pipe, nor read our environment.
  ::prctl(PR_SET_DUMPABLE, 0);
  die_with_parent();

  sigset_t term;
  ::sigemptyset(&term);
  ::sigaddset(&term, SIGTERM);
  ::sigprocmask(SIG_BLOCK, &term, nullptr);  // until it is known whom to kill
  struct sigaction action{};
  action.sa_handler = kill_all;
  ::sigaction(SIGTERM, &action, nullptr);
  const pid_t child = ::_Fork();
  if (child == 0) {
    take_default_signals();
    if (plan.confine) be_first(plan);
    die_with_parent();
    ::setpgid(0, 0);
    run_program(plan);
  }
  must(child > 0, plan, Stage::kStart);
  if (!plan.confine) ::setpgid(child, child);  // whoever of the two comes first
  to_kill = plan.confine ? child : -child;
  ::signal(SIGPIPE, SIG_DFL);
  ::sigprocmask(SIG_UNBLOCK, &term, nullptr);
  const int status = wait_for(child);
  if (!plan.confine) {
    ::kill(-child, SIGKILL);
    tell(plan, Stage::kEnded, status);
  }
  ::_exit(0);
}

}  // namespace hone::engine
