// Waits in a coroutine for work that reports by a callback from any thread, with a deadline.
//
//   auto position = co_await net::await_callback<std::int64_t>(30s, [&](auto done) {
//     outbox.append_synced(record, std::move(done));
//   });
//
// Resumes on the coroutine's own loop. kTimeout where the callback has not come in time: the work
// itself goes on, and its late callback is ignored.
#pragma once

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "base/result.h"
#include "net/async.h"

namespace hone::net {

// What the deadline and the callback share. Touched on the coroutine's loop only.
template <typename T, typename Handler>
struct PendingCallback {
  PendingCallback(Handler h, const Executor& executor) : handler(std::move(h)), timer(executor) {}
  void complete(Result<T> result) {
    if (!handler) return;
    Handler taken = std::move(*handler);
    handler.reset();
    timer.cancel();
    std::move(taken)(std::move(result));
  }
  std::optional<Handler> handler;
  Timer timer;
};

template <typename T>
[[nodiscard]] awaitable<Result<T>> await_callback(
    std::chrono::milliseconds deadline, std::function<void(std::function<void(Result<T>)>)> start) {
  return asio::async_initiate<const asio::use_awaitable_t<Executor>, void(Result<T>)>(
      [deadline](auto handler, const std::function<void(std::function<void(Result<T>)>)>& begin) {
        const Executor executor = asio::get_associated_executor(handler);
        using Pending = PendingCallback<T, decltype(handler)>;
        auto pending = std::make_shared<Pending>(std::move(handler), executor);
        pending->timer.expires_after(deadline);
        pending->timer.async_wait([pending](const boost::system::error_code& error) {
          if (!error) pending->complete(fail(ErrorCode::kTimeout, "no answer within the deadline"));
        });
        begin([pending, executor](Result<T> result) {
          asio::post(executor, [pending, result = std::move(result)]() mutable {
            pending->complete(std::move(result));
          });
        });
      },
      use_awaitable, std::move(start));
}

}  // namespace hone::net
