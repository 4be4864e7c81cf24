#include "support/postgres.h"

#include <grp.h>
#include <libpq-fe.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <thread>
#include <vector>

#include "support/temp_folder.h"

namespace hone::test {
namespace {

namespace fs = std::filesystem;

fs::path find_programs() {
  if (const char* named = std::getenv("HONE_POSTGRES_BIN"); named != nullptr) return named;
  fs::path newest;
  std::error_code absent;
  for (const auto& version : fs::directory_iterator("/usr/lib/postgresql", absent)) {
    if (version.path() > newest && fs::exists(version.path() / "bin/postgres")) {
      newest = version.path();
    }
  }
  return newest.empty() ? newest : newest / "bin";
}

// PostgreSQL refuses to run as root.
void become_postgres() {
  if (getuid() != 0) return;
  const passwd* user = getpwnam("postgres");
  if (user == nullptr || initgroups("postgres", user->pw_gid) != 0 || setgid(user->pw_gid) != 0 ||
      setuid(user->pw_uid) != 0) {
    _exit(126);
  }
}

pid_t start(const std::vector<std::string>& command, const std::string& log) {
  std::vector<char*> arguments;
  for (const auto& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  std::fflush(nullptr);  // or the child writes our buffers again
  const pid_t child = fork();
  if (child != 0) return child;
  if (std::freopen(log.c_str(), "a", stdout) == nullptr) _exit(125);
  dup2(1, 2);
  become_postgres();
  // After the change of user, which clears it. A fast shutdown if the test program is killed.
  prctl(PR_SET_PDEATHSIG, SIGINT);
  execv(arguments[0], arguments.data());
  _exit(127);
}

class Server {
 public:
  Server() {
    const fs::path programs = find_programs();
    if (programs.empty()) return;
    if (getuid() == 0) {
      const passwd* user = getpwnam("postgres");
      if (user == nullptr || chown(folder_.path().c_str(), user->pw_uid, user->pw_gid) != 0) return;
    }
    const std::string data = folder_ / "data";
    const std::string log = folder_ / "log";
    const pid_t made = start({programs / "initdb", "-D", data, "-N", "-A", "trust", "-U", "hone",
                              "-E", "UTF8", "--locale=C.UTF-8"},
                             log);
    int status = 0;
    if (waitpid(made, &status, 0) != made || status != 0) return;
    child_ = start({programs / "postgres", "-D", data, "-k", folder_.path(), "-c",
                    "listen_addresses=", "-c", "fsync=off", "-c", "max_connections=40"},
                   log);
    ready_ = wait_until_ready();
  }
  ~Server() {
    if (child_ <= 0) return;
    kill(child_, SIGINT);
    waitpid(child_, nullptr, 0);
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  [[nodiscard]] bool ready() const { return ready_; }
  [[nodiscard]] std::string url() const {
    return "postgres://hone@/postgres?host=" + folder_.path();
  }

 private:
  bool wait_until_ready() {
    for (int i = 0; i < 300; ++i) {
      if (PQping(url().c_str()) == PQPING_OK) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    return false;
  }

  TempFolder folder_;
  pid_t child_ = 0;
  bool ready_ = false;
};

}  // namespace

std::string new_postgres_schema() {
  static Server server;
  static int count = 0;
  if (!server.ready()) {
    if (count++ == 0) std::fprintf(stderr, "SKIPPED: tests on PostgreSQL, none is installed\n");
    return "";
  }
  const std::string schema = "test_" + std::to_string(++count);
  const std::unique_ptr<PGconn, void (*)(PGconn*)> handle(PQconnectdb(server.url().c_str()),
                                                          PQfinish);
  const std::unique_ptr<PGresult, void (*)(PGresult*)> made(
      PQexec(handle.get(), ("CREATE SCHEMA " + schema).c_str()), PQclear);
  HONE_ASSERT(PQresultStatus(made.get()) == PGRES_COMMAND_OK);
  return server.url() + "&options=-csearch_path%3D" + schema;
}

}  // namespace hone::test
