#include "engine/serve/prefix_store.h"

#include <algorithm>

namespace hone::engine {

std::int64_t common_beginning(std::span<const std::int64_t> a, std::span<const std::int64_t> b) {
  return std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first - a.begin();
}

void PrefixStore::keep(Kept kept) {
  if (kept.cache.length() > max_tokens_ || kept.cache.length() < kMinSharedTokens) return;
  HONE_ASSERT(static_cast<std::int64_t>(kept.ids.size()) == kept.cache.length());
  tokens_ += kept.cache.length();
  kept_.push_front(std::move(kept));
  while (tokens_ > max_tokens_) {
    tokens_ -= kept_.back().cache.length();
    kept_.pop_back();
  }
}

PrefixStore::Match PrefixStore::find(std::span<const std::int64_t> ids,
                                     const ServingAdapter* adapter, bool scored) {
  auto best = kept_.end();
  std::int64_t longest = kMinSharedTokens - 1;
  for (auto kept = kept_.begin(); kept != kept_.end(); ++kept) {
    if (kept->adapter.get() != adapter) continue;
    std::int64_t tokens = common_beginning(kept->ids, ids);
    if (scored) tokens = std::min(tokens - 1, static_cast<std::int64_t>(kept->scores.size()));
    tokens = std::min(tokens, static_cast<std::int64_t>(ids.size()) - 1);
    if (tokens <= longest) continue;
    longest = tokens;
    best = kept;
  }
  if (best == kept_.end()) return {};
  kept_.splice(kept_.begin(), kept_, best);
  return {&kept_.front(), longest};
}

}  // namespace hone::engine
