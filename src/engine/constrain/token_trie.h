// A vocabulary's tokens by their bytes, so that all that a state allows are found in one walk in
// which common beginnings are looked at once. Immutable.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "engine/constrain/automaton.h"
#include "engine/constrain/grammar.h"

namespace hone::engine {

// One bit a token id.
class TokenMask {
 public:
  explicit TokenMask(std::size_t size) : size_(size), words_((size + 63) / 64) {}
  void set(std::int64_t id) {
    words_[static_cast<std::size_t>(id) / 64] |= 1ULL << (static_cast<std::size_t>(id) % 64);
  }
  [[nodiscard]] bool operator[](std::size_t id) const {
    return id < size_ && (words_[id / 64] >> (id % 64) & 1U) != 0;
  }
  [[nodiscard]] bool none() const;
  [[nodiscard]] std::size_t size() const { return size_; }
  // Ids that are set and below `end`, in order.
  [[nodiscard]] std::vector<std::int64_t> ids(std::size_t end) const;

 private:
  std::size_t size_;
  std::vector<std::uint64_t> words_;
};

class TokenTrie {
 public:
  // tokens[id] are its bytes; one without any is never allowed.
  explicit TokenTrie(const std::vector<std::string_view>& tokens);

  [[nodiscard]] std::size_t vocab_size() const { return vocab_size_; }
  // Bytes that are a token by themselves: whatever consists of them can be written.
  [[nodiscard]] const ByteSet& alphabet() const { return alphabet_; }
  // Sets the tokens that may come in `state`.
  void allow(Automaton& automaton, Automaton::State state, TokenMask& mask) const;

 private:
  struct Node {
    std::uint32_t end = 0;     // of what is below it, in nodes_
    std::uint32_t tokens = 0;  // where its own begin; those of the next node end them
    std::uint32_t depth = 0;   // 1: a first byte
    unsigned char byte = 0;
  };
  std::vector<Node> nodes_;  // depth first, and one behind the last
  std::vector<std::int64_t> tokens_;
  std::uint32_t deepest_ = 0;
  std::size_t vocab_size_;
  ByteSet alphabet_;
};

}  // namespace hone::engine
