#include "engine/train/score.h"

#include <array>
#include <istream>
#include <ostream>

#include "engine/train/line_reader.h"
#include "engine/train/policy.h"
#include "engine/train/reward_model.h"

namespace hone::engine {
namespace {

constexpr std::size_t kBatchTokens = 4096;

class Scorer {
 public:
  Scorer(Policy policy, const LineReader& lines, std::ostream& out)
      : policy_(std::move(policy)), lines_(lines), out_(out) {}

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
    std::vector<const Sequence*> sequences;
    for (const Sequence& sequence : waiting_) sequences.push_back(&sequence);
    if (policy_.score.defined()) {
      for (const double reward : answer_rewards(policy_, sequences))
        out_ << json::serialize(json::object{{"reward", reward}}) << '\n';
    } else {
      write_logprobs(sequences);
    }
    out_.flush();
    waiting_.clear();
    tokens_ = 0;
  }

 private:
  void write_logprobs(const std::vector<const Sequence*>& sequences) {
    const at::Tensor logprobs = answer_logprobs(policy_, Whose::kPolicy, sequences).logprobs;
    const float* next = logprobs.const_data_ptr<float>();
    for (const Sequence& sequence : waiting_) {
      json::array values;
      double sum = 0;
      for (std::int64_t i = 0; i < sequence.trained(); ++i, ++next) {
        values.emplace_back(static_cast<double>(*next));
        sum += *next;
      }
      out_ << json::serialize(json::object{{"logprobs", std::move(values)},
                                           {"sum", sum},
                                           {"mean", sum / static_cast<double>(sequence.trained())}})
           << '\n';
    }
  }

  Policy policy_;
  const LineReader& lines_;
  std::ostream& out_;
  std::vector<Sequence> waiting_;
  std::size_t tokens_ = 0;
};

}  // namespace

Result<void> score_lines(std::istream& in, std::ostream& out, const ScoreOptions& options) {
  auto policy = load_policy(options.model, options.adapter, compute_type(options.dtype));
  if (!policy) return fail(policy.error());
  if (options.reward) {
    auto head = read_reward_head(std::array{options.adapter, options.model},
                                 policy->weights.config.hidden_size);
    if (!head) return fail(head.error());
    policy->score = *head;
  }
  const LineReader lines(options.model, policy->weights.config.vocab_size);
  Scorer scorer(std::move(*policy), lines, out);
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
