#include "curate/similarity.h"

#include <algorithm>
#include <bit>
#include <numeric>
#include <utility>

#include "curate/prompt.h"

namespace hone::curate {
namespace {

constexpr std::size_t kShingleBytes = 8;
constexpr unsigned kBinBits = 7;
constexpr std::size_t kAllPairs = 64;   // items of one key that are all held against each other
constexpr std::size_t kOpposites = 16;  // of a larger one: the first ones, and the ones before

// Little-endian whatever the machine is.
std::uint64_t load(std::string_view bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = bytes.size(); i-- > 0;) {
    value = value << 8U | static_cast<std::uint8_t>(bytes[i]);
  }
  return value;
}

struct Keyed {
  std::uint64_t key = 0;
  std::uint32_t item = 0;
  auto operator<=>(const Keyed&) const = default;
};

}  // namespace

void Signer::add(std::string_view text) {
  if (text.empty()) return;
  const auto put = [&](std::uint64_t shingle) {
    const std::uint64_t hash = mix_bits(shingle + 0x9e3779b97f4a7c15ULL);
    auto& least = minima_[hash >> (64U - kBinBits)];
    least = std::min(least, hash);
  };
  std::uint64_t window = load(text.substr(0, kShingleBytes));
  put(window);
  for (std::size_t i = kShingleBytes; i < text.size(); ++i) {
    window = window >> 8U | static_cast<std::uint64_t>(static_cast<std::uint8_t>(text[i])) << 56U;
    put(window);
  }
}

Signature Signer::finish() const {
  Signature signature;
  signature.empty = std::ranges::all_of(minima_, [](auto least) { return least == kNone; });
  if (signature.empty) return signature;
  for (std::size_t bin = 0; bin < kSignatureBins; ++bin) {
    std::size_t from = bin;
    // An empty bin takes the value of one that all texts would ask in the same order.
    for (std::uint64_t attempt = 1; minima_[from] == kNone; ++attempt) {
      from = mix_bits(bin << 32U | attempt) >> (64U - kBinBits);
    }
    // Bins that took the same value must still be equal only where the other text's are.
    signature.bins[bin] = static_cast<std::uint8_t>(mix_bits(minima_[from] ^ bin) >> 56U);
  }
  return signature;
}

Signature signature_of(std::string_view text) {
  return signature_of_normalised(normalised(text));
}

Signature signature_of_normalised(std::string_view normalised_text) {
  Signer signer;
  signer.add(normalised_text);
  return signer.finish();
}

double similarity(const Signature& a, const Signature& b) {
  if (a.empty || b.empty) return 0;
  std::size_t equal = 0;
  for (std::size_t i = 0; i < kSignatureBins; ++i) equal += a.bins[i] == b.bins[i] ? 1U : 0U;
  constexpr double kByChance = 1.0 / 256;  // two bins agree in 8 bits though their values differ
  const double share = static_cast<double>(equal) / kSignatureBins;
  return std::max(0.0, (share - kByChance) / (1 - kByChance));
}

std::uint32_t band_key(const Signature& signature, std::size_t band) {
  constexpr std::size_t kRows = kSignatureBins / kBands;
  std::uint32_t key = 0;
  for (std::size_t row = 0; row < kRows; ++row) {
    key = key << 8U | signature.bins[band * kRows + row];
  }
  return key;
}

UnionFind::UnionFind(std::size_t items) : parents_(items) {
  std::iota(parents_.begin(), parents_.end(), 0U);
}

std::uint32_t UnionFind::find(std::uint32_t item) {
  while (parents_[item] != item) {
    parents_[item] = parents_[parents_[item]];
    item = parents_[item];
  }
  return item;
}

void UnionFind::join(std::uint32_t a, std::uint32_t b) {
  a = find(a);
  b = find(b);
  if (a != b) parents_[std::max(a, b)] = std::min(a, b);
}

void join_near(const std::vector<const Signature*>& items, const std::vector<std::uint32_t>& keys,
               const std::function<bool(std::uint32_t, std::uint32_t)>& alike, UnionFind& sets) {
  std::vector<Keyed> keyed;
  const auto meet = [&](std::size_t a, std::size_t b) {
    const std::uint32_t one = keyed[a].item;
    const std::uint32_t other = keyed[b].item;
    if (sets.find(one) != sets.find(other) && alike(one, other)) sets.join(one, other);
  };
  for (std::size_t band = 0; band < kBands; ++band) {
    keyed.clear();
    for (std::uint32_t i = 0; i < items.size(); ++i) {
      if (items[i]->empty) continue;
      const std::uint64_t high = keys.empty() ? 0 : keys[i];
      keyed.push_back({high << 32U | band_key(*items[i], band), i});
    }
    std::ranges::sort(keyed);
    for (std::size_t begin = 0; begin < keyed.size();) {
      std::size_t end = begin + 1;
      while (end < keyed.size() && keyed[end].key == keyed[begin].key) ++end;
      const bool small = end - begin <= kAllPairs;
      for (std::size_t at = begin + 1; at < end; ++at) {
        const std::size_t first = small ? at : std::min(at, begin + kOpposites);
        for (std::size_t other = begin; other < first; ++other) meet(other, at);
        if (small) continue;
        for (std::size_t other = std::max(first, at - std::min(at, kOpposites)); other < at;
             ++other) {
          meet(other, at);
        }
      }
      begin = end;
    }
  }
}

}  // namespace hone::curate
