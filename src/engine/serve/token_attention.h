// Attention of one new token over what is cached of its sequence: the step that every answer takes
// once a token and layer. Rotates the token's keys and queries, puts keys and values into the
// cache, and attends, all in one pass and without a tensor in between. For processors with AVX-512.
#pragma once

#include <cstdint>

namespace hone::engine {

// The token's part of a layer.
template <typename T>  // float or c10::BFloat16
struct TokenAttention {
  const T* qkv = nullptr;      // [heads + 2 kv_heads, width], not yet rotated
  const float* cos = nullptr;  // [width / 2], of its position
  const float* sin = nullptr;
  T* keys = nullptr;  // [kv_heads, capacity, width]; the token becomes number `before`
  T* values = nullptr;
  std::int64_t head_stride = 0;  // capacity times width
  std::int64_t before = 0;
  T* out = nullptr;  // [heads, width]
  std::int64_t heads = 0;
  std::int64_t kv_heads = 0;
  std::int64_t width = 0;
};

// Whether this processor can, and for this width of a head.
[[nodiscard]] bool attends_to_tokens(std::int64_t head_dim);

// The part of one head of keys, with the queries that share it. Parts are independent of each
// other.
template <typename T>
void attend_to_tokens(const TokenAttention<T>& token, std::int64_t kv_head);

}  // namespace hone::engine
