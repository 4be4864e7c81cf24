// Rejection sampling: n answers to each prompt, the best of which becomes a demonstration for SFT
// (Touvron et al. 2023, "Llama 2", arXiv 2307.09288, section 3.2.3; best of n). What is best a
// verifier says, or a reward model, or both: then a verifier lets pass and a reward model ranks.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/json.h"
#include "base/result.h"

namespace hone::engine {

struct RejectionOptions {
  std::string model;         // a Hugging Face folder
  std::string adapter;       // a PEFT folder, or empty
  std::string tasks;         // tasks as JSON lines (docs/formats/run.md)
  std::string out;           // demonstrations, written whole or not at all
  std::string all;           // every answer with its reward; or empty
  std::string reward_model;  // a folder with score.safetensors; or empty
  std::string reward_base;   // of a reward model that is an adapter; or empty: the one it names
  std::int64_t n = 8;
  double temperature = 1.0;
  double top_p = 1.0;
  std::int64_t max_new_tokens = 256;
  std::int64_t max_tokens = 2048;  // of prompt and answer
  std::uint64_t seed = 0;
  std::string dtype = "bf16";
  std::optional<double> min_reward;  // what the best must have; with a verifier, above 0 anyway
  bool allow_unsandboxed = false;
};

// Gives {"tasks", "written", "none_passed", "ties", "left_out", "answers", "truncated",
// "mean_reward", "mean_best"}; docs/formats/engine.md says what they count. The same options and
// files give the same output, on the same machine with the same number of threads.
[[nodiscard]] Result<json::object> sample_best(const RejectionOptions& options);

}  // namespace hone::engine
