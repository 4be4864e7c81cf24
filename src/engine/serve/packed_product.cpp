#include "engine/serve/packed_product.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/util/BFloat16.h>

#include <algorithm>

#include "base/result.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#endif

namespace hone::engine {

#if defined(__x86_64__)
namespace {

constexpr std::int64_t kLanes = 16;
constexpr std::int64_t kMostRows =
    8;  // of x at once: sixteen sums and what they need fit registers

bool multiplies_bf16() {
  unsigned a = 0;
  unsigned b = 0;
  unsigned c = 0;
  unsigned d = 0;
  const bool amx = __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (d >> 22 & 1) != 0;
  return __builtin_cpu_supports("avx512bf16") != 0 && !amx;
}

#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512vl,avx512bf16")

// Rows of x in bf16: a product of two inputs at a time, as the processor has it.
struct Bf16Rows {
  using Value = c10::BFloat16;
  using Weights = __m512bh;
  static Weights weights(const void* at) {
    return reinterpret_cast<__m512bh>(_mm512_load_si512(at));
  }
  static __m512 add(__m512 sum, const Value* pair, Weights w) {
    std::int32_t both = 0;
    __builtin_memcpy(&both, pair, sizeof both);
    return _mm512_dpbf16_ps(sum, reinterpret_cast<__m512bh>(_mm512_set1_epi32(both)), w);
  }
  static void store(Value* at, __mmask16 lanes, __m512 sum) {
    _mm256_mask_storeu_epi16(at, lanes, reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(sum)));
  }
};

// Rows of x in fp32, with the weights widened in their register.
struct Fp32Rows {
  using Value = float;
  struct Weights {
    __m512 even;
    __m512 odd;
  };
  static Weights weights(const void* at) {
    const __m512i both = _mm512_load_si512(at);
    return {_mm512_castsi512_ps(_mm512_slli_epi32(both, 16)),
            _mm512_castsi512_ps(_mm512_and_si512(both, _mm512_set1_epi32(-0x10000)))};
  }
  static __m512 add(__m512 sum, const Value* pair, const Weights& w) {
    sum = _mm512_fmadd_ps(_mm512_set1_ps(pair[0]), w.even, sum);
    return _mm512_fmadd_ps(_mm512_set1_ps(pair[1]), w.odd, sum);
  }
  static void store(Value* at, __mmask16 lanes, __m512 sum) {
    _mm512_mask_storeu_ps(at, lanes, sum);
  }
};

// What one thread multiplies: some blocks of outputs with all rows.
template <typename Rows>
struct Work {
  const typename Rows::Value* x;  // in tiles of kMostRows rows: [in / 2, rows of the tile, 2]
  typename Rows::Value* y;
  const c10::BFloat16* blocks;
  std::int64_t rows;
  std::int64_t in;
  std::int64_t out;
};

// The tile of kRows rows from `row`, with kBlocks blocks from `block`.
template <typename Rows, int kRows, int kBlocks>
void multiply_tile(const Work<Rows>& work, std::int64_t row, std::int64_t block) {
  __m512 sums[kRows][kBlocks];
  for (auto& of_row : sums) {
    for (auto& sum : of_row) sum = _mm512_setzero_ps();
  }
  const std::int64_t in = work.in;
  const auto* x = work.x + row * in;
  const c10::BFloat16* w = work.blocks + block * kLanes * in;
  for (std::int64_t k = 0; k < in; k += 2, x += 2 * kRows, w += 2 * kLanes) {
    typename Rows::Weights weights[kBlocks];
#pragma GCC unroll 4
    for (int b = 0; b < kBlocks; ++b) {
      weights[b] = Rows::weights(w + b * kLanes * in);
      _mm_prefetch(w + (b + kBlocks) * kLanes * in, _MM_HINT_T1);  // of the blocks that come next
    }
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
      for (int b = 0; b < kBlocks; ++b) sums[r][b] = Rows::add(sums[r][b], x + 2 * r, weights[b]);
    }
  }
  for (int r = 0; r < kRows; ++r) {
    for (int b = 0; b < kBlocks; ++b) {
      const std::int64_t first = (block + b) * kLanes;
      const auto lanes = static_cast<int>(std::min(kLanes, work.out - first));
      Rows::store(work.y + (row + r) * work.out + first, static_cast<__mmask16>((1U << lanes) - 1),
                  sums[r][b]);
    }
  }
}

#pragma GCC pop_options

