// tokenizer.json, read into what the tokenizer works with. Used by the tokenizer only.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/model/pretokenizer.h"
#include "engine/model/tokenizer_bpe.h"

namespace hone::engine {

struct AddedToken {
  std::string content;
  std::int64_t id = 0;
  bool special = false;
};

struct TokenizerFile {
  Bpe bpe;
  Pretokenizer pretokenizer;
  std::vector<AddedToken> added;
};

[[nodiscard]] Result<TokenizerFile> read_tokenizer_file(std::string_view text);

// GPT-2's way of writing bytes as printable characters: "Ġthe" is " the". Text that is not made of
// those characters stands for itself.
[[nodiscard]] std::string bytes_of_token(std::string_view token);

}  // namespace hone::engine
