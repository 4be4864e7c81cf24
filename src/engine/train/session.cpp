#include "engine/train/session.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>

#include <cmath>

#include "base/file.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/random.h"
#include "engine/model/mapped_file.h"

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

Result<std::unique_ptr<Session>> Session::open(const std::string& run_folder,
                                               const std::atomic<bool>& stop) {
  std::unique_ptr<Session> session(new Session());
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
  optimizer_.emplace(policy_.parameters(), AdamWOptions{.weight_decay = spec_.weight_decay});
  return {};
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
  auto inputs = inputs_digest();
  if (!inputs) return fail(inputs.error());
  auto saved = load_checkpoint(folder_, *optimizer_, *inputs);
  if (!saved) return fail(saved.error());
  if (*saved) {
    state_ = **saved;
    spdlog::info("going on from step {} of {}", state_.step, steps_);
  }
  state_.inputs = *inputs;
  auto progress = ProgressLog::open(folder_, state_.step);
  if (!progress) return fail(progress.error());
  progress_.emplace(std::move(*progress));
  seconds_before_ = state_.seconds;
  started_ = std::chrono::steady_clock::now();
  return plan;
}

Result<void> Session::finish_step(StepReport report) {
  const double norm = report.has_gradient ? optimizer_->clip_gradients(spec_.max_grad_norm) : 0.0;
  if (!std::isfinite(report.loss) || !std::isfinite(norm)) {
    return fail(ErrorCode::kInvalid, "the loss or its gradient is not finite at step " +
                                         std::to_string(state_.step + 1) +
                                         "; the step's examples: " + joined(report.examples) +
                                         ". A lower learning_rate may help");
  }
  const double rate =
      learning_rate(spec_.schedule, spec_.learning_rate, state_.step, warmup_, steps_);
  if (report.has_gradient) optimizer_->update(rate);
  ++state_.step;
  state_.tokens += report.tokens;
  state_.seconds = seconds();
  if (state_.step == 1) state_.loss_first = report.loss;
  state_.loss_last = report.loss;
  json::object line = {{"step", state_.step},      {"steps", steps_},   {"loss", report.loss},
                       {"learning_rate", rate},    {"grad_norm", norm}, {"tokens", state_.tokens},
                       {"seconds", state_.seconds}};
  for (const auto& [name, value] : report.more) line[name] = value;
  if (auto written = progress_->append(line); !written) return written;
  spdlog::info("step {}/{}  loss {:.4f}  {} tokens in {:.1f} s", state_.step, steps_, report.loss,
               state_.tokens, state_.seconds);
  const bool whole = state_.step % updates_ == 0;
  if (whole && state_.step % spec_.checkpoint_every == 0 && state_.step < steps_)
    return checkpoint();
  return {};
}

Result<void> Session::checkpoint() {
  auto saved = save_checkpoint(folder_, policy_, *optimizer_, state_, spec_.base_model);
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
  const std::string output = spec_.full ? "model" : "adapter";
  const at::ScalarType dtype =
      policy_.weights.config.torch_dtype == "float32" ? at::kFloat : at::kBFloat16;
  auto written = write_model(folder_ + "/" + output, policy_, dtype, spec_.base_model);
  if (!written) return fail(written.error());
  if (spec_.full) {
    if (auto copied = copy_tokenizer(spec_.base_model, folder_ + "/" + output); !copied)
      return fail(copied.error());
  }
  written = write_result(folder_, {{"state", "done"},
                                   {"steps", state_.step},
                                   {"tokens", state_.tokens},
                                   {"seconds", state_.seconds},
                                   {"loss_first", state_.loss_first},
                                   {"loss_last", state_.loss_last},
                                   {"left_out", left_out_},
                                   {"output", output}});
  if (!written) return fail(written.error());
  return Ending::kDone;
}

double Session::seconds() const {
  const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - started_;
  return seconds_before_ + passed.count();
}

}  // namespace hone::engine
