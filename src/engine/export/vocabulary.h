// A model folder's tokenizer as GGUF has it: what llama.cpp needs to cut text as Hugging Face's
// tokenizers does. Used by the export only; engine/model/import_tokenizer.h is the way back.
//
// Byte-level BPE ("gpt2") is one of three pre-tokenizers by name, with its merges. SentencePiece
// ("llama") has one score a token in place of merges; they are numbered from the merges, and a
// tokenizer whose merges do not follow from such scores is refused, because llama.cpp would cut
// text otherwise than the model was trained on.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/export/gguf_file.h"
#include "engine/model/config.h"

namespace hone::engine {

struct Vocabulary {
  std::string model;                // "gpt2" or "llama"
  std::string pre;                  // "smollm", "llama-bpe", "gpt-2"; of SentencePiece "default"
  std::vector<std::string> tokens;  // as many as the model has embeddings
  std::vector<std::int32_t> types;  // one a token, as llama.cpp numbers them
  std::vector<float> scores;        // SentencePiece's, one a token
  std::vector<std::string> merges;  // byte-level BPE's, "left right"
  bool add_bos = false;             // before a text that is no chat
  bool add_space_prefix = false;    // SentencePiece's
  std::optional<std::int64_t> bos, eos, eot, eom, unknown, padding;
  std::string chat_template;       // Jinja source, or empty
  std::vector<std::string> notes;  // what llama.cpp will do a little differently, for people
};

[[nodiscard]] Result<Vocabulary> read_vocabulary(const std::string& folder,
                                                 const LlamaConfig& config);
void put_vocabulary(const Vocabulary& vocabulary, GgufMetadata& metadata);

}  // namespace hone::engine
