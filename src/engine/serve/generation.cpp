#include "engine/serve/generation.h"

#include <iterator>
#include <utility>

namespace hone::engine {
namespace {

template <typename T>
void append(std::vector<T>& to, std::vector<T>&& from) {
  to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
}

}  // namespace

void Generation::next(std::function<void(Result<Piece>)> done) {
  std::unique_lock lock(mutex_);
  HONE_ASSERT(!waiting_);
  waiting_ = std::move(done);
  hand_over(lock);
}

void Generation::deliver(Piece piece) {
  std::unique_lock lock(mutex_);
  if (ready_) {
    ready_->text += piece.text;
    ready_->tokens += piece.tokens;
    append(ready_->logprobs, std::move(piece.logprobs));
    append(ready_->prompt_logprobs, std::move(piece.prompt_logprobs));
    ready_->finish = piece.finish;
    ready_->stop_string = std::move(piece.stop_string);
  } else {
    ready_ = std::move(piece);
  }
  hand_over(lock);
}

void Generation::fail_with(Error error) {
  std::unique_lock lock(mutex_);
  error_ = std::move(error);
  hand_over(lock);
}

// Calls the reader without the lock, because it may ask for the next piece at once.
void Generation::hand_over(std::unique_lock<std::mutex>& lock) {
  if (!waiting_ || (!ready_ && !error_)) return;
  auto done = std::exchange(waiting_, nullptr);
  if (ready_) {
    Piece piece = std::move(*ready_);
    ready_.reset();
    lock.unlock();
    done(std::move(piece));
  } else {
    Error error = *error_;
    lock.unlock();
    done(fail(std::move(error)));
  }
}

}  // namespace hone::engine
