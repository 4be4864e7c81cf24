// Byte-pair encoding of one piece, over bytes or over characters. Used by the tokenizer only.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"

namespace hone::engine {

class Bpe {
 public:
  // Tokens by id; an id without a token is an empty string. `ignore_merges`: a whole piece that is
  // in the vocabulary wins before merging (Llama 3).
  Bpe(std::vector<std::string> tokens, bool ignore_merges);

  // The next merge in order of rank. Both parts and what they make must be tokens, so that every
  // merge makes a longer one and there is no circle of them. Of a pair that comes twice the last
  // rank counts, as in the reference.
  [[nodiscard]] Result<void> add_merge(std::string_view left, std::string_view right);

  // Finds the tokens "<0x00>" to "<0xFF>", all of which must be there: encode_characters needs
  // them.
  [[nodiscard]] Result<void> use_byte_tokens();

  // Begins with the bytes. Those that the vocabulary has no token for are left out, as the
  // reference does.
  void encode(std::string_view piece, std::vector<std::int64_t>& ids) const;

  // Begins with the characters; one without a token is spelled by its bytes' tokens.
  void encode_characters(std::string_view piece, std::vector<std::int64_t>& ids) const;

  [[nodiscard]] std::int32_t find(std::string_view token) const;  // -1 where absent

 private:
  struct Merge {
    std::int32_t rank;
    std::int32_t id;
  };
  class Merging;

  [[nodiscard]] const Merge* merge_of(std::int32_t left, std::int32_t right) const;

  std::vector<std::string> tokens_;
  std::unordered_map<std::string_view, std::int32_t> ids_;  // views into tokens_
  std::unordered_map<std::uint64_t, Merge> merges_;         // by left id << 32 | right id
  std::int32_t next_rank_ = 0;
  std::array<std::int32_t, 256> byte_tokens_{};  // after use_byte_tokens
  bool ignore_merges_;
};

}  // namespace hone::engine
