#include "cli/machine.h"

#include <sys/resource.h>

#include <algorithm>
#include <thread>

#include "base/log.h"
#include "net/server.h"

namespace hone::cli {

int processors() {
  return std::clamp(static_cast<int>(std::thread::hardware_concurrency()), 2, 32);
}

std::size_t connections_allowed() {
  constexpr rlim_t kOthers = 128;
  const std::size_t wanted = net::ServerOptions().max_connections;
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) != 0) return wanted;
  files.rlim_cur = files.rlim_max;
  if (::setrlimit(RLIMIT_NOFILE, &files) != 0) return wanted;
  if (files.rlim_max == RLIM_INFINITY || files.rlim_max >= 2 * wanted + kOthers) return wanted;
  const std::size_t allowed = files.rlim_max > 2 * kOthers ? (files.rlim_max - kOthers) / 2 : 1;
  spdlog::warn("the system allows {} open files: at most {} connections (ulimit -n raises it)",
               files.rlim_max, allowed);
  return allowed;
}

}  // namespace hone::cli
