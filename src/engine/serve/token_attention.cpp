#include "engine/serve/token_attention.h"

#include <c10/util/BFloat16.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <vector>

#include "base/result.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace hone::engine {

#if defined(__x86_64__)
namespace {

constexpr std::int64_t kLanes = 16;
constexpr std::int64_t kWidest = 256;  // of a head

#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512vl")

__m512 load(const float* at) {
  return _mm512_loadu_ps(at);
}

__m512 load(const c10::BFloat16* at) {
  const __m256i bits = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at));
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(bits), 16));
}

// The lanes of a register as one number, by `both` of two. (g++ 12's own reductions warn of values
// that are not initialised, GCC bug 105593.)
template <typename Both>
float over_lanes(__m512 v, Both both) {
  const __m256 eight = both(__builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7),
                            __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15));
  const __m128 four = both(__builtin_shufflevector(eight, eight, 0, 1, 2, 3),
                           __builtin_shufflevector(eight, eight, 4, 5, 6, 7));
  const __m128 two = both(four, __builtin_shufflevector(four, four, 2, 3, 0, 1));
  return both(two, __builtin_shufflevector(two, two, 1, 0, 3, 2))[0];
}

float sum_of(__m512 v) {
  return over_lanes(v, [](auto a, auto b) { return a + b; });
}

float largest_of(__m512 v) {
  return over_lanes(v, [](auto a, auto b) { return a > b ? a : b; });
}

// e^x for x <= 0 within 2 units of the last place: 2^n times a polynomial on [-ln 2 / 2, ln 2 / 2]
// (its Taylor series to the seventh power, whose rest is under 2^-26 there).
__m512 exp_of(__m512 x) {
  const __m512 n = _mm512_roundscale_ps(_mm512_mul_ps(x, _mm512_set1_ps(1.442695041F)), 0);
  __m512 r = _mm512_fnmadd_ps(n, _mm512_set1_ps(0.693145752F), x);
  r = _mm512_fnmadd_ps(n, _mm512_set1_ps(1.42860677e-6F), r);
  __m512 p = _mm512_set1_ps(1.0F / 5040);
  for (const float c : {1.0F / 720, 1.0F / 120, 1.0F / 24, 1.0F / 6, 0.5F, 1.0F, 1.0F}) {
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(c));
  }
  return _mm512_scalef_ps(p, n);
}

// scores[0, count) becomes their softmax, not yet divided by its sum, which is given. Up to the
// next multiple of sixteen there is room.
float exponentials(float* scores, std::int64_t count) {
  std::fill(scores + count, scores + (count + kLanes - 1) / kLanes * kLanes,
            -std::numeric_limits<float>::infinity());
  __m512 most = _mm512_set1_ps(-std::numeric_limits<float>::infinity());
  for (std::int64_t t = 0; t < count; t += kLanes) most = _mm512_max_ps(most, load(scores + t));
  const __m512 largest = _mm512_set1_ps(largest_of(most));
  __m512 sum = _mm512_setzero_ps();
  for (std::int64_t t = 0; t < count; t += kLanes) {
    // Below -100 nothing is left of it, and minus infinity has no fraction to round.
    const __m512 x = _mm512_max_ps(_mm512_sub_ps(load(scores + t), largest), _mm512_set1_ps(-100));
    const __m512 e = exp_of(x);
    _mm512_storeu_ps(scores + t, e);
    sum = _mm512_add_ps(sum, e);
  }
  return sum_of(sum);
}

template <typename T>
void scores_of(const float* query, const T* keys, std::int64_t count, std::int64_t width,
               float* scores) {
  for (std::int64_t t = 0; t < count; ++t, keys += width) {
    __m512 sum = _mm512_mul_ps(load(query), load(keys));
    for (std::int64_t i = kLanes; i < width; i += kLanes) {
      sum = _mm512_fmadd_ps(load(query + i), load(keys + i), sum);
    }
    scores[t] = sum_of(sum);
  }
}

template <typename T>
void weighted_sum(const float* weights, const T* values, std::int64_t count, std::int64_t width,
                  float scale, T* out) {
  for (std::int64_t i = 0; i < width; i += kLanes) {
    __m512 sum = _mm512_setzero_ps();
    for (std::int64_t t = 0; t < count; ++t) {
      sum = _mm512_fmadd_ps(_mm512_set1_ps(weights[t]), load(values + t * width + i), sum);
    }
    float lanes[kLanes];
    _mm512_storeu_ps(lanes, _mm512_mul_ps(sum, _mm512_set1_ps(scale)));
    for (std::int64_t lane = 0; lane < kLanes; ++lane) out[i + lane] = static_cast<T>(lanes[lane]);
  }
}

#pragma GCC pop_options

// Component i turns with component i + width / 2. Rounded to T, as keys in the cache are.
template <typename T>
void rotate(const T* from, const float* cos, const float* sin, std::int64_t width, T* into) {
  const std::int64_t half = width / 2;
  for (std::int64_t i = 0; i < half; ++i) {
    const auto low = static_cast<float>(from[i]);
    const auto high = static_cast<float>(from[i + half]);
    into[i] = static_cast<T>(low * cos[i] - high * sin[i]);
    into[i + half] = static_cast<T>(high * cos[i] + low * sin[i]);
  }
}

}  // namespace

bool attends_to_tokens(std::int64_t head_dim) {
  return __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512bw") != 0 &&
         __builtin_cpu_supports("avx512vl") != 0 && head_dim % kLanes == 0 && head_dim <= kWidest;
}

template <typename T>
void attend_to_tokens(const TokenAttention<T>& token, std::int64_t kv_head) {
  const std::int64_t width = token.width;
  const std::int64_t sharing = token.heads / token.kv_heads;
  const std::int64_t count = token.before + 1;
  T* keys = token.keys + kv_head * token.head_stride;
  T* values = token.values + kv_head * token.head_stride;
  const T* key = token.qkv + (token.heads + kv_head) * width;
  rotate(key, token.cos, token.sin, width, keys + token.before * width);
  std::copy_n(key + token.kv_heads * width, width, values + token.before * width);
  std::vector<float> scores(static_cast<std::size_t>((count + kLanes - 1) / kLanes * kLanes));
  std::array<T, kWidest> rotated;
  std::array<float, kWidest> query;
  const float scale = 1.0F / std::sqrt(static_cast<float>(width));
  for (std::int64_t head = kv_head * sharing; head < (kv_head + 1) * sharing; ++head) {
    rotate(token.qkv + head * width, token.cos, token.sin, width, rotated.data());
    std::transform(rotated.begin(), rotated.begin() + width, query.begin(),
                   [scale](T value) { return scale * static_cast<float>(value); });
    scores_of(query.data(), keys, count, width, scores.data());
    const float sum = exponentials(scores.data(), count);
    weighted_sum(scores.data(), values, count, width, 1.0F / sum, token.out + head * width);
  }
}

#else

bool attends_to_tokens(std::int64_t /*head_dim*/) {
  return false;
}

template <typename T>
void attend_to_tokens(const TokenAttention<T>& /*token*/, std::int64_t /*kv_head*/) {
  HONE_ASSERT(false);
}

#endif

template void attend_to_tokens(const TokenAttention<float>&, std::int64_t);
template void attend_to_tokens(const TokenAttention<c10::BFloat16>&, std::int64_t);

}  // namespace hone::engine
