// From an expression's tree to its deterministic automaton: Thompson's construction, built from the
// end, then subsets, of which those are kept from which a text can end; and the count of characters
// beside the state, where a length is asked.
#include "engine/constrain/text_states.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>

namespace hone::engine {
namespace {

constexpr std::size_t kMostNfaStates = 4096;
constexpr std::size_t kMostCompiled = 1U << 16;  // parts, repetitions of empty ones too

struct NfaState {
  enum class Kind : std::uint8_t { kSet, kSplit, kBegin, kEnd, kFinal };
  Kind kind = Kind::kFinal;
  std::uint32_t next = 0;
  std::uint32_t other = 0;  // kSplit
  std::uint32_t set = 0;    // kSet
};

// States of the expression, found anywhere in a text.
class Nfa {
 public:
  explicit Nfa(const PatternTree& tree) : tree_(tree) {
    const std::uint32_t any = set_id(all_but({}));
    const std::uint32_t end = add({});
    const std::uint32_t behind = add({.kind = NfaState::Kind::kSplit, .other = end});
    states_[behind].next = add({.kind = NfaState::Kind::kSet, .next = behind, .set = any});
    const std::uint32_t inside = compile(tree.root, behind);
    start_ = add({.kind = NfaState::Kind::kSplit, .other = inside});
    states_[start_].next = add({.kind = NfaState::Kind::kSet, .next = start_, .set = any});
  }

  [[nodiscard]] bool too_large() const { return too_large_; }
  [[nodiscard]] std::uint32_t start() const { return start_; }
  [[nodiscard]] const NfaState& operator[](std::uint32_t state) const { return states_[state]; }
  [[nodiscard]] const std::vector<CharacterSet>& sets() const { return sets_; }

 private:
  std::uint32_t add(NfaState state) {
    if (states_.size() >= kMostNfaStates) {
      too_large_ = true;
      return 0;
    }
    states_.push_back(state);
    return static_cast<std::uint32_t>(states_.size() - 1);
  }

  std::uint32_t set_id(const CharacterSet& set) {
    const auto [known, is_new] = ids_.try_emplace(set, static_cast<std::uint32_t>(sets_.size()));
    if (is_new) sets_.push_back(set);
    return known->second;
  }

  std::uint32_t compile(std::size_t index, std::uint32_t next) {
    const PatternPart& part = tree_.parts[index];
    too_large_ = too_large_ || ++compiled_ > kMostCompiled;
    if (too_large_) return next;
    switch (part.kind) {
      case PatternPart::Kind::kSet:
        return add({.kind = NfaState::Kind::kSet, .next = next, .set = set_id(part.set)});
      case PatternPart::Kind::kBegin:
        return add({.kind = NfaState::Kind::kBegin, .next = next});
      case PatternPart::Kind::kEnd:
        return add({.kind = NfaState::Kind::kEnd, .next = next});
      case PatternPart::Kind::kSequence:
        for (auto each = part.parts.rbegin(); each != part.parts.rend(); ++each)
          next = compile(*each, next);
        return next;
      case PatternPart::Kind::kChoice: {
        std::uint32_t ways = compile(part.parts.back(), next);
        for (auto each = part.parts.rbegin() + 1; each != part.parts.rend(); ++each) {
          const std::uint32_t way = compile(*each, next);
          ways = add({.kind = NfaState::Kind::kSplit, .next = way, .other = ways});
        }
        return ways;
      }
      case PatternPart::Kind::kRepeat:
        return repeat(part, next);
    }
    return next;
  }

  std::uint32_t repeat(const PatternPart& part, std::uint32_t next) {
    std::uint32_t node = next;
    if (part.most == kNoLimit) {
      node = add({.kind = NfaState::Kind::kSplit, .other = next});
      const std::uint32_t body = compile(part.parts.front(), node);
      states_[node].next = body;
    } else {
      for (std::uint32_t i = part.least; i < part.most && !too_large_; ++i) {
        const std::uint32_t body = compile(part.parts.front(), node);
        node = add({.kind = NfaState::Kind::kSplit, .next = body, .other = next});
      }
    }
    for (std::uint32_t i = 0; i < part.least && !too_large_; ++i)
      node = compile(part.parts.front(), node);
    return node;
  }