template <typename Rows, int kBlocks>
void multiply_tile_of(const Work<Rows>& work, std::int64_t row, std::int64_t rows,
                      std::int64_t block) {
  switch (rows) {
    case 1:
      return multiply_tile<Rows, 1, kBlocks>(work, row, block);
    case 2:
      return multiply_tile<Rows, 2, kBlocks>(work, row, block);
    case 3:
      return multiply_tile<Rows, 3, kBlocks>(work, row, block);
    case 4:
      return multiply_tile<Rows, 4, kBlocks>(work, row, block);
    case 5:
      return multiply_tile<Rows, 5, kBlocks>(work, row, block);
    case 6:
      return multiply_tile<Rows, 6, kBlocks>(work, row, block);
    case 7:
      return multiply_tile<Rows, 7, kBlocks>(work, row, block);
    default:
      return multiply_tile<Rows, kMostRows, kBlocks>(work, row, block);
  }
}

// All rows with a pair of blocks before the next pair: those stay in the cache.
template <typename Rows>
void multiply(const Work<Rows>& work, std::int64_t first, std::int64_t last) {
  for (std::int64_t block = first; block < last; block += 2) {
    for (std::int64_t row = 0; row < work.rows; row += kMostRows) {
      const std::int64_t rows = std::min(kMostRows, work.rows - row);
      if (last - block >= 2)
        multiply_tile_of<Rows, 2>(work, row, rows, block);
      else
        multiply_tile_of<Rows, 1>(work, row, rows, block);
    }
  }
}

// The pairs of a tile's rows beside each other, so that one pointer leads through all of them.
template <typename Value>
at::Tensor in_tiles(const at::Tensor& x) {
  struct Pair {
    Value low;
    Value high;
  };
  const std::int64_t rows = x.size(0);
  const std::int64_t pairs = x.size(1) / 2;
  if (rows == 1) return x;
  at::Tensor tiles = at::empty_like(x);
  const auto* from = reinterpret_cast<const Pair*>(x.const_data_ptr<Value>());
  auto* into = reinterpret_cast<Pair*>(tiles.mutable_data_ptr<Value>());
  at::parallel_for(
      0, (rows + kMostRows - 1) / kMostRows, 8, [&](std::int64_t first, std::int64_t last) {
        for (std::int64_t row = first * kMostRows; row < std::min(rows, last * kMostRows); ++row) {
          const std::int64_t tile = row / kMostRows * kMostRows;
          const std::int64_t count = std::min(kMostRows, rows - tile);
          Pair* at = into + tile * pairs + (row - tile);
          for (std::int64_t k = 0; k < pairs; ++k) at[k * count] = from[row * pairs + k];
        }
      });
  return tiles;
}

template <typename Rows>
at::Tensor product(const at::Tensor& x, const at::Tensor& blocks, std::int64_t out) {
  at::Tensor y = at::empty({x.size(0), out}, x.options());
  const at::Tensor tiles = in_tiles<typename Rows::Value>(x);
  const Work<Rows> work{.x = tiles.const_data_ptr<typename Rows::Value>(),
                        .y = y.mutable_data_ptr<typename Rows::Value>(),
                        .blocks = blocks.const_data_ptr<c10::BFloat16>(),
                        .rows = x.size(0),
                        .in = x.size(1),
                        .out = out};
  const std::int64_t pairs = (blocks.size(0) + 1) / 2;
  at::parallel_for(0, pairs, 1, [&](std::int64_t first, std::int64_t last) {
    multiply(work, 2 * first, std::min(2 * last, blocks.size(0)));
  });
  return y;
}

}  // namespace

std::optional<PackedMatrix> PackedMatrix::of(const at::Tensor& weight) {
  const std::int64_t out = weight.size(0);
  const std::int64_t in = weight.size(1);
  if (!multiplies_bf16() || weight.scalar_type() != at::kBFloat16 || in % 2 != 0) return {};
  const std::int64_t blocks = (out + kLanes - 1) / kLanes;
  at::Tensor rows = weight;
  if (blocks * kLanes != out) {
    rows = at::zeros({blocks * kLanes, in}, weight.options());
    rows.narrow(0, 0, out).copy_(weight);
  }
  return PackedMatrix(rows.view({blocks, kLanes, in / 2, 2}).transpose(1, 2).contiguous(), out);
}

at::Tensor PackedMatrix::times(const at::Tensor& x) const {
  HONE_ASSERT(x.size(1) == blocks_.size(1) * 2);
  const at::Tensor rows = x.contiguous();
  return rows.scalar_type() == at::kFloat ? product<Fp32Rows>(rows, blocks_, out_)
                                          : product<Bf16Rows>(rows, blocks_, out_);
}

#else

std::optional<PackedMatrix> PackedMatrix::of(const at::Tensor& /*weight*/) {
  return {};
}

at::Tensor PackedMatrix::times(const at::Tensor& x) const {
  return x;
}

#endif

}  // namespace hone::engine
