// The merges of a SentencePiece vocabulary, which GGUF files leave out. Used by the import only.
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace hone::engine {

// A token of the vocabulary may be merged from any two that make it; the higher its score, the
// sooner. The order is transformers' (convert_slow_tokenizer): by score, then the longer left part,
// the longer right part, in characters; then by the ids of the token and of its parts. Only tokens
// whose `normal` is set are merged. All three have one entry a token. The views are those of
// `tokens`. An error names the token that is too long or not UTF-8, or says that there is no end of
// merges: what a hostile file could make the import compute is bounded.
[[nodiscard]] Result<std::vector<std::pair<std::string_view, std::string_view>>> merges_of_scores(
    const std::vector<std::string_view>& tokens, const std::vector<double>& scores,
    const std::vector<bool>& normal);

}  // namespace hone::engine