  const PatternTree& tree_;
  std::vector<NfaState> states_;
  std::vector<CharacterSet> sets_;
  std::map<CharacterSet, std::uint32_t> ids_;
  std::uint32_t start_ = 0;
  std::size_t compiled_ = 0;
  bool too_large_ = false;
};

// Characters that no set tells apart, and which sets they are in.
struct CharacterClass {
  CharacterSet characters;
  std::vector<std::uint32_t> sets;
};

std::vector<CharacterClass> classes_of(const std::vector<CharacterSet>& sets) {
  std::set<char32_t> begins;
  for (const CharacterSet& set : sets) {
    for (const CharacterRange& range : set) {
      begins.insert(range.first);
      begins.insert(range.last + 1);
    }
  }
  std::map<std::vector<std::uint32_t>, std::vector<CharacterRange>> by_sets;
  for (auto begin = begins.begin(); begin != begins.end() && std::next(begin) != begins.end();
       ++begin) {
    std::vector<std::uint32_t> in;
    for (std::uint32_t i = 0; i < sets.size(); ++i) {
      const auto after = std::upper_bound(
          sets[i].begin(), sets[i].end(), *begin,
          [](char32_t code, const CharacterRange& range) { return code < range.first; });
      if (after != sets[i].begin() && *begin <= std::prev(after)->last) in.push_back(i);
    }
    if (!in.empty()) by_sets[in].push_back({*begin, *std::next(begin) - 1});
  }
  std::vector<CharacterClass> classes;
  for (auto& [in, ranges] : by_sets) classes.push_back({character_set(std::move(ranges)), in});
  return classes;
}

class Subsets {
 public:
  Subsets(const Nfa& nfa, PatternBudget& budget)
      : nfa_(nfa), budget_(budget), classes_(classes_of(nfa.sets())), by_set_(nfa.sets().size()) {
    for (std::size_t i = 0; i < classes_.size(); ++i) {
      for (const std::uint32_t set : classes_[i].sets) by_set_[set].push_back(i);
    }
  }

  Result<TextStates> run() {
    (void)intern(closure({nfa_.start()}, true));
    for (std::size_t i = 0; i < members_.size() && !spent_; ++i) step(i);
    if (spent_) return fail(ErrorCode::kInvalid, "the pattern is too involved");
    return std::move(made_);
  }

 private:
  using Members = std::vector<std::uint32_t>;  // sorted

  // What `seeds` lead to without a character: sets, ends and the final state.
  Members closure(Members seeds, bool at_begin) {
    Members found;
    std::set<std::uint32_t> seen(seeds.begin(), seeds.end());
    seeds.assign(seen.begin(), seen.end());
    while (!seeds.empty()) {
      const std::uint32_t at = seeds.back();
      seeds.pop_back();
      count_work(1);
      const NfaState& state = nfa_[at];
      const auto go = [&](std::uint32_t to) {
        if (seen.insert(to).second) seeds.push_back(to);
      };
      if (state.kind == NfaState::Kind::kSplit) {
        go(state.next);
        go(state.other);
      } else if (state.kind == NfaState::Kind::kBegin) {
        if (at_begin) go(state.next);
      } else {
        found.push_back(at);
      }
    }
    std::sort(found.begin(), found.end());
    return found;
  }

  // Whether the text may end here: past the ends, which nothing else may follow.
  bool complete(const Members& members) {
    Members behind;
    std::set<std::uint32_t> seen;
    for (const std::uint32_t at : members) {
      if (nfa_[at].kind == NfaState::Kind::kFinal) return true;
      if (nfa_[at].kind == NfaState::Kind::kEnd && seen.insert(at).second) behind.push_back(at);
    }
    while (!behind.empty()) {
      const std::uint32_t at = behind.back();
      behind.pop_back();
      for (const std::uint32_t next : closure({nfa_[at].next}, false)) {
        if (nfa_[next].kind == NfaState::Kind::kFinal) return true;
        if (nfa_[next].kind == NfaState::Kind::kEnd && seen.insert(next).second)
          behind.push_back(next);
      }
    }
    return false;
  }

  void step(std::size_t from) {
    std::map<std::size_t, Members> by_class;
    for (const std::uint32_t at : members_[from]) {
      if (nfa_[at].kind != NfaState::Kind::kSet) continue;
      for (const std::size_t each : by_set_[nfa_[at].set]) {
        by_class[each].push_back(nfa_[at].next);
        count_work(1);
      }
    }
    std::map<std::uint32_t, std::vector<CharacterRange>> steps;
    for (auto& [each, nexts] : by_class) {
      if (spent_) return;
      const CharacterSet& characters = classes_[each].characters;
      auto& ranges = steps[intern(closure(std::move(nexts), false))];
      ranges.insert(ranges.end(), characters.begin(), characters.end());
    }
    for (auto& [to, ranges] : steps)
      made_.states[from].steps.emplace_back(character_set(std::move(ranges)), to);
  }

