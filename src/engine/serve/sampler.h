// Chooses the next token from logits, and reports log-probabilities, which are always the model's
// own: of the logits as they are, before temperature and top_p.
#pragma once

#include <ATen/core/Tensor.h>

#include <optional>
#include <vector>

#include "base/random.h"
#include "engine/constrain/token_trie.h"
#include "engine/serve/generation.h"

namespace hone::engine {

struct Choice {
  std::int64_t id = 0;
  float logit = 0;  // not finite: the model broke down
};

// `logits`: [vocab], fp32, contiguous. Greedy where temperature is 0, else from the softmax of
// logits / temperature, cut to the smallest set of likeliest tokens whose probabilities reach top_p
// (Holtzman et al. 2020, arXiv 1904.09751).
[[nodiscard]] Choice choose(const at::Tensor& logits, double temperature, double top_p,
                            Random& random);

// The same among the tokens that are allowed, as if there were no others. Id -1: none is.
[[nodiscard]] Choice choose_among(const TokenMask& allowed, const at::Tensor& logits,
                                  double temperature, double top_p, Random& random);

// One entry a row of `logits` [rows, vocab], for the token in `ids`.
[[nodiscard]] std::vector<TokenLogprob> logprobs_of(const at::Tensor& logits,
                                                    const std::vector<std::int64_t>& ids,
                                                    int likeliest);

}  // namespace hone::engine
