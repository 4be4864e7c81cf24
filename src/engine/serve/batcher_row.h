// One running sequence. Used by the batcher only, on its thread.
#pragma once

#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "engine/model/tokenizer.h"
#include "engine/serve/answer_text.h"
#include "engine/serve/generation.h"
#include "engine/serve/kv_cache.h"
#include "engine/serve/prefix_store.h"
#include "engine/serve/sampler.h"

namespace hone::engine {

class Row {
 public:
  // Starts from what `store` has of the prompt's beginning.
  Row(std::shared_ptr<Generation> generation, const ServingModel& model, PrefixStore& store);

  [[nodiscard]] const Order& order() const { return generation_->order(); }
  [[nodiscard]] bool cancelled() const { return generation_->cancelled(); }
  [[nodiscard]] std::int64_t copied() const { return copied_; }

  // Tokens that are not computed yet: the rest of the prompt, or the token chosen last.
  [[nodiscard]] std::int64_t pending() const { return size() - cache_.length(); }
  [[nodiscard]] bool reads_prompt() const { return cache_.length() < prompt_size_ - 1; }
  [[nodiscard]] std::span<const std::int64_t> next_ids(std::int64_t count);
  [[nodiscard]] KvCache& cache() { return cache_; }

  // What this prompt shares with what `elder` computes is worth waiting for, more than what was
  // found before: it is copied, not computed again. A row whose prompt is scored computes all.
  void consider(const Row& elder);
  [[nodiscard]] const Row* elder() const { return elder_; }  // null: waits for nobody
  [[nodiscard]] bool elder_is_ready() const { return elder_->cache_.length() >= shared_; }
  // As far as the elder is; then waits for nobody. Gives how many tokens came new.
  std::int64_t take_from_elder();

  // The prompt token that the state at `position` predicts, where its log-probability was asked
  // for.
  [[nodiscard]] std::optional<std::int64_t> scored_target(std::int64_t position) const;
  void add_score(TokenLogprob score) { scores_.push_back(std::move(score)); }
  // Everything is computed, and a token is wanted.
  [[nodiscard]] bool wants_token() const {
    return pending() == 0 && generated_ < order().max_tokens;
  }

  // Id -1: nothing can be chosen, because of the answer's form.
  [[nodiscard]] Choice choose_from(const at::Tensor& logits) {
    if (!cursor_) return choose(logits, order().temperature, order().top_p, random_);
    return choose_among(cursor_->allowed(), logits, order().temperature, order().top_p, random_);
  }
  // Takes the chosen token and delivers what can be shown.
  void accept(const Choice& choice, std::optional<TokenLogprob> logprob, const Tokenizer& tokenizer,
              const std::vector<std::int64_t>& end_tokens);
  // The prompt is read and no token was wanted.
  void finish_without_answer();
  void fail_with(Error error);  // the row ends

  [[nodiscard]] bool finished() const { return finished_; }
  // What it leaves to those that begin alike; the row is spent.
  [[nodiscard]] PrefixStore::Kept leave();

 private:
  [[nodiscard]] std::int64_t size() const { return static_cast<std::int64_t>(ids_.size()); }
  void finish(Finish how);
  void deliver_scores();
  // What of a token's bytes is the answer's.
  [[nodiscard]] std::string_view shown_bytes(std::string_view bytes);

  std::shared_ptr<Generation> generation_;
  std::vector<std::int64_t> ids_;  // prompt, then answer
  std::int64_t prompt_size_;
  KvCache cache_;
  std::vector<TokenLogprob> scores_;
  AnswerText text_;
  Random random_;
  Piece piece_;  // what was not delivered yet
  std::int64_t generated_ = 0;
  std::int64_t copied_ = 0;  // at the beginning
  const Row* elder_ = nullptr;
  std::int64_t shared_ = 0;  // tokens of the beginning that the elder has, or will have
  std::optional<ConstraintCursor> cursor_;
  bool blank_to_drop_ = false;
  bool finished_ = false;
};

}  // namespace hone::engine
