#include "engine/constrain/token_trie.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace hone::engine {

bool TokenMask::none() const {
  return std::all_of(words_.begin(), words_.end(), [](std::uint64_t word) { return word == 0; });
}

std::vector<std::int64_t> TokenMask::ids(std::size_t end) const {
  std::vector<std::int64_t> found;
  for (std::size_t i = 0; i < words_.size(); ++i) {
    for (std::uint64_t word = words_[i]; word != 0; word &= word - 1) {
      const std::size_t id = i * 64 + static_cast<std::size_t>(std::countr_zero(word));
      if (id >= end) return found;
      found.push_back(static_cast<std::int64_t>(id));
    }
  }
  return found;
}

TokenTrie::TokenTrie(const std::vector<std::string_view>& tokens) : vocab_size_(tokens.size()) {
  std::vector<std::pair<std::string_view, std::int64_t>> sorted;
  for (std::size_t id = 0; id < tokens.size(); ++id) {
    if (!tokens[id].empty()) sorted.emplace_back(tokens[id], static_cast<std::int64_t>(id));
    if (tokens[id].size() == 1) alphabet_.set(static_cast<unsigned char>(tokens[id].front()));
  }
  std::sort(sorted.begin(), sorted.end());
  std::vector<std::uint32_t> path;  // nodes above the next one
  const auto close = [&](std::size_t depth) {
    for (; path.size() > depth; path.pop_back()) {
      nodes_[path.back()].end = static_cast<std::uint32_t>(nodes_.size());
    }
  };
  std::string_view before;
  for (const auto& [bytes, id] : sorted) {
    const auto common = static_cast<std::size_t>(
        std::mismatch(bytes.begin(), bytes.end(), before.begin(), before.end()).first -
        bytes.begin());
    close(common);
    for (std::size_t at = common; at < bytes.size(); ++at) {
      path.push_back(static_cast<std::uint32_t>(nodes_.size()));
      nodes_.push_back({.tokens = static_cast<std::uint32_t>(tokens_.size()),
                        .depth = static_cast<std::uint32_t>(at + 1),
                        .byte = static_cast<unsigned char>(bytes[at])});
    }
    deepest_ = std::max(deepest_, static_cast<std::uint32_t>(bytes.size()));
    tokens_.push_back(id);
    before = bytes;
  }
  close(0);
  nodes_.push_back({.tokens = static_cast<std::uint32_t>(tokens_.size())});
}

void TokenTrie::allow(Automaton& automaton, Automaton::State state, TokenMask& mask) const {
  std::vector<Automaton::State> states(deepest_ + 1, state);  // by depth
  const std::size_t count = nodes_.size() - 1;
  for (std::size_t i = 0; i < count;) {
    const Node& node = nodes_[i];
    const Automaton::State after = automaton.next(states[node.depth - 1], node.byte);
    if (after == Automaton::kDead) {
      i = node.end;
      continue;
    }
    states[node.depth] = after;
    for (std::uint32_t token = node.tokens; token < nodes_[i + 1].tokens; ++token) {
      mask.set(tokens_[token]);
    }
    ++i;
  }
}

}  // namespace hone::engine
