// Caches of sequences that ended, so that another one with the same beginning (the system message,
// the conversation so far, the prompt of a scored answer) starts from a copy. Bounded by tokens;
// what was not used longest goes first. Batcher's thread only.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <span>
#include <vector>

#include "engine/serve/generation.h"
#include "engine/serve/kv_cache.h"

namespace hone::engine {

// A copy of fewer tokens than this costs more than it saves.
inline constexpr std::int64_t kMinSharedTokens = 8;

[[nodiscard]] std::int64_t common_beginning(std::span<const std::int64_t> a,
                                            std::span<const std::int64_t> b);

class PrefixStore {
 public:
  explicit PrefixStore(std::int64_t max_tokens) : max_tokens_(max_tokens) {}

  struct Kept {
    std::vector<std::int64_t> ids;  // as many as the cache holds
    std::shared_ptr<const ServingAdapter> adapter;
    KvCache cache;
    std::vector<TokenLogprob> scores;  // of ids[1], ids[2], … as far as they were asked for
  };
  void keep(Kept kept);

  struct Match {
    const Kept* kept = nullptr;
    std::int64_t tokens = 0;
  };
  // The longest beginning of `ids` under `adapter`, which leaves at least one token to compute.
  // With `scored`, only as far as the log-probability of every token after the copy can be told:
  // the state before the first new token is not kept.
  [[nodiscard]] Match find(std::span<const std::int64_t> ids, const ServingAdapter* adapter,
                           bool scored);

 private:
  std::int64_t max_tokens_;
  std::int64_t tokens_ = 0;
  std::list<Kept> kept_;  // the most recently used first
};

}  // namespace hone::engine
