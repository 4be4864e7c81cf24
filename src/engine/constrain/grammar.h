// A language of bytes, as a network of rules that call each other (a pushdown automaton): what a
// constrained answer may be. Built once from a schema, then immutable; automaton.h walks it.
//
//   GrammarBuilder builder(alphabet);
//   const RuleId greeting = builder.rule("greeting", builder.literal("hi", kReturn));
//   auto grammar = std::move(builder).finish(greeting);
//
// Fragments are built from their end: each function takes the node that follows and gives the node
// that begins. Promises: `finish` refuses a language that nothing is in, and rules that call
// themselves before a byte; sizes are bounded; and from every place that the automaton keeps, an
// end can be reached with bytes of the alphabet and within the bound on nesting (`need`), so that
// an answer never runs into a wall.
#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hone::engine {

using NodeId = std::uint32_t;
using RuleId = std::uint32_t;
using ByteSet = std::bitset<256>;

inline constexpr NodeId kReturn = 0;  // the end of a rule
inline constexpr std::uint32_t kNoLimit = 0xFFFFFFFFU;
inline constexpr std::uint32_t kMaxFrames =
    48;  // calls inside each other: objects, arrays, strings
inline constexpr std::size_t kMaxGrammarNodes = 100'000;

struct GrammarNode {
  enum class Kind : std::uint8_t { kLeave, kBytes, kSplit, kCall, kRepeat };
  Kind kind = Kind::kLeave;
  NodeId next = kReturn;
  std::uint32_t target = 0;  // kBytes: the set; kSplit: the list; kCall and kRepeat: the rule
  std::uint32_t least = 0;   // kRepeat: how often
  std::uint32_t most = 0;    // kNoLimit: as often as wanted
  std::uint32_t need =
      kNoLimit;  // frames that the shortest way (in frames) to the rule's end takes
};

class Grammar {
 public:
  [[nodiscard]] const GrammarNode& node(NodeId id) const { return nodes_[id]; }
  [[nodiscard]] std::span<const NodeId> alternatives(const GrammarNode& split) const {
    return lists_[split.target];
  }
  [[nodiscard]] bool holds(const GrammarNode& bytes, unsigned char byte) const {
    return sets_[bytes.target][byte];
  }
  [[nodiscard]] NodeId start_of(RuleId rule) const { return starts_[rule]; }
  [[nodiscard]] NodeId start() const { return starts_[root_]; }

  // Bytes that no set tells apart are of one class.
  [[nodiscard]] std::uint32_t classes() const { return classes_; }
  [[nodiscard]] std::uint32_t class_of(unsigned char byte) const { return class_of_[byte]; }

 private:
  friend class GrammarBuilder;
  std::vector<GrammarNode> nodes_;
  std::vector<ByteSet> sets_;
  std::vector<std::vector<NodeId>> lists_;
  std::vector<NodeId> starts_;  // by rule
  RuleId root_ = 0;
  std::uint32_t classes_ = 1;
  std::array<std::uint16_t, 256> class_of_{};
};

class GrammarBuilder {
 public:
  // Bytes outside the alphabet cannot be written: no token is one of them.
  explicit GrammarBuilder(const ByteSet& alphabet);

  [[nodiscard]] NodeId bytes(const ByteSet& set, NodeId next);
  [[nodiscard]] NodeId byte(unsigned char one, NodeId next);
  [[nodiscard]] NodeId range(unsigned char first, unsigned char last, NodeId next);
  [[nodiscard]] NodeId literal(std::string_view text, NodeId next);
  // Any of `texts`, whose common beginnings are shared.
  [[nodiscard]] NodeId one_of(std::vector<std::string> texts, NodeId next);
  [[nodiscard]] NodeId split(std::vector<NodeId> alternatives);  // of none: nothing at all
  [[nodiscard]] NodeId maybe(NodeId begun, NodeId next) { return split({begun, next}); }
  [[nodiscard]] NodeId call(RuleId rule, NodeId next);
  // The rule must not be empty, ever.
  [[nodiscard]] NodeId repeat(RuleId rule, std::uint32_t least, std::uint32_t most, NodeId next);

  // `where` names the rule in errors.
  [[nodiscard]] RuleId declare(std::string where);
  void define(RuleId rule, NodeId start);
  [[nodiscard]] RuleId rule(std::string where, NodeId start);

  // kInvalid, in words for whoever wrote the schema. Only the root may be empty.
  [[nodiscard]] Result<Grammar> finish(RuleId root) &&;

 private:
  [[nodiscard]] NodeId add(GrammarNode node);
  [[nodiscard]] NodeId trie(std::span<const std::string> sorted, std::size_t depth, NodeId next);
  [[nodiscard]] std::vector<RuleId> first_calls(RuleId rule) const;
  [[nodiscard]] Result<void> refuse_left_recursion() const;
  void find_needs();
  [[nodiscard]] std::uint32_t need_of(const GrammarNode& node) const;
  void find_classes();

  const ByteSet alphabet_;
  Grammar grammar_;
  std::map<std::string, std::uint32_t> set_ids_;
  std::vector<std::string> where_;  // by rule
  bool too_large_ = false;
};

}  // namespace hone::engine
