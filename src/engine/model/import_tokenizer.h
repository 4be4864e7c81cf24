// The tokenizer of a GGUF file as Hugging Face's files. Used by the import only.
#pragma once

#include <string>

#include "base/result.h"
#include "engine/model/gguf.h"

namespace hone::engine {

// tokenizer.json, which our tokenizer reads: of byte-level BPE (tokenizer.ggml.model "gpt2") with a
// known pre-tokenizer, or of SentencePiece ("llama"), whose merges follow from the scores where the
// file has none.
[[nodiscard]] Result<std::string> tokenizer_json_of(const GgufFile& file);

// tokenizer_config.json, with the chat template where the file has one.
[[nodiscard]] Result<std::string> tokenizer_config_of(const GgufFile& file);

// Ids that end an answer, each once.
[[nodiscard]] Result<std::vector<std::int64_t>> end_tokens_of(const GgufFile& file);

}  // namespace hone::engine
