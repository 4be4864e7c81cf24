#include "simulate/work/task.h"

#include <array>
#include <bit>

#include "base/random.h"
#include "base/result.h"
#include "simulate/work/changelog.h"
#include "simulate/work/triage.h"

namespace hone::simulate {
namespace {

// A keyed permutation of [0, size): a Feistel network on the smallest even number of bits that
// holds `size`, walked on until it lands below (Black and Rogaway 2002, "Ciphers with Arbitrary
// Finite Domains", section 3.3: cycle walking).
std::uint64_t permute(std::uint64_t value, std::uint64_t size, const Random& key) {
  const int half_bits = (std::bit_width(size - 1) + 1) / 2;
  const std::uint64_t mask = (std::uint64_t{1} << half_bits) - 1;
  do {
    std::uint64_t left = value >> half_bits;
    std::uint64_t right = value & mask;
    for (std::uint64_t round = 0; round < 6; ++round) {
      const std::uint64_t mixed = key.fork(round << half_bits | right).next() & mask;
      const std::uint64_t next = left ^ mixed;
      left = right;
      right = next;
    }
    value = left << half_bits | right;
  } while (value >= size);
  return value;
}

}  // namespace

std::span<const Domain> domains() {
  static constexpr std::array<Domain, 2> kDomains{changelog_domain(), triage_domain()};
  return kDomains;
}

std::uint64_t days_in_stock(const Domain& domain) {
  return domain.size / kTasksPerDay;
}

std::uint64_t task_number(const Domain& domain, std::uint64_t seed, std::uint64_t day,
                          std::uint64_t index) {
  HONE_ASSERT(index < kTasksPerDay && day < days_in_stock(domain));
  return permute(day * kTasksPerDay + index, domain.size, Random(seed));
}

}  // namespace hone::simulate
