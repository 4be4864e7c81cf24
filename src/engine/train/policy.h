// The model under training, as the losses see it: log-probabilities of the answers' tokens, from
// the policy or from the reference, and the leaves that the optimizer moves.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/model/llama.h"
#include "engine/model/lora.h"
#include "engine/train/examples.h"
#include "engine/train/optimizer.h"

namespace hone::engine {

// bf16 where it was asked for and the processor multiplies it in hardware, fp32 otherwise: without
// AVX512-BF16 or AMX, libtorch's bf16 products are many times slower than fp32's.
[[nodiscard]] at::ScalarType compute_type(const std::string& dtype);

struct Policy {
  LlamaWeights weights;                // frozen under an adapter, fp32 masters otherwise
  std::optional<LoraAdapter> adapter;  // fp32
  std::optional<LlamaWeights> frozen;  // full DPO: a copy of the weights as they were
  at::ScalarType compute = at::kFloat;
  at::Tensor score;        // a reward model's head, [1, hidden], fp32; undefined otherwise
  bool recompute = false;  // layers are computed again in the backward pass (model/recompute.h)

  [[nodiscard]] std::vector<Parameter> parameters() const;
};

// Switches gradients on. `keep_reference` is for methods with a reference model.
[[nodiscard]] Policy make_policy(LlamaWeights weights, std::optional<LoraAdapter> adapter,
                                 at::ScalarType compute, bool keep_reference);

// From Hugging Face's and PEFT's folders, without gradients; `adapter` may be empty.
[[nodiscard]] Result<Policy> load_policy(const std::string& model, const std::string& adapter,
                                         at::ScalarType compute);

enum class Whose { kPolicy, kReference };  // the reference: the adapter off, or the frozen copy
[[nodiscard]] const LlamaWeights& weights_of(const Policy& policy, Whose whose);

// Sequences, and the tokens of each that a loss reads, by position; the first of a sequence is
// never one, because nothing predicts it.
struct Selection {
  std::vector<TokenIds> ids;
  std::vector<std::vector<std::size_t>> positions;

  // One more sequence, and of it the tokens from `first` on, or those that its loss covers.
  void add(const TokenIds& sequence, std::size_t first);
  void add(const Sequence& sequence);
};

// The selected tokens, one sequence after the other, and what the model knew before each.
struct Predictions {
  at::Tensor hidden;    // [tokens, hidden], the final-norm states that predict them
  at::Tensor targets;   // int64, the tokens
  at::Tensor sequence;  // int64, which sequence each belongs to
};
[[nodiscard]] Predictions predictions(const Policy& policy, Whose whose,
                                      const Selection& selection);

// The selected tokens' log-probabilities.
struct TrainedTokens {
  at::Tensor logprobs;  // fp32
  at::Tensor sequence;  // int64, which sequence each belongs to
};
[[nodiscard]] TrainedTokens selected_logprobs(const Policy& policy, Whose whose,
                                              const Selection& selection);
// Of the tokens of all answers.
[[nodiscard]] TrainedTokens answer_logprobs(const Policy& policy, Whose whose,
                                            std::span<const Sequence* const> sequences);

// The final-norm state of each sequence's last token, [sequences, hidden]: what a reward is read
// from.
[[nodiscard]] at::Tensor last_states(const Policy& policy, Whose whose,
                                     std::span<const TokenIds> sequences);

// What a backward pass has left, by Hugging Face's names (an adapter's by PEFT's), as views. A
// weight that the loss does not reach has none and is left out.
[[nodiscard]] std::vector<NamedTensor> named_gradients(const Policy& policy);
// The norm of all of them together.
[[nodiscard]] double gradient_norm(std::span<const NamedTensor> gradients);

}  // namespace hone::engine
