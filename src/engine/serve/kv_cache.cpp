#include "engine/serve/kv_cache.h"

#include <ATen/ATen.h>

#include <algorithm>

namespace hone::engine {

KvCache::KvCache(const ServingModel& model) {
  const LlamaConfig& config = model.config;
  values_ = at::empty({config.num_hidden_layers, 2, config.num_key_value_heads, 0, config.head_dim},
                      activation_type(model.arithmetic));
}

void KvCache::reserve(std::int64_t tokens) {
  const std::int64_t capacity = values_.size(3);
  if (tokens <= capacity) return;
  std::vector<std::int64_t> shape = values_.sizes().vec();
  shape[3] = std::max<std::int64_t>(64, std::max(tokens, 2 * capacity));
  const at::Tensor grown = at::empty(shape, values_.options());
  if (length_ > 0) grown.narrow(3, 0, length_).copy_(values_.narrow(3, 0, length_));
  values_ = grown;
}

void KvCache::copy_beginning(const KvCache& other, std::int64_t tokens) {
  HONE_ASSERT(length_ <= tokens && tokens <= other.length_);
  reserve(tokens);
  const std::int64_t more = tokens - length_;
  values_.narrow(3, length_, more).copy_(other.values_.narrow(3, length_, more));
  length_ = tokens;
}

}  // namespace hone::engine
