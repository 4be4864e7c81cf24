// Cards of datasets (curate/card.h) for whoever reads the API. Making one reads all of a dataset,
// half a minute for some hundred thousand examples, so a thread of its own makes one after the
// other, behind everything else that the server does, and the newest that were asked for are kept:
// a dataset does not change. Thread-safe.
//
//   auto card = cards.find(dataset, 250ms);
//   if (!card) return fail(card.error());
//   if (*card == nullptr) …it is being made: ask again…
//
// Bounded: so many wait and so many are kept; of sources, domains and teams a card names the first
// hundred, with the rest under "(others)"; a long example is its id, its kind and "cut".
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>

#include "base/json.h"
#include "base/result.h"
#include "curate/dataset.h"
#include "net/work_pool.h"

namespace hone::api {

class DatasetCards {
 public:
  static constexpr std::size_t kWaiting = 8;
  static constexpr std::size_t kKept = 16;
  static constexpr std::size_t kLongestExample = 256U << 10;  // bytes
  static constexpr std::int64_t kMostExamples = 500'000;

  DatasetCards() = default;
  ~DatasetCards();  // gives up what is being made
  DatasetCards(const DatasetCards&) = delete;
  DatasetCards& operator=(const DatasetCards&) = delete;

  // Null while it is being made, after a wait of at most `patience`, so that a small one comes at
  // once; only one caller waits at a time, the others hear at once. What kept a card from being
  // made is said once; the next call tries again. kUnavailable: too many wait already. kTooLarge:
  // the command line makes it.
  [[nodiscard]] Result<std::shared_ptr<const json::object>> find(
      const curate::Dataset& dataset, std::chrono::milliseconds patience);

  [[nodiscard]] std::uint64_t made() const;
  [[nodiscard]] std::uint64_t refused() const { return pool_.refused(); }

 private:
  struct Entry {
    std::shared_ptr<const json::object> card;  // null until it is made
    std::optional<Error> error;
    std::uint64_t asked = 0;  // when last, in calls
  };
  void make(const std::string& name, const curate::Dataset& dataset);
  void drop_the_oldest();

  std::stop_source stop_;
  mutable std::mutex mutex_;
  std::condition_variable made_one_;
  std::map<std::string, Entry> entries_;
  bool somebody_waits_ = false;
  std::uint64_t calls_ = 0;
  std::uint64_t made_ = 0;
  net::WorkPool pool_{1, kWaiting, "hone-cards", Rank::kIndex};  // ends before what it works on
};

// The example as answers show it: the line, or where that is longer than kLongestExample its id,
// its kind and "cut".
[[nodiscard]] json::object shown_example(json::object line);

}  // namespace hone::api
