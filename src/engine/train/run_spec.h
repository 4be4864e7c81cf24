// run.toml: what a run trains, on what, and how (docs/formats/run.md). Every mistake is named with
// its line; a field that nobody knows is a mistake.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "engine/model/lora.h"
#include "engine/train/loss/dpo.h"
#include "engine/train/loss/grpo.h"
#include "engine/train/loss/kto.h"
#include "engine/train/loss/orpo.h"
#include "engine/train/loss/reward.h"
#include "engine/train/loss/sft.h"
#include "engine/train/loss/simpo.h"
#include "engine/train/optimizer.h"

namespace hone::engine {

enum class Method { kSft, kDpo, kKto, kOrpo, kSimpo, kReward, kGrpo };

// Beyond the loss: how answers are sampled and what they are worth.
struct GrpoRunOptions {
  GrpoOptions loss;
  RewardScale scale = RewardScale::kGroup;
  std::int64_t group_size = 8;  // answers to a prompt
  double temperature = 1.0;
  std::int64_t max_new_tokens = 256;
  std::int64_t iterations = 1;        // updates on the same answers
  std::int64_t dynamic_sampling = 0;  // rounds of other tasks for groups without spread
  bool mask_truncated = false;        // answers that hit the limit: out of the loss
  std::int64_t overlong_buffer = 0;   // tokens before the limit where a reward begins to fall
  bool allow_unsandboxed = false;
};

// Activation checkpointing: whether the backward pass computes the layers again instead of keeping
// what they computed. kAuto: where memory would get short.
enum class Recompute { kAuto, kOn, kOff };

struct RunSpec {
  Method method = Method::kSft;
  std::string base_model;  // folder
  std::string dataset;     // file
  std::uint64_t seed = 0;
  bool full = false;  // lora_r = 0: every weight is trained, and `lora` means nothing
  LoraConfig lora;
  double learning_rate = 1e-4;
  Schedule schedule = Schedule::kCosine;
  double warmup_fraction = 0.0;
  double epochs = 1.0;
  std::int64_t batch_size = 8;
  std::int64_t gradient_accumulation = 1;
  double max_grad_norm = 1.0;
  double weight_decay = 0.0;
  std::int64_t max_tokens = 1024;
  std::string dtype = "bf16";
  std::int64_t threads = 2;  // of each rank
  Recompute recompute = Recompute::kAuto;
  double divergence = 3.0;  // see divergence.h; 0: never
  std::int64_t checkpoint_every = 50;
  SftOptions sft;
  DpoOptions dpo;
  KtoOptions kto;
  OrpoOptions orpo;
  SimpoOptions simpo;
  RewardOptions reward;
  GrpoRunOptions grpo;
};

// `folder` is the run's; relative paths in run.toml begin there.
[[nodiscard]] Result<RunSpec> read_run_spec(const std::string& folder);

}  // namespace hone::engine
