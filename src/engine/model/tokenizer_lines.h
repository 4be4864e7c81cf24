// Token ids of texts, and texts of ids: one JSON object a line in, one out, in order
// (docs/formats/engine.md).
//   {"text": string} -> {"ids": [int, …]}
//   {"ids": [int, …]} -> {"text": string}     with `decode`
#pragma once

#include <iosfwd>
#include <string>

#include "base/result.h"

namespace hone::engine {

struct TokenizeOptions {
  std::string model;     // a Hugging Face folder, or a tokenizer.json
  bool special = false;  // the text of a special token is parsed
  bool decode = false;
  bool skip_special = false;  // when decoding, special tokens are left out
};

// A line is answered before the next is read. A bad line ends it with an error that names the line.
[[nodiscard]] Result<void> tokenize_lines(std::istream& in, std::ostream& out,
                                          const TokenizeOptions& options);

}  // namespace hone::engine