  std::uint32_t intern(Members members) {
    const auto [known, is_new] =
        ids_.try_emplace(members, static_cast<std::uint32_t>(members_.size()));
    if (!is_new) return known->second;
    if (budget_.states == 0) {
      spent_ = true;
      return 0;
    }
    --budget_.states;
    made_.states.push_back({complete(members), {}});
    members_.push_back(std::move(members));
    return known->second;
  }

  void count_work(std::size_t amount) {
    if (budget_.work < amount) spent_ = true;
    budget_.work -= std::min(budget_.work, amount);
  }

  const Nfa& nfa_;
  PatternBudget& budget_;
  std::vector<CharacterClass> classes_;
  std::vector<std::vector<std::size_t>> by_set_;  // classes in it
  std::map<Members, std::uint32_t> ids_;
  std::vector<Members> members_;
  TextStates made_;
  bool spent_ = false;
};

// Without what no text can end from. Renumbers; the first stays the first.
TextStates ending(const TextStates& all) {
  std::vector<std::vector<std::uint32_t>> before(all.states.size());
  std::vector<std::uint32_t> work;
  std::vector<bool> ends(all.states.size(), false);
  for (std::uint32_t i = 0; i < all.states.size(); ++i) {
    for (const auto& [set, to] : all.states[i].steps) before[to].push_back(i);
    if (!all.states[i].complete) continue;
    ends[i] = true;
    work.push_back(i);
  }
  while (!work.empty()) {
    const std::uint32_t at = work.back();
    work.pop_back();
    for (const std::uint32_t from : before[at]) {
      if (!ends[from]) work.push_back(from);
      ends[from] = true;
    }
  }
  std::vector<std::uint32_t> names(all.states.size(), 0);
  std::uint32_t count = 0;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (ends[i] || i == 0) names[i] = count++;
  }
  TextStates kept;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (!ends[i] && i != 0) continue;
    TextStates::State state{all.states[i].complete, {}};
    for (const auto& [set, to] : all.states[i].steps) {
      if (ends[to]) state.steps.emplace_back(set, names[to]);
    }
    kept.states.push_back(std::move(state));
  }
  return kept;
}

// Each state with how many characters there are, as far as that matters.
Result<TextStates> counted(const TextStates& all, TextLength length, PatternBudget& budget) {
  const bool open = length.most == kNoLimit;
  TextStates made;
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::uint32_t> ids;
  std::vector<std::pair<std::uint32_t, std::uint32_t>> places;
  const auto intern = [&](std::uint32_t state, std::uint32_t count) {
    const std::pair place(state, count);
    const auto [known, is_new] = ids.try_emplace(place, static_cast<std::uint32_t>(places.size()));
    if (is_new) {
      places.push_back(place);
      made.states.push_back({all.states[state].complete && count >= length.least, {}});
    }
    return known->second;
  };
  (void)intern(0, 0);
  for (std::size_t i = 0; i < places.size(); ++i) {
    if (budget.states == 0)
      return fail(ErrorCode::kInvalid, "the pattern takes too many states with this length");
    --budget.states;
    const auto [state, count] = places[i];
    if (!open && count == length.most) continue;
    const std::uint32_t next = open ? std::min(count + 1, length.least) : count + 1;
    for (const auto& [set, to] : all.states[state].steps) {
      const std::uint32_t after = intern(to, next);  // which may move the states
      made.states[i].steps.emplace_back(set, after);
    }
  }
  return ending(made);
}

}  // namespace

Result<TextStates> text_states(std::string_view expression, TextLength length,
                               PatternBudget& budget) {
  const auto tree = parse_pattern(expression);
  if (!tree) return fail(tree.error());
  const Nfa nfa(*tree);
  if (nfa.too_large()) return fail(ErrorCode::kInvalid, "the pattern is too large");
  auto all = Subsets(nfa, budget).run();
  if (!all) return all;
  if (length.least == 0 && length.most == kNoLimit) return ending(*all);
  return counted(ending(*all), length, budget);
}

}  // namespace hone::engine
