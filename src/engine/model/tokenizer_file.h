// tokenizer.json, read into what the tokenizer works with. Used by the tokenizer only.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/model/pretokenizer.h"
#include "engine/model/tokenizer_added.h"
#include "engine/model/tokenizer_bpe.h"
#include "engine/model/tokenizer_decoder.h"
#include "engine/model/tokenizer_spaces.h"

namespace hone::engine {

inline constexpr std::size_t kMaxTokenizerBytes = 64U << 20;

// By id; an id without a token is empty.
using TokenTexts = std::vector<std::string>;

struct SentencePiece {
  Spaces spaces;
  std::vector<DecoderStep> decoder;
  TokenTexts texts;  // as the file writes them, added tokens too
};

struct TokenizerFile {
  Bpe bpe;                                     // knows the vocabulary, and nothing of added tokens
  Pretokenizer pretokenizer;                   // of byte-level BPE
  std::optional<SentencePiece> sentencepiece;  // absent: byte-level BPE
  TokenTexts bytes;                            // what tokens stand for, added ones too
  std::vector<AddedToken> added;
};

// Memory is bounded by the size of `text`, which is at most 64 MiB, some tens of times over: an id
// may not be far beyond the number of tokens. Errors name the field, and the token or the merge.
[[nodiscard]] Result<TokenizerFile> read_tokenizer_file(std::string_view text);

// GPT-2's way of writing bytes as printable characters: "Ġthe" is " the". Text that is not made of
// those characters stands for itself.
[[nodiscard]] std::string bytes_of_token(std::string_view token);

}  // namespace hone::engine
