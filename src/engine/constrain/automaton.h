// Walks a grammar byte by byte. A state is the set of all places where the text so far may stand,
// each with the stack of calls around it; states and their steps are made when they are first asked
// for, and kept, so that walking a second time is a look into a table. One thread at a time.
//
//   Automaton automaton(grammar);
//   auto state = automaton.start();
//   for (const char byte : text) state = automaton.next(state, static_cast<unsigned char>(byte));
//   if (automaton.complete(state)) …
#pragma once

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "engine/constrain/grammar.h"

namespace hone::engine {

class Automaton {
 public:
  using State = std::uint32_t;
  static constexpr State kDead = 0xFFFFFFFFU;  // no text goes on like this

  explicit Automaton(std::shared_ptr<const Grammar> grammar);

  [[nodiscard]] State start() const { return start_; }
  // `state` is not kDead.
  [[nodiscard]] State next(State state, unsigned char byte) {
    const State known = steps_[state * grammar_->classes() + grammar_->class_of(byte)];
    return known == kUnknown ? step(state, byte) : known;
  }
  // The text so far is a whole one.
  [[nodiscard]] bool complete(State state) const { return states_[state].front() == kEnd; }
  // It is, and nothing can follow.
  [[nodiscard]] bool ended(State state) const {
    return complete(state) && states_[state].size() == 1;
  }

  // It has kept so much that another should take over.
  [[nodiscard]] bool full() const {
    return states_.size() > kManyStates || stacks_.size() > kManyStacks;
  }
  // The state here that `state` is in `other`, an automaton of the same grammar.
  [[nodiscard]] State take_over(const Automaton& other, State state);

 private:
  // A place: the node in the upper half, the stack in the lower.
  using Place = std::uint64_t;
  static constexpr Place kEnd = 0;  // kReturn, with nothing to return to; sorts first
  static constexpr State kUnknown = 0xFFFFFFFEU;
  static constexpr std::size_t kManyStates = 8192;
  static constexpr std::size_t kManyStacks = 1U << 16;
  static constexpr std::size_t kMostStates = 1U << 17;  // within one step of a token
  // More places than this are let go: each of the others still leads to an end.
  static constexpr std::size_t kMostPlaces = 1024;
  static constexpr std::size_t kMostReached = 1U << 14;

  struct Frame {
    std::uint32_t parent = 0;
    NodeId node = 0;          // a call or a repetition
    std::uint32_t count = 0;  // of a repetition: how often it is done
    bool operator==(const Frame&) const = default;
  };
  struct FrameHash {
    std::size_t operator()(const Frame& frame) const;
  };
  struct PlacesHash {
    std::size_t operator()(const std::vector<Place>& places) const;
  };

  [[nodiscard]] State step(State state, unsigned char byte);
  [[nodiscard]] std::uint32_t pushed(Frame frame);
  void reach(NodeId node, std::uint32_t stack);
  [[nodiscard]] bool fits(NodeId node, std::uint32_t depth) const;
  void enter(NodeId id, std::uint32_t count, std::uint32_t stack);
  void repeat(NodeId id, std::uint32_t count, std::uint32_t stack);
  void leave(std::uint32_t stack);
  void expand(Place place);
  // The state of all that was reached; kDead for nothing.
  [[nodiscard]] State settled();
  [[nodiscard]] State intern(std::vector<Place> places);

  std::shared_ptr<const Grammar> grammar_;
  std::vector<Frame> stacks_;          // 0: empty
  std::vector<std::uint32_t> depths_;  // of stacks
  std::unordered_map<Frame, std::uint32_t, FrameHash> stack_ids_;
  std::vector<std::vector<Place>> states_;  // only bytes and kEnd; sorted
  std::unordered_map<std::vector<Place>, State, PlacesHash> state_ids_;
  std::vector<State> steps_;  // [state][class]
  State start_ = kDead;

  // Of the step that is being made.
  std::vector<Place> work_;
  std::vector<Place> found_;
  std::unordered_set<Place> reached_;
};

}  // namespace hone::engine
