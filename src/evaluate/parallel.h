// The same call for many inputs, some at a time, on threads that are joined before it returns.
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "base/result.h"

namespace hone::evaluate {

// `call(i)` for i in [0, count) on at most `workers` threads; results in order. The first error
// stops what has not begun and is what comes back. `progress(done, count)` is called by one thread
// at a time.
template <typename T>
[[nodiscard]] Result<std::vector<T>> run_all(
    std::size_t count, std::size_t workers, const std::function<Result<T>(std::size_t)>& call,
    const std::function<void(std::size_t, std::size_t)>& progress) {
  std::vector<std::optional<T>> results(count);
  std::optional<Error> first_error;
  std::atomic<std::size_t> next = 0;
  std::mutex mutex;  // guards first_error and done, and is held while progress is told
  std::size_t done = 0;
  const auto work = [&] {
    for (std::size_t i = next++; i < count; i = next++) {
      auto result = call(i);
      const std::lock_guard lock(mutex);
      if (first_error) return;
      if (!result) {
        first_error = result.error();
        next = count;
        return;
      }
      results[i] = std::move(*result);
      ++done;
      if (progress) progress(done, count);
    }
  };
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < std::min(workers, count); ++i) threads.emplace_back(work);
  }
  if (first_error) return fail(std::move(*first_error));
  std::vector<T> all;
  all.reserve(count);
  for (auto& result : results) all.push_back(std::move(*result));
  return all;
}

}  // namespace hone::evaluate
