#include "api/dataset_cards.h"

#include <algorithm>
#include <filesystem>
#include <utility>
#include <vector>

#include "curate/card.h"

namespace hone::api {
namespace {

constexpr std::size_t kNamedCounts = 100;

// A payload line can be erased in a dataset that is otherwise immutable (docs/formats/dataset.md);
// a card that shows it must not outlive it.
std::string stamped_name(const curate::Dataset& dataset) {
  std::error_code error;
  const auto at = std::filesystem::last_write_time(dataset.train_file(), error);
  const auto ticks = error ? 0 : at.time_since_epoch().count();
  return dataset.digest + " " + std::to_string(ticks);
}

// Whoever calls a model may name any domain: a card does not grow with that.
void name_the_first(json::value& value) {
  auto* counts = value.if_object();
  if (counts == nullptr || counts->size() <= kNamedCounts) return;
  std::vector<std::pair<std::int64_t, std::string>> sorted;
  for (const auto& member : *counts) {
    const auto* count = member.value().if_int64();
    sorted.emplace_back(count == nullptr ? 0 : -*count, member.key());
  }
  std::ranges::sort(sorted);
  json::object first;
  std::int64_t others = 0;
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    if (i < kNamedCounts) {
      first[sorted[i].second] = -sorted[i].first;
    } else {
      others -= sorted[i].first;
    }
  }
  first["(others)"] = others;
  value = std::move(first);
}

json::object bounded_card(json::object card) {
  for (const auto* name : {"sources", "domains", "teams"}) {
    if (auto* counts = card.if_contains(name)) name_the_first(*counts);
  }
  auto* shown = card.if_contains("random_examples");
  if (auto* examples = shown == nullptr ? nullptr : shown->if_array()) {
    for (auto& example : *examples) {
      if (auto* line = example.if_object()) example = shown_example(std::move(*line));
    }
  }
  return card;
}

}  // namespace

json::object shown_example(json::object line) {
  if (json::serialize(line).size() <= DatasetCards::kLongestExample) return line;
  return {
      {"id", string_or_empty(line, "id")}, {"kind", string_or_empty(line, "kind")}, {"cut", true}};
}

DatasetCards::~DatasetCards() {
  stop_.request_stop();
  pool_.stop();
}

std::uint64_t DatasetCards::made() const {
  const std::lock_guard lock(mutex_);
  return made_;
}

Result<std::shared_ptr<const json::object>> DatasetCards::find(const curate::Dataset& dataset,
                                                               std::chrono::milliseconds patience) {
  if (dataset.examples > kMostExamples) {
    return fail(ErrorCode::kTooLarge, "the dataset has " + std::to_string(dataset.examples) +
                                          " examples; `hone dataset show " +
                                          dataset.digest.substr(0, 12) +
                                          "` makes its card without burdening the server");
  }
  const std::string name = stamped_name(dataset);
  std::unique_lock lock(mutex_);
  if (entries_.try_emplace(name).second &&
      !pool_.post([this, name, dataset] { make(name, dataset); })) {
    entries_.erase(name);
    return fail(ErrorCode::kUnavailable,
                "cards of other datasets are being made; ask again in a minute");
  }
  entries_.at(name).asked = ++calls_;
  std::erase_if(entries_, [&](const auto& other) {  // of before something was erased
    return other.first != name && other.first.starts_with(dataset.digest) && other.second.card;
  });
  const auto is_made = [&] {
    const auto at = entries_.find(name);
    return at == entries_.end() || at->second.card != nullptr || at->second.error;
  };
  if (!is_made() && !somebody_waits_) {
    somebody_waits_ = true;
    made_one_.wait_for(lock, patience, is_made);
    somebody_waits_ = false;
  }
  const auto at = entries_.find(name);
  if (at == entries_.end()) return std::shared_ptr<const json::object>();
  if (at->second.error) {
    Error error = std::move(*at->second.error);
    entries_.erase(at);
    return fail(std::move(error));
  }
  return at->second.card;
}

void DatasetCards::make(const std::string& name, const curate::Dataset& dataset) {
  auto card = curate::make_card(dataset, {.stop = stop_.get_token()});
  std::shared_ptr<const json::object> bounded;
  if (card) bounded = std::make_shared<const json::object>(bounded_card(std::move(*card)));
  const std::lock_guard lock(mutex_);
  // Not a name that nobody has asked for: only what is made is dropped, and this was not.
  Entry& entry = entries_[name];
  if (bounded) {
    entry.card = std::move(bounded);
    ++made_;
  } else {
    entry.error = card.error();
  }
  drop_the_oldest();
  made_one_.notify_all();
}

void DatasetCards::drop_the_oldest() {
  for (;;) {
    std::size_t kept = 0;
    auto oldest = entries_.end();
    for (auto at = entries_.begin(); at != entries_.end(); ++at) {
      if (at->second.card == nullptr && !at->second.error) continue;
      ++kept;
      if (oldest == entries_.end() || at->second.asked < oldest->second.asked) oldest = at;
    }
    if (kept <= kKept) return;
    entries_.erase(oldest);
  }
}

}  // namespace hone::api
