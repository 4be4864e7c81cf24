// Chance comes from outside. `Random` is a small fast generator (xoshiro256**, Blackman and Vigna
// 2018) with the same stream on every machine for the same seed; `Random::from_system()` seeds it
// from the kernel. Not for keys: those come from `secret_bytes`. One thread at a time.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace hone {

class Random {
 public:
  explicit Random(std::uint64_t seed);
  [[nodiscard]] static Random from_system();

  [[nodiscard]] std::uint64_t next();
  [[nodiscard]] double uniform();                          // [0, 1)
  [[nodiscard]] std::uint64_t below(std::uint64_t bound);  // [0, bound), unbiased; bound > 0
  [[nodiscard]] double normal();                           // mean 0, variance 1
  [[nodiscard]] bool chance(double probability) { return uniform() < probability; }

  // An independent stream named by `label`, so that adding a draw here does not move others.
  [[nodiscard]] Random fork(std::uint64_t label) const;

  template <typename T>
  void shuffle(std::vector<T>& items) {
    for (std::size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[below(i)]);
  }

  using State = std::array<std::uint64_t, 4>;
  [[nodiscard]] const State& state() const { return state_; }
  void set_state(const State& state) { state_ = state; }

 private:
  State state_{};
};

// Bytes from the kernel that nobody can guess.
[[nodiscard]] std::string secret_bytes(std::size_t count);

}  // namespace hone
