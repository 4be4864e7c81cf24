#include "net/turnstile.h"

#include <utility>
#include <vector>

#include "net/await.h"

namespace hone::net {

awaitable<bool> Turnstile::wait(std::chrono::milliseconds patience, std::function<bool()> closed) {
  if (!closed()) co_return true;
  auto join = [this, &closed](Go go) {
    {
      const std::lock_guard lock(mutex_);
      waiting_.push_back(std::move(go));
    }
    if (!closed()) let(1);
  };
  const auto let_through = co_await await_callback<bool>(patience, std::move(join));
  co_return let_through.has_value();
}

void Turnstile::let(std::size_t count) {
  std::vector<Go> first;
  {
    const std::lock_guard lock(mutex_);
    while (first.size() < count && !waiting_.empty()) {
      first.push_back(std::move(waiting_.front()));
      waiting_.pop_front();
    }
  }
  for (auto& go : first) go(true);
}

std::size_t Turnstile::waiting() const {
  const std::lock_guard lock(mutex_);
  return waiting_.size();
}

}  // namespace hone::net
