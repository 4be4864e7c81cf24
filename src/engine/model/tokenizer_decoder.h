// From the tokens of a SentencePiece vocabulary back to text, by the steps that tokenizer.json's
// decoder names. Used by the tokenizer only.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace hone::engine {

struct DecoderStep {
  enum class Kind { kReplaceMarks, kMetaspace, kByteFallback, kFuse, kStrip };
  Kind kind = Kind::kFuse;
  bool drops_prefix = false;  // kMetaspace: the marks of the first token are left out
  std::size_t strip = 0;      // kStrip: at most so many spaces, from the front of each token
};

// By tokenizer.json's `decoder`. A step that is not known is refused by name; so are steps that
// leave marks or byte tokens as they are.
[[nodiscard]] Result<std::vector<DecoderStep>> read_decoder(const json::object& root);

// `tokens` as the vocabulary writes them, to text; UTF-8 where they are.
[[nodiscard]] std::string decode_tokens(const std::vector<DecoderStep>& steps,
                                        std::vector<std::string> tokens);

// What one token stands for, wherever it comes: "<0x0A>" for its byte, marks for spaces.
[[nodiscard]] std::string bytes_of_piece(std::string_view token);

}  // namespace hone::engine
