// RMSNorm's loops over rows, which training and serving share (engine/model/llama_ops.h).
#pragma once

#include <ATen/Parallel.h>

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace hone::engine {

inline constexpr std::int64_t kRowsPerThread = 8;  // at least: fewer are done sooner alone

// Sums in eight lanes, which the compiler keeps in vector registers; the order of additions is
// fixed.
template <typename Term>
float sum_over(std::int64_t count, Term term) {
  std::array<float, 8> lanes{};
  std::int64_t i = 0;
  for (; i + 8 <= count; i += 8) {
    for (std::int64_t lane = 0; lane < 8; ++lane)
      lanes[static_cast<std::size_t>(lane)] += term(i + lane);
  }
  for (; i < count; ++i) lanes[0] += term(i);
  return ((lanes[0] + lanes[4]) + (lanes[1] + lanes[5])) +
         ((lanes[2] + lanes[6]) + (lanes[3] + lanes[7]));
}

template <typename T>
float inverse_rms(const T* x, std::int64_t width, double eps) {
  const float squares = sum_over(width, [x](std::int64_t i) {
    const auto value = static_cast<float>(x[i]);
    return value * value;
  });
  return 1.0F / std::sqrt(squares / static_cast<float>(width) + static_cast<float>(eps));
}

template <typename From, typename To>
void rms_norm_rows(const From* x, const float* weight, To* y, std::int64_t rows, std::int64_t width,
                   double eps) {
  at::parallel_for(0, rows, kRowsPerThread, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      const From* from = x + row * width;
      To* into = y + row * width;
      const float inverse = inverse_rms(from, width, eps);
      for (std::int64_t i = 0; i < width; ++i)
        into[i] = static_cast<To>(static_cast<float>(from[i]) * inverse * weight[i]);
    }
  });
}

}  // namespace hone::engine
