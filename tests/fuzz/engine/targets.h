// What hone-engine reads that others made: model files, tokenizers, configurations, templates,
// adapters, patterns of schemas. None of it needs a tensor, so that these targets are built without
// libtorch. The test program engine_tests replays their committed inputs (fuzz/targets.h says how
// they are meant).
#pragma once

#include <array>

#include "base/result.h"
#include "fuzz/targets.h"

namespace hone::fuzz {

// Whatever was wrong, in words that fit a line of a log.
inline void must_be_told(const Error& error) {
  must(!error.message.empty(), "an error without a word");
  must(error.message.size() < 8192, "an error as long as what is wrong");
}

void safetensors(std::string_view bytes);
void gguf(std::string_view bytes);           // metadata, tensors, and the tokenizer inside
void tokenizer(std::string_view bytes);      // tokenizer.json, then a text to ids and back
void model_config(std::string_view bytes);   // config.json
void chat_template(std::string_view bytes);  // parsed, and rendered with a small budget
void adapter(std::string_view bytes);        // adapter_config.json, a zero byte, safetensors
void text_pattern(std::string_view bytes);   // a schema's `pattern`, as states

inline constexpr std::array<Target, 7> kEngineTargets = {{{"safetensors", safetensors},
                                                          {"gguf", gguf},
                                                          {"tokenizer", tokenizer},
                                                          {"model_config", model_config},
                                                          {"chat_template", chat_template},
                                                          {"adapter", adapter},
                                                          {"text_pattern", text_pattern}}};

}  // namespace hone::fuzz
