// The far side of the fork: from here on only async-signal-safe calls, on what was made before.
// Only for sandbox.cpp.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "engine/verify/sandbox.h"

namespace hone::engine {

// What goes wrong, or how the program ended, as the child tells it through a pipe.
struct SandboxReport {
  enum Stage : int { kEnded, kStart, kNamespaces, kMounts, kFolder, kLimits, kProgram };
  Stage stage = kEnded;
  int value = 0;  // a wait status (kEnded), or errno
};

struct SandboxPlan {
  const SandboxJob* job = nullptr;
  bool confine = true;
  std::string folder;  // where it runs, unless confined
  std::string tmpfs_options;
  std::string user_map;
  std::string group_map;
  std::vector<char*> argv;
  std::vector<char*> environment;
  bool gives_up_root = false;
  pid_t parent = 0;
  int output = -1;  // written by the program
  int report = -1;  // written by us
};

inline constexpr unsigned kNobody = 65534;

[[noreturn]] void run_sandbox_child(const SandboxPlan& plan);

}  // namespace hone::engine
