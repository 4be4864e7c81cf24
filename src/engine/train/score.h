// Log-probabilities of texts under a model: one JSON object a line in, one out, in order.
//   {"ids": [int, …]}       of every token after the first
//   {"messages": [{role, content}, …]}   of the last assistant message's tokens and its end token
//   -> {"logprobs": [number, …], "sum": number, "mean": number}
// With `topk` also "topk": for each of them the likeliest tokens in its place, the likeliest first,
//   [[{"id": int, "logprob": number}, …], …]
// or, of a reward model (score.safetensors beside the adapter or the weights), {"reward": number}.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <string>

#include "base/result.h"

namespace hone::engine {

struct ScoreOptions {
  std::string model;    // a Hugging Face folder
  std::string adapter;  // a PEFT folder, or empty
  std::string dtype = "fp32";
  std::int64_t topk = 0;  // at most the vocabulary
  bool reward = false;
};

// A bad line ends it with an error that names the line; the lines before it are answered.
[[nodiscard]] Result<void> score_lines(std::istream& in, std::ostream& out,
                                       const ScoreOptions& options);

}  // namespace hone::engine
