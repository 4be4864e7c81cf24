// Continuous batching (Yu et al. 2022, "Orca"): one thread computes step after step, and in each
// step every running sequence gets its next token, while new ones join with (a part of) their
// prompt and finished or abandoned ones leave. Sequences of several adapters share a step. A prompt
// that begins as that of a running sequence does takes the beginning from it.
//
//   Batcher batcher(model, tokenizer, {.end_tokens = {2}});
//   if (auto taken = batcher.submit(generation); !taken) return taken.error();
//
// The queue before it is bounded; beyond it `submit` refuses. Thread-safe.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "base/result.h"
#include "engine/model/tokenizer.h"
#include "engine/serve/generation.h"
#include "engine/serve/serving_model.h"

namespace hone::engine {

struct BatcherOptions {
  std::vector<std::int64_t> end_tokens;  // any of them ends an answer
  std::size_t max_running = 32;
  std::size_t max_waiting = 512;
  std::int64_t step_tokens = 256;   // of prompts in one step, so that running answers keep flowing
  std::int64_t kept_tokens = 4096;  // caches of ended sequences, see prefix_store.h
  int threads = 2;
};

struct BatcherCounters {
  std::atomic<std::uint64_t> taken = 0;
  std::atomic<std::uint64_t> refused = 0;  // the queue was full
  std::atomic<std::uint64_t> cancelled = 0;
  std::atomic<std::uint64_t> failed = 0;  // ended by an error of ours
  std::atomic<std::uint64_t> steps = 0;
  std::atomic<std::uint64_t> prompt_tokens = 0;
  std::atomic<std::uint64_t> copied_tokens = 0;  // of them, from kept caches and running rows
  std::atomic<std::uint64_t> generated_tokens = 0;
  std::atomic<std::uint64_t> running = 0;  // now
  std::atomic<std::uint64_t> waiting = 0;  // now
};

class Batcher {
 public:
  // Borrows both, which must outlive it.
  Batcher(const ServingModel& model, const Tokenizer& tokenizer, BatcherOptions options);
  ~Batcher();  // stop()
  Batcher(const Batcher&) = delete;
  Batcher& operator=(const Batcher&) = delete;

  // Prompt and answer must fit the model's context; the prompt has at least one token.
  [[nodiscard]] Result<void> submit(std::shared_ptr<Generation> generation);

  // Ends what is running or waiting with kUnavailable, and joins. Idempotent.
  void stop();

  [[nodiscard]] bool stopping() const;

  [[nodiscard]] const BatcherCounters& counters() const { return counters_; }

 private:
  class Loop;

  const ServingModel& model_;
  const Tokenizer& tokenizer_;
  const BatcherOptions options_;
  BatcherCounters counters_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::shared_ptr<Generation>> waiting_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace hone::engine
