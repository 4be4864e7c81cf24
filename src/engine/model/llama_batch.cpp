#include "engine/model/llama_batch.h"

#include <algorithm>
#include <numeric>

namespace hone::engine {
namespace {

class Packer {
 public:
  Packer(std::span<const TokenIds> sequences, std::size_t min_shared)
      : sequences_(sequences), min_shared_(std::max<std::size_t>(min_shared, 1)) {
    batch_.rows.resize(sequences.size());
  }

  Batch pack() {
    std::vector<std::size_t> order(sequences_.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::ranges::stable_sort(order,
                             [this](auto a, auto b) { return sequences_[a] < sequences_[b]; });
    add_groups(order, 0, -1);
    return std::move(batch_);
  }

 private:
  // How many tokens of `a` and `b` are equal from `depth` on.
  [[nodiscard]] std::size_t shared(std::size_t a, std::size_t b, std::size_t depth) const {
    const TokenIds& x = sequences_[a];
    const TokenIds& y = sequences_[b];
    std::size_t at = depth;
    while (at < std::min(x.size(), y.size()) && x[at] == y[at]) ++at;
    return at - depth;
  }

  // Splits sequences that agree up to `depth` into groups that share enough of what follows. They
  // are sorted, so that the members of a group stand together.
  void add_groups(std::span<const std::size_t> group, std::size_t depth, std::int64_t parent) {
    for (std::size_t first = 0; first < group.size();) {
      std::size_t last = first + 1;
      while (last < group.size() && shared(group[first], group[last], depth) >= min_shared_) ++last;
      add_segment(group.subspan(first, last - first), depth, parent);
      first = last;
    }
  }

  void add_segment(std::span<const std::size_t> group, std::size_t depth, std::int64_t parent) {
    const TokenIds& tokens = sequences_[group.front()];
    const std::size_t count =
        group.size() == 1 ? tokens.size() - depth : shared(group.front(), group.back(), depth);
    if (count == 0) return;  // the sequence is the beginning of another
    const auto begin = batch_.size();
    const auto from = tokens.begin() + static_cast<std::ptrdiff_t>(depth);
    batch_.ids.insert(batch_.ids.end(), from, from + static_cast<std::ptrdiff_t>(count));
    batch_.segments.push_back({begin, batch_.size(), static_cast<std::int64_t>(depth), parent});
    for (const std::size_t member : group) {
      for (std::int64_t row = begin; row < batch_.size(); ++row) batch_.rows[member].push_back(row);
    }
    const auto self = static_cast<std::int64_t>(batch_.segments.size()) - 1;
    if (group.size() > 1) add_groups(group, depth + count, self);
  }

  std::span<const TokenIds> sequences_;
  std::size_t min_shared_;
  Batch batch_;
};

}  // namespace

Batch pack(std::span<const TokenIds> sequences, std::size_t min_shared) {
  return Packer(sequences, min_shared).pack();
}

}  // namespace hone::engine
