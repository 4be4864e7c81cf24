// One request on its way through the batcher: what is asked, and the channel in which the answer
// comes.
//
//   auto generation = std::make_shared<Generation>(std::move(order));
//   if (auto taken = batcher.submit(generation); !taken) …            // kUnavailable: the queue is
//   full auto piece = co_await net::await_callback<Piece>(60s, [&](auto done) {
//   generation->next(done); });
//
// The batcher writes from its own thread, one reader reads; `cancel` may be called by anyone.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/constrain/constraint.h"
#include "engine/serve/serving_model.h"

namespace hone::engine {

struct Order {
  std::vector<std::int64_t> prompt;
  std::shared_ptr<const ServingAdapter> adapter;  // null: the base model
  std::int64_t max_tokens = 16;                   // 0: the prompt is only read
  double temperature = 0;                         // 0: greedy
  double top_p = 1;
  std::uint64_t seed = 0;
  std::vector<std::string> stop;
  bool ignore_eos = false;
  bool whole = false;  // one piece at the end is enough
  // How many likeliest tokens to report beside each chosen (or prompt) token; nothing: no
  // log-probs.
  std::optional<int> logprobs;
  std::optional<int> prompt_logprobs;
  // What the answer is held to; null: nothing. Not with ignore_eos.
  std::shared_ptr<Constraint> constraint;
  // The format puts a blank before an answer (Llama 2), which is not shown.
  bool begins_with_blank = false;
};

struct TokenLogprob {
  std::int64_t id = 0;
  float logprob = 0;
  std::int64_t rank = 1;  // 1: the likeliest
  struct Alternative {
    std::int64_t id = 0;
    float logprob = 0;
  };
  std::vector<Alternative> likeliest;
};

enum class Finish { kStop, kStopString, kLength };

// A part of the answer, or several run together where the reader was slower than the model.
struct Piece {
  std::string text;
  std::int64_t tokens = 0;             // generated, the end token included
  std::vector<TokenLogprob> logprobs;  // of those whose text is shown, where asked for
  // The first piece of an order with prompt_logprobs has one entry a prompt token after the first.
  std::vector<TokenLogprob> prompt_logprobs;
  std::optional<Finish> finish;  // in the last piece
  std::string stop_string;       // the one that ended it
};

class Generation {
 public:
  explicit Generation(Order order) : order_(std::move(order)) {}

  [[nodiscard]] const Order& order() const { return order_; }

  // Calls `done` once, with the next piece or an error, now or later, from any thread. After the
  // last piece, or an error, nothing more comes.
  void next(std::function<void(Result<Piece>)> done);
  void cancel() { cancelled_ = true; }
  [[nodiscard]] bool cancelled() const { return cancelled_; }

  // For the batcher.
  void deliver(Piece piece);
  void fail_with(Error error);

 private:
  void hand_over(std::unique_lock<std::mutex>& lock);

  const Order order_;
  std::atomic<bool> cancelled_ = false;
  std::mutex mutex_;
  std::optional<Piece> ready_;
  std::optional<Error> error_;
  std::function<void(Result<Piece>)> waiting_;
};

}  // namespace hone::engine
