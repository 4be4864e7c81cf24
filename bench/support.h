// What the benchmarks share: a failure ends them, and processor time is that of the thread that
// asks.
#pragma once

#include <time.h>

#include <cstdio>
#include <cstdlib>
#include <utility>

#include "base/result.h"

namespace hone::bench {

inline void must(const Result<void>& result) {
  if (result) return;
  std::fprintf(stderr, "%s\n", result.error().message.c_str());
  std::exit(1);
}

template <typename T>
T must(Result<T> result) {
  if (!result) must(Result<void>(fail(result.error())));
  return std::move(*result);
}

inline double cpu_seconds() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

}  // namespace hone::bench
