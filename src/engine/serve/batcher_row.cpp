#include "engine/serve/batcher_row.h"

#include <algorithm>
#include <utility>

namespace hone::engine {

Row::Row(std::shared_ptr<Generation> generation, const ServingModel& model, PrefixStore& store)
    : generation_(std::move(generation)),
      ids_(order().prompt),
      prompt_size_(size()),
      cache_(model),
      text_(order().stop),
      random_(order().seed),
      blank_to_drop_(order().begins_with_blank) {
  if (order().constraint) cursor_.emplace(order().constraint);
  const auto asked = order().prompt_logprobs;
  if (asked.value_or(0) > 0) return;  // alternatives are not kept
  const auto match = store.find(ids_, order().adapter.get(), asked.has_value());
  if (match.kept == nullptr) return;
  cache_.copy_beginning(match.kept->cache, match.tokens);
  copied_ = match.tokens;
  if (asked) {
    scores_.assign(match.kept->scores.begin(), match.kept->scores.begin() + match.tokens);
  }
}

void Row::consider(const Row& elder) {
  if (order().prompt_logprobs || elder.order().adapter != order().adapter) return;
  const std::int64_t shared = std::min(common_beginning(elder.ids_, ids_), prompt_size_ - 1);
  const std::int64_t known = std::max(cache_.length(), elder_ == nullptr ? 0 : shared_);
  if (shared < known + kMinSharedTokens) return;
  elder_ = &elder;
  shared_ = shared;
}

std::int64_t Row::take_from_elder() {
  const Row& elder = *std::exchange(elder_, nullptr);
  const std::int64_t tokens = std::min(shared_, elder.cache_.length());
  const std::int64_t before = cache_.length();
  if (tokens <= before) return 0;
  cache_.copy_beginning(elder.cache_, tokens);
  return tokens - before;
}

std::span<const std::int64_t> Row::next_ids(std::int64_t count) {
  cache_.reserve(cache_.length() + count);
  return std::span(ids_).subspan(static_cast<std::size_t>(cache_.length()),
                                 static_cast<std::size_t>(count));
}

std::optional<std::int64_t> Row::scored_target(std::int64_t position) const {
  if (!order().prompt_logprobs || position + 1 >= prompt_size_) return std::nullopt;
  return ids_[static_cast<std::size_t>(position + 1)];
}

void Row::deliver_scores() {
  if (!order().prompt_logprobs || generated_ > 1) return;
  piece_.prompt_logprobs = scores_;
}

void Row::accept(const Choice& choice, std::optional<TokenLogprob> logprob,
                 const Tokenizer& tokenizer, const std::vector<std::int64_t>& end_tokens) {
  ++generated_;
  ++piece_.tokens;
  deliver_scores();
  const bool ends = !order().ignore_eos &&
                    std::find(end_tokens.begin(), end_tokens.end(), choice.id) != end_tokens.end();
  if (ends) {
    piece_.text += text_.take_rest();
    return finish(Finish::kStop);
  }
  ids_.push_back(choice.id);
  if (logprob) piece_.logprobs.push_back(std::move(*logprob));
  const bool stopped =
      !tokenizer.is_special(choice.id) && text_.add(shown_bytes(tokenizer.bytes(choice.id)));
  // An answer that nothing can follow needs no end token.
  bool whole = false;
  if (cursor_) {
    cursor_->accept(choice.id);
    whole = cursor_->ended();
  }
  if (stopped || whole || generated_ >= order().max_tokens) {
    piece_.text += text_.take_rest();
    return finish(stopped ? Finish::kStopString : whole ? Finish::kStop : Finish::kLength);
  }
  if (order().whole) return;
  piece_.text += text_.take();
  if (piece_.text.empty()) return;
  generation_->deliver(std::exchange(piece_, {}));
}

std::string_view Row::shown_bytes(std::string_view bytes) {
  if (!blank_to_drop_ || bytes.empty()) return bytes;
  blank_to_drop_ = false;
  if (bytes.front() == ' ') bytes.remove_prefix(1);
  return bytes;
}

void Row::fail_with(Error error) {
  finished_ = true;
  generation_->fail_with(std::move(error));
}

void Row::finish_without_answer() {
  deliver_scores();
  finish(Finish::kLength);
}

void Row::finish(Finish how) {
  finished_ = true;
  piece_.finish = how;
  piece_.stop_string = text_.stop_string();
  generation_->deliver(std::exchange(piece_, {}));
}

PrefixStore::Kept Row::leave() {
  ids_.resize(static_cast<std::size_t>(cache_.length()));
  if (order().prompt_logprobs.value_or(0) > 0) scores_.clear();
  return {std::move(ids_), order().adapter, std::move(cache_), std::move(scores_)};
}

}  // namespace hone::engine
