// What every training method needs around its own lines: the opened run, the policy and its
// optimizer, resuming, a step's end (clipping, the update, progress, checkpoints), and the run's
// end. A method is a plain loop over steps that calls these; see sft.cpp.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "engine/model/chat.h"
#include "engine/model/tokenizer.h"
#include "engine/train/checkpoint.h"
#include "engine/train/optimizer.h"
#include "engine/train/plan.h"
#include "engine/train/policy.h"
#include "engine/train/progress.h"
#include "engine/train/run_spec.h"

namespace hone::engine {

enum class Ending { kDone, kStopped };  // stopped: asked to, with a checkpoint to go on from

// More rows than this do not go through the model at once; it bounds memory.
inline constexpr std::size_t kMicroBatchTokens = 4096;

// What a step computed. `examples` are named where the loss is not finite.
struct StepReport {
  double loss = 0;
  std::int64_t tokens = 0;  // of the examples, shared beginnings counted for each
  std::vector<std::string> examples;
  json::object more;  // a method's own figures for progress.jsonl
  bool has_gradient =
      true;  // false: nothing is to be learnt here, and the weights stay as they are
};

class Session {
 public:
  // Reads run.toml, the base model and its tokenizer. `stop` is looked at between steps.
  [[nodiscard]] static Result<std::unique_ptr<Session>> open(const std::string& run_folder,
                                                             const std::atomic<bool>& stop);

  [[nodiscard]] const RunSpec& spec() const { return spec_; }
  [[nodiscard]] const Chat& chat() const { return *chat_; }
  [[nodiscard]] const Tokenizer& tokenizer() const { return *tokenizer_; }
  [[nodiscard]] const Policy& policy() const { return policy_; }
  [[nodiscard]] std::int64_t step() const { return state_.step; }  // the next one, from 0
  [[nodiscard]] bool asked_to_stop() const { return stop_->load(); }

  // Plans the steps over so many examples, and goes to the last checkpoint, if there is one.
  // `left_out` examples were too long. With `updates` above 1 a step of the plan is that many of
  // the session's steps, and a checkpoint holds whole steps of the plan only.
  [[nodiscard]] Result<StepPlan> begin(std::size_t examples, std::int64_t left_out,
                                       std::int64_t updates = 1);
  // Moves the weights along the gradients that backward passes have left.
  [[nodiscard]] Result<void> finish_step(StepReport report);
  [[nodiscard]] Result<Ending> suspend();
  [[nodiscard]] Result<Ending> finish();

 private:
  Session() = default;
  [[nodiscard]] Result<void> load_model();
  [[nodiscard]] Result<std::string> inputs_digest() const;
  [[nodiscard]] Result<void> checkpoint();
  [[nodiscard]] double seconds() const;

  std::string folder_;
  const std::atomic<bool>* stop_ = nullptr;
  RunSpec spec_;
  std::optional<Tokenizer> tokenizer_;
  std::optional<Chat> chat_;
  Policy policy_;
  std::optional<AdamW> optimizer_;
  std::optional<ProgressLog> progress_;
  TrainState state_;
  std::int64_t steps_ = 0;
  std::int64_t updates_ = 1;  // of a step of the plan
  std::int64_t warmup_ = 0;
  std::int64_t left_out_ = 0;
  std::chrono::steady_clock::time_point started_;
  double seconds_before_ = 0;
};

}  // namespace hone::engine
