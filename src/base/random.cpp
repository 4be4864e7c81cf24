#include "base/random.h"

#include <sys/random.h>

#include <bit>
#include <cmath>
#include <numbers>

#include "base/result.h"

namespace hone {
namespace {

// SplitMix64 (Steele et al. 2014): spreads a seed over the state.
std::uint64_t split_mix(std::uint64_t& x) {
  x += 0x9E3779B97F4A7C15ULL;
  std::uint64_t z = x;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
  return z ^ (z >> 31);
}

}  // namespace

Random::Random(std::uint64_t seed) {
  for (auto& word : state_) word = split_mix(seed);
}

Random Random::from_system() {
  std::uint64_t seed = 0;
  const std::string bytes = secret_bytes(sizeof seed);
  for (const char c : bytes) seed = (seed << 8) | static_cast<unsigned char>(c);
  return Random(seed);
}

std::uint64_t Random::next() {
  const std::uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
  const std::uint64_t t = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= t;
  state_[3] = std::rotl(state_[3], 45);
  return result;
}

double Random::uniform() {
  return static_cast<double>(next() >> 11) * 0x1.0p-53;
}

std::uint64_t Random::below(std::uint64_t bound) {
  HONE_ASSERT(bound > 0);
  const std::uint64_t limit = -bound % bound;
  while (true) {
    const std::uint64_t value = next();
    if (value >= limit) return value % bound;
  }
}

double Random::normal() {
  const double u = 1.0 - uniform();
  return std::sqrt(-2.0 * std::log(u)) * std::cos(2.0 * std::numbers::pi * uniform());
}

Random Random::fork(std::uint64_t label) const {
  std::uint64_t seed = state_[0] ^ std::rotl(state_[3], 13) ^ (label * 0xD1342543DE82EF95ULL);
  return Random(split_mix(seed));
}

std::string secret_bytes(std::size_t count) {
  std::string bytes(count, '\0');
  std::size_t done = 0;
  while (done < count) {
    const ssize_t got = getrandom(bytes.data() + done, count - done, 0);
    HONE_ASSERT(got > 0);
    done += static_cast<std::size_t>(got);
  }
  return bytes;
}

}  // namespace hone
