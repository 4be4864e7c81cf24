// What holds one answer to a form, token by token: which may come next, and which came.
//
//   Constraints constraints(tokenizer, end_tokens, begins_with_blank);     // one a server
//   auto constraint = constraints.make(form);                              // any thread
//   ConstraintCursor cursor(*constraint);                                  // the batcher's thread
//   const TokenMask& allowed = cursor.allowed();
//   cursor.accept(chosen);
//   if (cursor.ended()) …                                                  // nothing can follow
//
// Promises: what was accepted can always be completed, with tokens of this vocabulary; end tokens
// are allowed where the answer is complete, and only there; special tokens never. States and masks
// that were found once are kept with the constraint, and constraints with the server, both bounded,
// so that the next answer of the same form finds them.
#pragma once

#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "engine/constrain/schema.h"
#include "engine/constrain/token_trie.h"
#include "engine/model/tokenizer.h"

namespace hone::engine {

// A vocabulary as constraints see it.
struct ConstraintVocabulary {
  TokenTrie trie;
  std::vector<std::string> bytes;  // by id; empty: never a part of an answer
  std::vector<std::int64_t> end_tokens;
};
[[nodiscard]] std::shared_ptr<const ConstraintVocabulary> constraint_vocabulary(
    const Tokenizer& tokenizer, const std::vector<std::int64_t>& end_tokens);

class Constraint {
 public:
  Constraint(Grammar grammar, std::shared_ptr<const ConstraintVocabulary> vocabulary);

 private:
  friend class ConstraintCursor;
  struct Walked {
    Automaton automaton;
    std::unordered_map<Automaton::State, std::shared_ptr<const TokenMask>> masks;
  };
  [[nodiscard]] std::shared_ptr<Walked> fresh() const;

  const std::shared_ptr<const Grammar> grammar_;
  const std::shared_ptr<const ConstraintVocabulary> vocabulary_;
  std::shared_ptr<Walked> walked_;  // of cursors that begin; only their thread touches it
};

class ConstraintCursor {
 public:
  explicit ConstraintCursor(std::shared_ptr<Constraint> constraint);

  // Of the vocabulary's size; holds until the next call. None at all only where the bounds on work
  // are passed (automaton.h), which the caller must treat as an error.
  [[nodiscard]] const TokenMask& allowed();
  // One that was allowed, and no end token.
  void accept(std::int64_t id);
  [[nodiscard]] bool complete() const { return walked_->automaton.complete(state_); }
  [[nodiscard]] bool ended() const { return walked_->automaton.ended(state_); }

 private:
  void change_over();

  std::shared_ptr<Constraint> constraint_;
  std::shared_ptr<Constraint::Walked> walked_;
  std::shared_ptr<const TokenMask> mask_;
  Automaton::State state_ = Automaton::kDead;
};

class Constraints {
 public:
  // Borrows the tokenizer. Its vocabulary is read when the first constraint is asked for.
  Constraints(const Tokenizer& tokenizer, std::vector<std::int64_t> end_tokens,
              bool begins_with_blank);

  // kInvalid names what cannot be had.
  [[nodiscard]] Result<std::shared_ptr<Constraint>> make(const OutputForm& form);

 private:
  static constexpr std::size_t kKept = 8;

  const Tokenizer& tokenizer_;
  const std::vector<std::int64_t> end_tokens_;
  const bool begins_with_blank_;
  std::mutex mutex_;  // over what follows
  std::shared_ptr<const ConstraintVocabulary> vocabulary_;
  std::list<std::pair<std::string, std::shared_ptr<Constraint>>> kept_;  // the last used first
};

}  // namespace hone::engine
