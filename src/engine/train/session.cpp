#include "engine/train/session.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/file.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/random.h"
#include "engine/model/mapped_file.h"
#include "engine/train/memory.h"

namespace hone::engine {
namespace {

// Streams of chance, by label, so that a new one does not move the others.
constexpr std::uint64_t kAdapterStream = 1;
constexpr std::uint64_t kScoreStream = 2;

bool compares_with_a_reference(const RunSpec& spec) {
  return spec.method == Method::kDpo || spec.method == Method::kKto ||
         (spec.method == Method::kGrpo && spec.grpo.loss.beta > 0.0);
}

// As transformers begins one: normal, with a standard deviation of 0.02.
at::Tensor make_score(std::int64_t hidden_size, Random random) {
  at::Tensor score = at::empty({1, hidden_size}, at::TensorOptions(at::kFloat));
  float* values = score.mutable_data_ptr<float>();
  for (std::int64_t i = 0; i < hidden_size; ++i)
    values[i] = static_cast<float>(0.02 * random.normal());
  return score;
}

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

// A fully trained model is served from its own folder, so that it needs its base's tokenizer.
Result<void> copy_tokenizer(const std::string& from, const std::string& to) {
  for (const char* name : {"tokenizer.json", "tokenizer_config.json", "generation_config.json"}) {
    const auto text = read_file(posix_files(), from + "/" + name);
    if (!text && text.error().code == ErrorCode::kNotFound) continue;
    if (!text) return fail(text.error());
    auto written = write_file_atomically(posix_files(), to + "/" + name, *text);
    if (!written) return written;
  }
  return {};
}

}  // namespace

void StepReport::add(double batch_loss, const std::vector<std::string>& batch_examples) {
  ++batches;
  loss += batch_loss;
  if (!std::isfinite(batch_loss) && not_finite.empty())
    not_finite = "batch " + std::to_string(batches) + ", examples " + joined(batch_examples);
}

Result<std::unique_ptr<Session>> Session::open(const std::string& run_folder,
                                               const std::atomic<bool>& stop,
                                               std::shared_ptr<Collective> ranks) {
  std::unique_ptr<Session> session(new Session());
  session->ranks_ = std::move(ranks);
  session->folder_ = run_folder;
  session->stop_ = &stop;
  auto spec = read_run_spec(run_folder);
  if (!spec) return fail(spec.error());
  session->spec_ = std::move(*spec);
  at::set_num_threads(static_cast<int>(session->spec_.threads));
  if (auto loaded = session->load_model(); !loaded) return fail(loaded.error());
  return session;
}

Result<void> Session::load_model() {
  auto tokenizer = Tokenizer::load(spec_.base_model);
  if (!tokenizer) return fail(tokenizer.error());
  tokenizer_.emplace(std::move(*tokenizer));
  auto chat = Chat::load(spec_.base_model, *tokenizer_);
  if (!chat) return fail(chat.error());
  chat_.emplace(std::move(*chat));

  const at::ScalarType compute = compute_type(spec_.dtype);
  if (spec_.dtype == "bf16" && compute == at::kFloat)
    spdlog::info("this processor has no bf16 products; computing in fp32");
  auto weights = load_llama(spec_.base_model, spec_.full ? at::kFloat : compute);
  if (!weights) return fail(weights.error());
  std::optional<LoraAdapter> adapter;
  if (!spec_.full)
    adapter = make_lora(weights->config, spec_.lora, Random(spec_.seed).fork(kAdapterStream));
  policy_ = make_policy(std::move(*weights), std::move(adapter), compute,
                        compares_with_a_reference(spec_));
  if (spec_.method == Method::kReward) {
    const Random random = Random(spec_.seed).fork(kScoreStream);
    policy_.score = make_score(policy_.weights.config.hidden_size, random).requires_grad_(true);
  }
  optimizer_.emplace(policy_.parameters(), AdamWOptions{.weight_decay = spec_.weight_decay},
                     ranks_);
  choose_recomputing();
  return {};
}

// `auto`: where what a full micro-batch keeps would take more than half of the memory that is left,
// which is shared with the other ranks. Ranks may choose differently: the gradients are the same.
void Session::choose_recomputing() {
  const auto rows = std::max(static_cast<std::int64_t>(kMicroBatchTokens), 2 * spec_.max_tokens);
  const std::uint64_t kept = kept_bytes(policy_.weights.config, rows, policy_.compute);
  const std::uint64_t available =
      available_memory_bytes() / static_cast<std::uint64_t>(ranks_->world());
  policy_.recompute = spec_.recompute == Recompute::kOn || (spec_.recompute == Recompute::kAuto &&
                                                            available > 0 && kept > available / 2);
  if (policy_.recompute && spec_.recompute == Recompute::kAuto) {
    spdlog::info(
        "activations would take up to {} MB of {} MB: computing them again in the backward "
        "pass",
        kept / 1'000'000, available / 1'000'000);
  }
}

std::vector<std::vector<std::size_t>> Session::micro_batches(
    const std::vector<std::size_t>& chosen, const std::vector<std::size_t>& lengths) const {
  return engine::micro_batches(share_of(chosen, lengths, ranks_->rank(), ranks_->world()), lengths,
                               kMicroBatchTokens);
}

Result<std::string> Session::inputs_digest() const {
  Sha256 digest;
  for (const std::string& path : {folder_ + "/run.toml", spec_.dataset}) {
    auto file = map_file(path);
    if (!file) return fail(file.error());
    digest.update(std::to_string(file->bytes.size()) + ":");
    digest.update(file->bytes);
    if (auto whole = file->still_whole(); !whole) return fail(whole.error());
  }
  return hex(digest.finish());
}

Result<StepPlan> Session::begin(std::size_t examples, std::int64_t left_out, std::int64_t updates) {
  const StepPlan plan =
      plan_steps(examples, static_cast<std::size_t>(spec_.batch_size * spec_.gradient_accumulation),
                 spec_.epochs, spec_.seed);
  updates_ = updates;
  steps_ = plan.steps * updates;
  left_out_ = left_out;
  warmup_ = std::llround(spec_.warmup_fraction * static_cast<double>(steps_));
  if (left_out > 0)
    spdlog::warn("{} examples are longer than max_tokens = {} and left out", left_out,
                 spec_.max_tokens);
  if (auto resumed = resume(); !resumed) return fail(resumed.error());
  seconds_before_ = state_.seconds;
  started_ = std::chrono::steady_clock::now();
  return plan;
}

Result<void> Session::resume() {
  auto inputs = inputs_digest();
  if (!inputs) return fail(inputs.error());
  if (auto same = agree(*ranks_, *inputs, "run.toml or dataset"); !same) return same;
  const bool bf16 = policy_.compute == at::kBFloat16;
  if (auto same = agree(*ranks_, bf16 ? "bf16" : "fp32", "number type (dtype)"); !same) return same;
  auto saved = load_checkpoint(folder_, *optimizer_, *inputs, ranks_->world());
  if (!saved) return fail(saved.error());
  if (*saved) state_ = **saved;
  if (auto same = agree(*ranks_, std::to_string(state_.step), "checkpoint"); !same) return same;
  state_.inputs = *inputs;
  double stop = stop_->load() ? 1.0 : 0.0;
  if (auto added = ranks_->all_reduce({&stop, 1}); !added) return added;
  stop_agreed_ = stop > 0.0;
  if (ranks_->rank() != 0) return {};
  if (*saved) spdlog::info("going on from step {} of {}", state_.step, steps_);
  auto progress = ProgressLog::open(folder_, state_.step);
  if (!progress) return fail(progress.error());
  progress_.emplace(std::move(*progress));
  return {};
}

// What the ranks computed, together. The wish of any to stop travels with it.
Result<void> Session::add_up(StepReport& report) {
  std::vector<double> values = {report.loss, stop_->load() ? 1.0 : 0.0};
  for (const Mean& mean : report.means) values.insert(values.end(), {mean.sum, mean.count});
  if (auto added = ranks_->all_reduce(values); !added) return added;
  report.loss = values[0];
  stop_agreed_ = values[1] > 0.0;
  for (std::size_t i = 0; i < report.means.size(); ++i) {
    report.means[i].sum = values[2 + 2 * i];
    report.means[i].count = values[3 + 2 * i];
  }
  return {};
}

std::unexpected<Error> Session::not_finite(const StepReport& report) const {
  std::string where = "the step's examples: " + joined(report.examples);
  const auto found =
      ranks_->all_gather_text(std::string_view(report.not_finite).substr(0, kMaxTextBytes));
  if (!found) return fail(found.error());
  for (std::size_t rank = 0; rank < found->size(); ++rank) {
    if ((*found)[rank].empty()) continue;
    where = (found->size() > 1 ? "rank " + std::to_string(rank) + ", " : "") + (*found)[rank];
    break;
  }
  return fail(ErrorCode::kInvalid, "the loss or its gradient is not finite at step " +
                                       std::to_string(state_.step + 1) + "; " + where +
                                       ". A lower learning_rate may help");
}

std::unexpected<Error> Session::astray(const StepReport& report) const {
  return fail(
      ErrorCode::kInvalid,
      fmt::format(
          "the loss diverges at step {}: {:.4g} over the last {} steps, {:.4g} at the "
          "beginning; the step's examples: {}. A lower learning_rate may help; divergence = "
          "{:g} in run.toml is the limit",
          state_.step + 1, LossWatch::mean(state_.losses.last), LossWatch::kSteps,
          state_.losses.beginning(), joined(report.examples), spec_.divergence));
}

Result<void> Session::finish_step(StepReport report) {
  if (auto added = add_up(report); !added) return added;
  double norm = 0;
  if (report.has_gradient) {
    auto clipped = optimizer_->clip_gradients(spec_.max_grad_norm);
    if (!clipped) return fail(clipped.error());
    norm = *clipped;
  }
  if (!std::isfinite(report.loss) || !std::isfinite(norm)) return not_finite(report);
  state_.losses.add(report.loss);
  if (state_.losses.astray(spec_.divergence)) return astray(report);
  const double rate =
      learning_rate(spec_.schedule, spec_.learning_rate, state_.step, warmup_, steps_);
  if (report.has_gradient) {
    if (auto moved = optimizer_->update(rate); !moved) return moved;
  }
  ++state_.step;
  state_.tokens += report.tokens;
  state_.seconds = seconds();
  if (state_.step == 1) state_.loss_first = report.loss;
  state_.loss_last = report.loss;
  if (ranks_->rank() == 0) {
    if (auto told = tell(report, rate, norm); !told) return told;
  }
  const bool whole = state_.step % updates_ == 0;
  if (whole && state_.step % spec_.checkpoint_every == 0 && state_.step < steps_)
    return checkpoint();
  return {};
}

Result<void> Session::tell(const StepReport& report, double rate, double norm) {
  json::object line = {{"step", state_.step},      {"steps", steps_},   {"loss", report.loss},
                       {"learning_rate", rate},    {"grad_norm", norm}, {"tokens", state_.tokens},
                       {"seconds", state_.seconds}};
  for (const Mean& mean : report.means) {
    if (mean.count > 0) line[mean.name] = mean.sum / mean.count;
  }
  for (const auto& [name, value] : report.more) line[name] = value;
  if (auto written = progress_->append(line); !written) return written;
  spdlog::info("step {}/{}  loss {:.4f}  {} tokens in {:.1f} s", state_.step, steps_, report.loss,
               state_.tokens, state_.seconds);
  return {};
}

Result<void> Session::checkpoint() {
  auto saved = save_checkpoint(folder_, policy_, *optimizer_, state_, spec_.base_model, *ranks_);
  if (!saved) return fail(saved.error().with("checkpoint of step " + std::to_string(state_.step)));
  return {};
}

Result<Ending> Session::suspend() {
  if (state_.step > 0) {
    if (auto saved = checkpoint(); !saved) return fail(saved.error());
  }
  spdlog::info("stopped after step {} of {}; the same command goes on from here", state_.step,
               steps_);
  return Ending::kStopped;
}

Result<Ending> Session::finish() {
  std::vector<double> peaks(static_cast<std::size_t>(ranks_->world()), 0.0);
  peaks[static_cast<std::size_t>(ranks_->rank())] = peak_memory_mb();
  if (auto added = ranks_->all_reduce(peaks); !added) return fail(added.error());
  if (ranks_->rank() == 0) {
    if (auto written = write_output(std::ranges::max(peaks)); !written)
      return fail(written.error());
  }
  // The others end when the run is done, and not before.
  if (auto together = ranks_->barrier(); !together) return fail(together.error());
  return Ending::kDone;
}

Result<void> Session::write_output(double peak_memory) {
  const std::string output = spec_.full ? "model" : "adapter";
  const at::ScalarType dtype =
      policy_.weights.config.torch_dtype == "float32" ? at::kFloat : at::kBFloat16;
  auto written = write_model(folder_ + "/" + output, policy_, dtype, spec_.base_model);
  if (!written) return written;
  if (spec_.full) {
    if (auto copied = copy_tokenizer(spec_.base_model, folder_ + "/" + output); !copied)
      return copied;
  }
  return write_result(folder_, {{"state", "done"},
                                {"steps", state_.step},
                                {"tokens", state_.tokens},
                                {"seconds", state_.seconds},
                                {"loss_first", state_.loss_first},
                                {"loss_last", state_.loss_last},
                                {"left_out", left_out_},
                                {"peak_memory_mb", peak_memory},
                                {"ranks", ranks_->world()},
                                {"output", output}});
}

double Session::seconds() const {
  const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - started_;
  return seconds_before_ + passed.count();
}

}  // namespace hone::engine
