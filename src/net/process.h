// Child processes that die with us: a trainer or an engine must not go on without its supervisor.
// The kernel kills the child when the thread that spawned it ends, so spawn from a thread that
// outlives it. One that is to take our place outlives us instead.
//
// A child has standard input, output and error, and of our other descriptors those that are named:
// a client's connection that lived on in a child would never end for the client.
//
//   auto child = Process::spawn({.argv = {"hone-engine", "serve"}, .log_file = "engine.log"});
//   if (!child->running()) ...
//   child->terminate(5s);
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace hone::net {

struct ProcessOptions {
  std::vector<std::string> argv;                   // argv[0] is a path, or is looked up in PATH
  std::map<std::string, std::string> environment;  // added to ours
  std::string log_file;     // its stdout and stderr are appended there; "" leaves them as ours
  std::string folder;       // to run in; "" for ours
  std::vector<int> keep{};  // descriptors of ours that it gets, under their numbers
  bool outlives_us = false;
};

struct ExitStatus {
  int code = 0;    // of exit(); 128 + signal where a signal ended it
  int signal = 0;  // 0 where it exited by itself
};

class Process {
 public:
  // kNotFound where there is no such program; kIo for the rest.
  [[nodiscard]] static Result<Process> spawn(const ProcessOptions& options);
  Process(Process&& other) noexcept;
  Process& operator=(Process&& other) noexcept;
  ~Process();  // kills what still runs

  [[nodiscard]] int pid() const { return pid_; }
  [[nodiscard]] bool running();
  [[nodiscard]] ExitStatus wait();
  [[nodiscard]] std::optional<ExitStatus> wait_for(std::chrono::milliseconds timeout);
  // SIGTERM, then SIGKILL after `grace`.
  ExitStatus terminate(std::chrono::milliseconds grace);
  // It goes on without us, and is here as if it had ended.
  void let_go() {
    exit_.emplace();
    pid_ = -1;
  }

 private:
  explicit Process(int pid) : pid_(pid) {}
  int pid_ = -1;
  std::optional<ExitStatus> exit_;
};

}  // namespace hone::net
