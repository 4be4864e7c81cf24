#include "engine/model/tokenizer_bpe.h"

#include <queue>

#include "engine/model/in_quotes.h"
#include "engine/model/utf8.h"

namespace hone::engine {

Bpe::Bpe(std::vector<std::string> tokens, bool ignore_merges)
    : tokens_(std::move(tokens)), ignore_merges_(ignore_merges) {
  ids_.reserve(tokens_.size());
  for (std::size_t id = 0; id < tokens_.size(); ++id) {
    if (!tokens_[id].empty()) ids_.emplace(tokens_[id], static_cast<std::int32_t>(id));
  }
}

std::int32_t Bpe::find(std::string_view token) const {
  const auto found = ids_.find(token);
  return found == ids_.end() ? -1 : found->second;
}

Result<void> Bpe::add_merge(std::string_view left, std::string_view right) {
  const std::int32_t a = find(left);
  const std::int32_t b = find(right);
  const std::int32_t both = find(std::string(left) + std::string(right));
  if (a < 0 || b < 0 || both < 0) {
    return fail(ErrorCode::kInvalid, "merge " + std::to_string(next_rank_) + " of " +
                                         in_quotes(left) + " and " + in_quotes(right) +
                                         " names a token that is not in the vocabulary, or makes "
                                         "one that is not");
  }
  const auto pair = static_cast<std::uint64_t>(a) << 32 | static_cast<std::uint32_t>(b);
  merges_.insert_or_assign(pair, Merge{next_rank_++, both});
  return {};
}

const Bpe::Merge* Bpe::merge_of(std::int32_t left, std::int32_t right) const {
  const auto pair = static_cast<std::uint64_t>(left) << 32 | static_cast<std::uint32_t>(right);
  const auto found = merges_.find(pair);
  return found == merges_.end() ? nullptr : &found->second;
}

Result<void> Bpe::use_byte_tokens() {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  for (std::size_t byte = 0; byte < byte_tokens_.size(); ++byte) {
    const std::string token{'<', '0', 'x', kDigits[byte >> 4], kDigits[byte & 15], '>'};
    byte_tokens_[byte] = find(token);
    if (byte_tokens_[byte] < 0) {
      return fail(ErrorCode::kInvalid, "byte_fallback needs a token for every byte, and " + token +
                                           " is not in the vocabulary");
    }
  }
  return {};
}

// The symbols of a piece as a linked list, with a queue of the merges that are possible, lowest
// rank and then leftmost first: n log n, however long the piece.
class Bpe::Merging {
 public:
  Merging(const Bpe& bpe, std::size_t most_symbols) : bpe_(bpe) { symbols_.reserve(most_symbols); }

  void add(std::int32_t id) {
    const auto at = static_cast<std::int32_t>(symbols_.size());
    symbols_.push_back({id, at - 1, at + 1});
  }

  void run() {
    if (!symbols_.empty()) symbols_.back().next = -1;
    for (std::int32_t i = 0; i < static_cast<std::int32_t>(symbols_.size()); ++i) offer(i);
    while (!queue_.empty()) {
      const Candidate best = queue_.top();
      queue_.pop();
      Symbol& left = symbols_[static_cast<std::size_t>(best.at)];
      if (left.id < 0 || left.next < 0) continue;
      Symbol& right = symbols_[static_cast<std::size_t>(left.next)];
      const Merge* merge = bpe_.merge_of(left.id, right.id);
      if (merge == nullptr || merge->id != best.id) continue;  // a neighbour was merged meanwhile
      left.id = merge->id;
      right.id = -1;
      left.next = right.next;
      if (left.next >= 0) symbols_[static_cast<std::size_t>(left.next)].previous = best.at;
      offer(best.at);
      offer(left.previous);
    }
  }

  void append_to(std::vector<std::int64_t>& ids) const {
    for (const Symbol& symbol : symbols_) {
      if (symbol.id >= 0) ids.push_back(symbol.id);
    }
  }

 private:
  struct Symbol {
    std::int32_t id;  // -1: merged into its left neighbour
    std::int32_t previous;
    std::int32_t next;
  };
  struct Candidate {
    std::int32_t rank;
    std::int32_t at;
    std::int32_t id;
    bool operator<(const Candidate& other) const {
      return std::pair(rank, at) > std::pair(other.rank, other.at);
    }
  };

  void offer(std::int32_t at) {
    if (at < 0) return;
    const Symbol& left = symbols_[static_cast<std::size_t>(at)];
    if (left.next < 0) return;
    const auto* merge = bpe_.merge_of(left.id, symbols_[static_cast<std::size_t>(left.next)].id);
    if (merge != nullptr) queue_.push({merge->rank, at, merge->id});
  }

  const Bpe& bpe_;
  std::vector<Symbol> symbols_;
  std::priority_queue<Candidate> queue_;
};

void Bpe::encode(std::string_view piece, std::vector<std::int64_t>& ids) const {
  if (ignore_merges_ || piece.size() == 1) {
    if (const std::int32_t whole = find(piece); whole >= 0) {
      ids.push_back(whole);
      return;
    }
  }
  Merging merging(*this, piece.size());
  for (const char& byte : piece) {
    if (const std::int32_t id = find(std::string_view(&byte, 1)); id >= 0) merging.add(id);
  }
  merging.run();
  merging.append_to(ids);
}

void Bpe::encode_characters(std::string_view piece, std::vector<std::int64_t>& ids) const {
  if (ignore_merges_) {
    if (const std::int32_t whole = find(piece); whole >= 0) {
      ids.push_back(whole);
      return;
    }
  }
  Merging merging(*this, piece.size());
  for (std::size_t i = 0; i < piece.size();) {
    const std::string_view character = piece.substr(i, character_at(piece, i).size);
    i += character.size();
    if (const std::int32_t id = find(character); id >= 0) {
      merging.add(id);
      continue;
    }
    for (const char byte : character) merging.add(byte_tokens_[static_cast<unsigned char>(byte)]);
  }
  merging.run();
  merging.append_to(ids);
}

}  // namespace hone::engine
