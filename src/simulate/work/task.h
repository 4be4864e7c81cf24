// What people ask for. A domain is one kind of work with a house convention: it has a fixed stock
// of different tasks, numbered from 0, and judges an answer to any of them by rule. All pure
// functions.
//
//   const Domain& domain = domains()[0];
//   const Task task = domain.task(task_number(domain, seed, day, index));
//   if (domain.fits(task, answer, Taste::kHouse)) …
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace hone::simulate {

// The house has a convention; with the reversed taste people have come to dislike it and want plain
// sentences instead, which a model trained on the convention no longer writes.
enum class Taste { kHouse, kReversed };

struct Task {
  std::string prompt;
  std::string house;  // the answer by the house's convention
  std::string plain;  // the same in a plain sentence
  std::string part;   // the part of the product that it is about, in lower case

  [[nodiscard]] const std::string& wanted(Taste taste) const {
    return taste == Taste::kHouse ? house : plain;
  }
};

struct Domain {
  std::string_view name;  // sent as x-hone-purpose
  std::uint64_t size;     // numbers below it give different prompts
  Task (*task)(std::uint64_t number);
  bool (*fits)(const Task& task, std::string_view answer, Taste taste);
};

[[nodiscard]] std::span<const Domain> domains();

// Tasks that one domain gives on one day at most.
inline constexpr std::uint64_t kTasksPerDay = 1000;

// Days that a domain's stock lasts.
[[nodiscard]] std::uint64_t days_in_stock(const Domain& domain);

// The number of the task that is `index`th on `day` (from 0): a permutation of the stock that the
// seed picks, so that no task comes twice in all days. Needs index < kTasksPerDay and
// day < days_in_stock(domain).
[[nodiscard]] std::uint64_t task_number(const Domain& domain, std::uint64_t seed, std::uint64_t day,
                                        std::uint64_t index);

}  // namespace hone::simulate
