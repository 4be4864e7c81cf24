// Runs a program that nobody trusts (what a model wrote, and tests over it), contained:
//
// - its own user, process, network, IPC and mount namespaces: no network, no other process to see,
//   the file system read-only but for its folder, a tmpfs of bounded size that goes away with it;
//   /run and /tmp are empty. Root is given up for `nobody` first. No new privileges, no
//   capabilities;
// - limits on CPU time, memory (of each process), file size, open files and processes;
// - a wall clock, at whose end the whole process namespace is killed, whatever it forked;
// - an environment of its own, standard input empty, and an output that is cut at a bound.
//
// Where the system does not permit the namespaces, it refuses with kDenied, unless
// `allow_unsandboxed`: then only the limits, the clock and a temporary folder are left, it says so
// aloud, and a process that leaves its group may outlive the run.
//
// Blocks until the program has ended. Any thread; not from one that may end while it runs.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"

namespace hone::engine {

struct SandboxLimits {
  std::chrono::milliseconds wall{10'000};
  std::int64_t cpu_seconds = 10;
  std::int64_t memory_bytes = 1LL << 30;   // of address space, each process
  std::int64_t folder_bytes = 64LL << 20;  // of files, together and each
  std::int64_t processes = 32;             // threads count
  std::int64_t open_files = 64;
  std::size_t output_bytes = 64U << 10;  // standard output and error together
};

struct SandboxFile {
  std::string name;  // letters, digits, '.', '_' and '-', not beginning with '.'
  std::string content;
};

struct SandboxJob {
  std::vector<std::string> argv;   // argv[0] is a path, or is looked up in the system's folders
  std::vector<SandboxFile> files;  // written into the folder where it runs
  SandboxLimits limits;
  bool allow_unsandboxed = false;
};

struct SandboxResult {
  enum class End { kExit, kSignal, kTimeout, kTooMuchOutput };
  End end = End::kExit;
  int code = 0;  // the exit code, or the signal
  bool confined = true;
  std::string output;  // as far as its bound
};

// kDenied: no sandbox is permitted here. kNotFound: there is no such program.
[[nodiscard]] Result<SandboxResult> run_in_sandbox(const SandboxJob& job);

}  // namespace hone::engine
