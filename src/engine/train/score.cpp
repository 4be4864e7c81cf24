#include "engine/train/score.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <array>
#include <istream>
#include <ostream>

#include "engine/model/llama_forward.h"
#include "engine/train/line_reader.h"
#include "engine/train/policy.h"
#include "engine/train/reward_model.h"

namespace hone::engine {
namespace {

constexpr std::size_t kBatchTokens = 4096;

// Rows of logits held at once: [128, vocab] fp32 is 66 MB for Llama 3.
constexpr std::int64_t kLogitRows = 128;

// The likeliest tokens that each of `hidden`'s rows predicts.
std::vector<json::array> likeliest(const at::Tensor& hidden, const at::Tensor& lm_head,
                                   std::int64_t count) {
  std::vector<json::array> rows;
  const at::Tensor head = lm_head.to(at::kFloat);
  for (std::int64_t first = 0; first < hidden.size(0); first += kLogitRows) {
    const std::int64_t some = std::min(kLogitRows, hidden.size(0) - first);
    const at::Tensor logprobs =
        at::log_softmax(at::linear(hidden.narrow(0, first, some).to(at::kFloat), head), -1);
    auto [values, ids] = logprobs.topk(count, -1);
    values = values.contiguous();
    ids = ids.contiguous();
    for (std::int64_t i = 0; i < some * count; ++i) {
      if (i % count == 0) rows.emplace_back();
      rows.back().push_back(
          json::object{{"id", ids.const_data_ptr<std::int64_t>()[i]},
                       {"logprob", static_cast<double>(values.const_data_ptr<float>()[i])}});
    }
  }
  return rows;
}

class Scorer {
 public:
  Scorer(Policy policy, const LineReader& lines, std::ostream& out, std::int64_t topk)
      : policy_(std::move(policy)), lines_(lines), out_(out), topk_(topk) {}

  Result<void> take(const std::string& line) {
    auto sequence = lines_.read(line);
    if (!sequence) return fail(sequence.error());
    tokens_ += sequence->ids.size();
    waiting_.push_back(std::move(*sequence));
    if (tokens_ >= kBatchTokens) answer();
    return {};
  }

  // Writes what waits.
  void answer() {
    if (waiting_.empty()) return;
    const c10::NoGradGuard no_grad;
    if (policy_.score.defined()) {
      write_rewards();
    } else {
      write_logprobs();
    }
    out_.flush();
    waiting_.clear();
    tokens_ = 0;
  }

 private:
  void write_rewards() {
    std::vector<const Sequence*> sequences;
    for (const Sequence& sequence : waiting_) sequences.push_back(&sequence);
    for (const double reward : answer_rewards(policy_, sequences))
      out_ << json::serialize(json::object{{"reward", reward}}) << '\n';
  }

  void write_logprobs() {
    const Predictions predicted = predictions(policy_, Whose::kPolicy, selection());
    const at::Tensor& head = policy_.weights.lm_head;
    const at::Tensor logprobs = target_logprobs(predicted.hidden, head, predicted.targets);
    std::vector<json::array> top;
    if (topk_ > 0) top = likeliest(predicted.hidden, head, topk_);
    const float* next = logprobs.const_data_ptr<float>();
    auto next_top = top.begin();
    for (const Sequence& sequence : waiting_) {
      json::array values;
      json::array alternatives;
      double sum = 0;
      for (std::int64_t i = 0; i < sequence.trained(); ++i, ++next) {
        values.emplace_back(static_cast<double>(*next));
        sum += *next;
        if (topk_ > 0) alternatives.emplace_back(std::move(*next_top++));
      }
      json::object answered{{"logprobs", std::move(values)},
                            {"sum", sum},
                            {"mean", sum / static_cast<double>(sequence.trained())}};
      if (topk_ > 0) answered["topk"] = std::move(alternatives);
      out_ << json::serialize(answered) << '\n';
    }
  }

  // The tokens of all answers.
  [[nodiscard]] Selection selection() const {
    Selection selected;
    for (const Sequence& sequence : waiting_) selected.add(sequence);
    return selected;
  }

  Policy policy_;
  const LineReader& lines_;
  std::ostream& out_;
  std::int64_t topk_;
  std::vector<Sequence> waiting_;
  std::size_t tokens_ = 0;
};

}  // namespace

Result<void> score_lines(std::istream& in, std::ostream& out, const ScoreOptions& options) {
  auto policy = load_policy(options.model, options.adapter, compute_type(options.dtype));
  if (!policy) return fail(policy.error());
  const std::int64_t vocab_size = policy->weights.config.vocab_size;
  if (options.topk < 0 || options.topk > vocab_size) {
    return fail(ErrorCode::kInvalid, "--topk must be from 0 to the vocabulary's " +
                                         std::to_string(vocab_size) + " tokens");
  }
  if (options.reward) {
    auto head = read_reward_head(std::array{options.adapter, options.model},
                                 policy->weights.config.hidden_size);
    if (!head) return fail(head.error());
    policy->score = *head;
  }
  const LineReader lines(options.model, vocab_size);
  Scorer scorer(std::move(*policy), lines, out, options.topk);
  std::string line;
  for (std::size_t number = 1; std::getline(in, line); ++number) {
    if (is_blank(line)) continue;
    if (auto taken = scorer.take(line); !taken) {
      scorer.answer();
      return fail(taken.error().with("line " + std::to_string(number)));
    }
  }
  scorer.answer();
  return {};
}

}  // namespace hone::engine
