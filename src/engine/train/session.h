// What every training method needs around its own lines: the opened run, the policy and its
// optimizer, resuming, a step's end (clipping, the update, progress, checkpoints), and the run's
// end. A method is a plain loop over steps that calls these; see sft.cpp.
//
// Several ranks (ranks/collective.h) train one run together: each goes through its own share of a
// step's examples, `Session::micro_batches`, with losses normalised over the whole step's, and the
// gradients are added up. Every rank calls the same functions in the same order; rank 0 writes.
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
#include "engine/ranks/collective.h"
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

// A figure over a step's examples, for progress.jsonl; left out where it counted none.
struct Mean {
  std::string name;
  double sum = 0;
  double count = 0;
};

// What a rank computed of a step. `loss` and `means` are of its own share, and are added up over
// ranks, which all have the same means in the same order; the rest is the whole step's, and the
// same on all. `examples` are named where the loss is not finite.
struct StepReport {
  double loss = 0;
  std::int64_t tokens = 0;  // of the examples, shared beginnings counted for each
  std::vector<std::string> examples;
  std::vector<Mean> means;
  json::object more;  // a method's other figures
  bool has_gradient =
      true;  // false: nothing is to be learnt here, on no rank, and the weights stay as they are

  std::size_t batches = 0;  // micro-batches so far
  std::string not_finite;   // the first of them whose loss is not, and its examples

  void add(double batch_loss, const std::vector<std::string>& batch_examples);
};

// The backward pass of a micro-batch's part of the step's loss, and the loss into the report.
template <typename Example>
void descend(StepReport& report, const at::Tensor& loss, const std::vector<Example>& examples,
             const std::vector<std::size_t>& members) {
  loss.backward();
  std::vector<std::string> names;
  for (const std::size_t i : members) names.push_back(examples[i].id);
  report.add(loss.item<double>(), names);
}

class Session {
 public:
  // Reads run.toml, the base model and its tokenizer. `stop` is looked at between steps.
  [[nodiscard]] static Result<std::unique_ptr<Session>> open(const std::string& run_folder,
                                                             const std::atomic<bool>& stop,
                                                             std::shared_ptr<Collective> ranks);

  [[nodiscard]] const RunSpec& spec() const { return spec_; }
  [[nodiscard]] const Chat& chat() const { return *chat_; }
  [[nodiscard]] const Tokenizer& tokenizer() const { return *tokenizer_; }
  [[nodiscard]] const Policy& policy() const { return policy_; }
  [[nodiscard]] std::int64_t step() const { return state_.step; }  // the next one, from 0
  [[nodiscard]] Collective& ranks() const { return *ranks_; }
  // Whether any rank was, when the step before ended: all stop after the same step.
  [[nodiscard]] bool asked_to_stop() const { return stop_agreed_; }
  // This rank's share of a step's examples, cut to what goes through the model at once. It may be
  // empty, where a step has fewer examples than there are ranks.
  [[nodiscard]] std::vector<std::vector<std::size_t>> micro_batches(
      const std::vector<std::size_t>& chosen, const std::vector<std::size_t>& lengths) const;

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
  void choose_recomputing();
  [[nodiscard]] Result<std::string> inputs_digest() const;
  [[nodiscard]] Result<void> resume();
  [[nodiscard]] Result<void> add_up(StepReport& report);
  [[nodiscard]] std::unexpected<Error> not_finite(const StepReport& report) const;
  [[nodiscard]] std::unexpected<Error> astray(const StepReport& report) const;
  [[nodiscard]] Result<void> tell(const StepReport& report, double rate, double norm);
  [[nodiscard]] Result<void> checkpoint();
  [[nodiscard]] Result<void> write_output(double peak_memory);
  [[nodiscard]] double seconds() const;

  std::string folder_;
  const std::atomic<bool>* stop_ = nullptr;
  bool stop_agreed_ = false;
  std::shared_ptr<Collective> ranks_;
  RunSpec spec_;
  std::optional<Tokenizer> tokenizer_;
  std::optional<Chat> chat_;
  Policy policy_;
  std::optional<AdamW> optimizer_;
  std::optional<ProgressLog> progress_;  // rank 0's
  TrainState state_;
  std::int64_t steps_ = 0;
  std::int64_t updates_ = 1;  // of a step of the plan
  std::int64_t warmup_ = 0;
  std::int64_t left_out_ = 0;
  std::chrono::steady_clock::time_point started_;
  double seconds_before_ = 0;
};

}  // namespace hone::engine
