#include "engine/constrain/automaton.h"

#include <algorithm>
#include <utility>

namespace hone::engine {
namespace {

using Kind = GrammarNode::Kind;

std::size_t mixed(std::size_t seed, std::uint64_t value) {
  seed ^= value + 0x9E3779B97F4A7C15ULL + (seed << 6U) + (seed >> 2U);
  return seed * 0xBF58476D1CE4E5B9ULL;
}

constexpr std::uint64_t place_of(NodeId node, std::uint32_t stack) {
  return static_cast<std::uint64_t>(node) << 32U | stack;
}
constexpr NodeId node_of(std::uint64_t place) {
  return static_cast<NodeId>(place >> 32U);
}
constexpr std::uint32_t stack_of(std::uint64_t place) {
  return static_cast<std::uint32_t>(place);
}

}  // namespace

std::size_t Automaton::FrameHash::operator()(const Frame& frame) const {
  return mixed(mixed(mixed(0, frame.parent), frame.node), frame.count);
}

std::size_t Automaton::PlacesHash::operator()(const std::vector<Place>& places) const {
  std::size_t hash = places.size();
  for (const Place place : places) hash = mixed(hash, place);
  return hash;
}

Automaton::Automaton(std::shared_ptr<const Grammar> grammar)
    : grammar_(std::move(grammar)), stacks_(1), depths_{0} {
  reach(grammar_->start(), 0);
  start_ = settled();
  HONE_ASSERT(start_ != kDead);
}

// Whether it has an end within the bound on frames; `need` is at most that where it has one.
bool Automaton::fits(NodeId node, std::uint32_t depth) const {
  const std::uint32_t need = grammar_->node(node).need;
  return need <= kMaxFrames && depth + need <= kMaxFrames;
}

std::uint32_t Automaton::pushed(Frame frame) {
  const auto [found, is_new] =
      stack_ids_.try_emplace(frame, static_cast<std::uint32_t>(stacks_.size()));
  if (is_new) {
    stacks_.push_back(frame);
    depths_.push_back(depths_[frame.parent] + 1);
  }
  return found->second;
}

// Lets go what has no end within the bound on frames.
void Automaton::reach(NodeId node, std::uint32_t stack) {
  if (!fits(node, depths_[stack])) return;
  if (reached_.size() >= kMostReached) return;
  const Place place = place_of(node, stack);
  if (reached_.insert(place).second) work_.push_back(place);
}

// Into the rule that the node calls. What comes after it must fit too, when it returns.
void Automaton::enter(NodeId id, std::uint32_t count, std::uint32_t stack) {
  const GrammarNode& node = grammar_->node(id);
  const NodeId start = grammar_->start_of(node.target);
  if (!fits(node.next, depths_[stack]) || !fits(start, depths_[stack] + 1)) return;
  reach(start, pushed({stack, id, count}));
}

// Of a repetition without limit the count goes no further than what is asked at least, so that
// there are no more states than needed.
void Automaton::repeat(NodeId id, std::uint32_t count, std::uint32_t stack) {
  const GrammarNode& node = grammar_->node(id);
  if (count >= node.least) reach(node.next, stack);
  if (node.most == kNoLimit) {
    enter(id, std::min(count, node.least), stack);
  } else if (count < node.most) {
    enter(id, count, stack);
  }
}

void Automaton::leave(std::uint32_t stack) {
  if (stack == 0) {
    found_.push_back(kEnd);
    return;
  }
  const Frame frame = stacks_[stack];
  const GrammarNode& node = grammar_->node(frame.node);
  if (node.kind == Kind::kRepeat) {
    repeat(frame.node, frame.count + 1, frame.parent);
  } else {
    reach(node.next, frame.parent);
  }
}

void Automaton::expand(Place place) {
  const NodeId id = node_of(place);
  const std::uint32_t stack = stack_of(place);
  const GrammarNode& node = grammar_->node(id);
  switch (node.kind) {
    case Kind::kLeave:
      leave(stack);
      break;
    case Kind::kBytes:
      if (found_.size() < kMostPlaces) found_.push_back(place);
      break;
    case Kind::kSplit:
      for (const NodeId way : grammar_->alternatives(node)) reach(way, stack);
      break;
    case Kind::kCall:
      // The last call of a rule takes its place, so that chains of rules take no frames.
      if (node.next == kReturn) {
        reach(grammar_->start_of(node.target), stack);
      } else {
        enter(id, 0, stack);
      }
      break;
    case Kind::kRepeat:
      repeat(id, 0, stack);
      break;
  }
}

Automaton::State Automaton::settled() {
  while (!work_.empty()) {
    const Place place = work_.back();
    work_.pop_back();
    expand(place);
  }
  reached_.clear();
  std::vector<Place> places = std::exchange(found_, {});
  if (places.empty()) return kDead;
  std::sort(places.begin(), places.end());
  return intern(std::move(places));
}

Automaton::State Automaton::intern(std::vector<Place> places) {
  const auto found = state_ids_.find(places);
  if (found != state_ids_.end()) return found->second;
  if (states_.size() >= kMostStates) return kDead;
  const auto made = static_cast<State>(states_.size());
  states_.push_back(places);
  steps_.resize(states_.size() * grammar_->classes(), kUnknown);
  state_ids_.emplace(std::move(places), made);
  return made;
}

Automaton::State Automaton::step(State state, unsigned char byte) {
  const std::vector<Place> places = states_[state];  // a copy: the list may move
  for (const Place place : places) {
    if (place == kEnd) continue;
    const GrammarNode& node = grammar_->node(node_of(place));
    if (grammar_->holds(node, byte)) reach(node.next, stack_of(place));
  }
  const State after = settled();
  steps_[state * grammar_->classes() + grammar_->class_of(byte)] = after;
  return after;
}

Automaton::State Automaton::take_over(const Automaton& other, State state) {
  std::vector<Place> places;
  for (const Place place : other.states_[state]) {
    std::vector<Frame> frames;  // the outermost last
    for (std::uint32_t at = stack_of(place); at != 0; at = other.stacks_[at].parent) {
      frames.push_back(other.stacks_[at]);
    }
    std::uint32_t stack = 0;
    for (auto frame = frames.rbegin(); frame != frames.rend(); ++frame) {
      stack = pushed({stack, frame->node, frame->count});
    }
    places.push_back(place_of(node_of(place), stack));
  }
  std::sort(places.begin(), places.end());
  return intern(std::move(places));
}

}  // namespace hone::engine
