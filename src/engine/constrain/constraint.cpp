#include "engine/constrain/constraint.h"

#include <algorithm>

namespace hone::engine {
namespace {

constexpr std::size_t kMostMasks = 256;  // 16 KB each for Llama 3

}  // namespace

std::shared_ptr<const ConstraintVocabulary> constraint_vocabulary(
    const Tokenizer& tokenizer, const std::vector<std::int64_t>& end_tokens) {
  std::vector<std::string_view> tokens;
  std::vector<std::string> bytes;
  for (std::int64_t id = 0; id < tokenizer.vocab_size(); ++id) {
    const bool ends = std::find(end_tokens.begin(), end_tokens.end(), id) != end_tokens.end();
    const bool text = !ends && !tokenizer.is_special(id);
    tokens.push_back(text ? tokenizer.bytes(id) : std::string_view());
    bytes.emplace_back(tokens.back());
  }
  return std::make_shared<const ConstraintVocabulary>(
      ConstraintVocabulary{TokenTrie(tokens), std::move(bytes), end_tokens});
}

Constraint::Constraint(Grammar grammar, std::shared_ptr<const ConstraintVocabulary> vocabulary)
    : grammar_(std::make_shared<const Grammar>(std::move(grammar))),
      vocabulary_(std::move(vocabulary)) {}

std::shared_ptr<Constraint::Walked> Constraint::fresh() const {
  return std::make_shared<Walked>(Walked{Automaton(grammar_), {}});
}

ConstraintCursor::ConstraintCursor(std::shared_ptr<Constraint> constraint)
    : constraint_(std::move(constraint)) {
  if (!constraint_->walked_ || constraint_->walked_->automaton.full()) {
    constraint_->walked_ = constraint_->fresh();
  }
  walked_ = constraint_->walked_;
  state_ = walked_->automaton.start();
}

// Into an automaton with room. The old one goes with the last cursor that is in it.
void ConstraintCursor::change_over() {
  if (constraint_->walked_->automaton.full()) constraint_->walked_ = constraint_->fresh();
  auto roomy = constraint_->walked_;
  state_ = roomy->automaton.take_over(walked_->automaton, state_);
  walked_ = std::move(roomy);
}

const TokenMask& ConstraintCursor::allowed() {
  if (walked_->automaton.full()) change_over();
  auto& masks = walked_->masks;
  if (const auto known = masks.find(state_); known != masks.end()) {
    mask_ = known->second;
    return *mask_;
  }
  const ConstraintVocabulary& vocabulary = *constraint_->vocabulary_;
  auto mask = std::make_shared<TokenMask>(vocabulary.trie.vocab_size());
  vocabulary.trie.allow(walked_->automaton, state_, *mask);
  if (complete()) {
    for (const std::int64_t id : vocabulary.end_tokens) {
      if (id >= 0 && static_cast<std::size_t>(id) < mask->size()) mask->set(id);
    }
  }
  if (masks.size() >= kMostMasks) masks.clear();
  mask_ = std::move(mask);
  masks.emplace(state_, mask_);
  return *mask_;
}

void ConstraintCursor::accept(std::int64_t id) {
  for (const char byte : constraint_->vocabulary_->bytes[static_cast<std::size_t>(id)]) {
    state_ = walked_->automaton.next(state_, static_cast<unsigned char>(byte));
    HONE_ASSERT(state_ != Automaton::kDead);
  }
}

Constraints::Constraints(const Tokenizer& tokenizer, std::vector<std::int64_t> end_tokens,
                         bool begins_with_blank)
    : tokenizer_(tokenizer),
      end_tokens_(std::move(end_tokens)),
      begins_with_blank_(begins_with_blank) {}

Result<std::shared_ptr<Constraint>> Constraints::make(const OutputForm& form) {
  const std::string key = form.key();
  const std::lock_guard lock(mutex_);
  for (auto kept = kept_.begin(); kept != kept_.end(); ++kept) {
    if (kept->first != key) continue;
    kept_.splice(kept_.begin(), kept_, kept);
    return kept_.front().second;
  }
  if (!vocabulary_) vocabulary_ = constraint_vocabulary(tokenizer_, end_tokens_);
  auto grammar = grammar_of(form, vocabulary_->trie.alphabet(), begins_with_blank_);
  if (!grammar) return fail(grammar.error());
  auto made = std::make_shared<Constraint>(std::move(*grammar), vocabulary_);
  kept_.emplace_front(key, made);
  if (kept_.size() > kKept) kept_.pop_back();
  return made;
}

}  // namespace hone::engine
