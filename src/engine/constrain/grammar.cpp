#include "engine/constrain/grammar.h"

#include <algorithm>
#include <utility>

namespace hone::engine {

using Kind = GrammarNode::Kind;

GrammarBuilder::GrammarBuilder(const ByteSet& alphabet) : alphabet_(alphabet) {
  grammar_.nodes_.push_back({});  // kReturn
}

NodeId GrammarBuilder::add(GrammarNode node) {
  if (grammar_.nodes_.size() >= kMaxGrammarNodes) {
    too_large_ = true;
    return kReturn;
  }
  grammar_.nodes_.push_back(node);
  return static_cast<NodeId>(grammar_.nodes_.size() - 1);
}

NodeId GrammarBuilder::bytes(const ByteSet& set, NodeId next) {
  const ByteSet writable = set & alphabet_;
  const auto [found, is_new] =
      set_ids_.try_emplace(writable.to_string(), static_cast<std::uint32_t>(grammar_.sets_.size()));
  if (is_new) grammar_.sets_.push_back(writable);
  return add({.kind = Kind::kBytes, .next = next, .target = found->second});
}

NodeId GrammarBuilder::byte(unsigned char one, NodeId next) {
  return range(one, one, next);
}

NodeId GrammarBuilder::range(unsigned char first, unsigned char last, NodeId next) {
  ByteSet set;
  for (std::size_t i = first; i <= last; ++i) set.set(i);
  return bytes(set, next);
}

NodeId GrammarBuilder::literal(std::string_view text, NodeId next) {
  for (auto at = text.rbegin(); at != text.rend(); ++at) {
    next = byte(static_cast<unsigned char>(*at), next);
  }
  return next;
}

NodeId GrammarBuilder::one_of(std::vector<std::string> texts, NodeId next) {
  std::sort(texts.begin(), texts.end());
  texts.erase(std::unique(texts.begin(), texts.end()), texts.end());
  return trie(texts, 0, next);
}

// `sorted` agree in their first `depth` bytes. Recursion goes no deeper than texts branch.
NodeId GrammarBuilder::trie(std::span<const std::string> sorted, std::size_t depth, NodeId next) {
  if (sorted.size() == 1) return literal(std::string_view(sorted.front()).substr(depth), next);
  std::vector<NodeId> ways;
  while (!sorted.empty()) {
    const std::string& first = sorted.front();
    if (first.size() == depth) {
      ways.push_back(next);
      sorted = sorted.subspan(1);
      continue;
    }
    const auto end = std::find_if(sorted.begin(), sorted.end(), [&](const std::string& text) {
      return text[depth] != first[depth];
    });
    const auto group = sorted.first(static_cast<std::size_t>(end - sorted.begin()));
    // As far as all of the group agree, which is as far as its first and last do.
    std::size_t common = depth + 1;
    const std::string& last = group.back();
    while (common < first.size() && common < last.size() && first[common] == last[common]) ++common;
    const NodeId rest = trie(group, common, next);
    ways.push_back(literal(std::string_view(first).substr(depth, common - depth), rest));
    sorted = sorted.subspan(group.size());
  }
  return split(std::move(ways));
}

NodeId GrammarBuilder::split(std::vector<NodeId> alternatives) {
  if (alternatives.size() == 1) return alternatives.front();
  grammar_.lists_.push_back(std::move(alternatives));
  return add(
      {.kind = Kind::kSplit, .target = static_cast<std::uint32_t>(grammar_.lists_.size() - 1)});
}

NodeId GrammarBuilder::call(RuleId rule, NodeId next) {
  return add({.kind = Kind::kCall, .next = next, .target = rule});
}

NodeId GrammarBuilder::repeat(RuleId rule, std::uint32_t least, std::uint32_t most, NodeId next) {
  HONE_ASSERT(least <= most);
  if (most == 0) return next;
  return add({.kind = Kind::kRepeat, .next = next, .target = rule, .least = least, .most = most});
}

RuleId GrammarBuilder::declare(std::string where) {
  where_.push_back(std::move(where));
  grammar_.starts_.push_back(kReturn);
  return static_cast<RuleId>(where_.size() - 1);
}

void GrammarBuilder::define(RuleId rule, NodeId start) {
  grammar_.starts_[rule] = start;
}

RuleId GrammarBuilder::rule(std::string where, NodeId start) {
  const RuleId made = declare(std::move(where));
  define(made, start);
  return made;
}

Result<Grammar> GrammarBuilder::finish(RuleId root) && {
  if (too_large_) {
    return fail(ErrorCode::kInvalid, "the schema is too large: it takes more than " +
                                         std::to_string(kMaxGrammarNodes) + " states");
  }
  if (auto fine = refuse_left_recursion(); !fine) return fail(fine.error());
  grammar_.root_ = root;
  find_needs();
  if (grammar_.node(grammar_.start()).need > kMaxFrames) {
    return fail(ErrorCode::kInvalid,
                "no value can satisfy the schema (its parts exclude each other, it nests without "
                "end or too deep, or the model has no tokens for what it asks)");
  }
  find_classes();
  return std::move(grammar_);
}

// The rules that `rule` may call before its first byte.
std::vector<RuleId> GrammarBuilder::first_calls(RuleId rule) const {
  std::vector<RuleId> called;
  std::vector<NodeId> work{grammar_.starts_[rule]};
  while (!work.empty()) {
    const GrammarNode& node = grammar_.nodes_[work.back()];
    work.pop_back();
    if (node.kind == Kind::kSplit) {
      const auto ways = grammar_.alternatives(node);
      work.insert(work.end(), ways.begin(), ways.end());
    } else if (node.kind == Kind::kCall || node.kind == Kind::kRepeat) {
      called.push_back(node.target);
      if (node.kind == Kind::kRepeat && node.least == 0) work.push_back(node.next);
    }
  }
  return called;
}

// Takes away rules that nobody calls first, until only circles, and what they call, are left.
Result<void> GrammarBuilder::refuse_left_recursion() const {
  const std::size_t count = where_.size();
  std::vector<std::vector<RuleId>> calls(count);
  std::vector<std::size_t> callers(count, 0);
  for (RuleId rule = 0; rule < count; ++rule) {
    calls[rule] = first_calls(rule);
    for (const RuleId called : calls[rule]) ++callers[called];
  }
  std::vector<RuleId> free;
  for (RuleId rule = 0; rule < count; ++rule) {
    if (callers[rule] == 0) free.push_back(rule);
  }
  for (std::size_t i = 0; i < free.size(); ++i) {
    for (const RuleId called : calls[free[i]]) {
      if (--callers[called] == 0) free.push_back(called);
    }
  }
  for (RuleId rule = 0; rule < count; ++rule) {
    if (callers[rule] == 0) continue;
    return fail(ErrorCode::kInvalid, "field '" + where_[rule] +
                                         "': it refers to itself, or to what does, with nothing "
                                         "in between");
  }
  return {};
}

std::uint32_t GrammarBuilder::need_of(const GrammarNode& node) const {
  const auto need = [this](NodeId id) { return grammar_.nodes_[id].need; };
  const auto one_more = [](std::uint32_t n) { return n == kNoLimit ? n : n + 1; };
  switch (node.kind) {
    case Kind::kLeave:
      return 0;
    case Kind::kBytes:
      return grammar_.sets_[node.target].none() ? kNoLimit : need(node.next);
    case Kind::kSplit: {
      std::uint32_t least = kNoLimit;
      for (const NodeId way : grammar_.alternatives(node)) least = std::min(least, need(way));
      return least;
    }
    case Kind::kCall: {
      const std::uint32_t inside = need(grammar_.starts_[node.target]);
      return std::max(node.next == kReturn ? inside : one_more(inside), need(node.next));
    }
    case Kind::kRepeat:
      if (node.least == 0) return need(node.next);
      return std::max(one_more(need(grammar_.starts_[node.target])), need(node.next));
  }
  return kNoLimit;
}

// The least fixed point: needs start without limit and fall, each change wakes those who use it.
void GrammarBuilder::find_needs() {
  auto& nodes = grammar_.nodes_;
  std::vector<std::vector<NodeId>> users(nodes.size());
  std::vector<NodeId> work;
  for (NodeId id = 0; id < nodes.size(); ++id) {
    const GrammarNode& node = nodes[id];
    work.push_back(id);
    if (node.kind == Kind::kLeave) continue;
    if (node.kind == Kind::kSplit) {
      for (const NodeId way : grammar_.alternatives(node)) users[way].push_back(id);
      continue;
    }
    users[node.next].push_back(id);
    if (node.kind != Kind::kBytes) users[grammar_.starts_[node.target]].push_back(id);
  }
  for (std::size_t i = 0; i < work.size(); ++i) {
    GrammarNode& node = nodes[work[i]];
    const std::uint32_t need = need_of(node);
    if (need >= node.need) continue;
    node.need = need;
    const auto& woken = users[work[i]];
    work.insert(work.end(), woken.begin(), woken.end());
  }
}

void GrammarBuilder::find_classes() {
  for (const ByteSet& set : grammar_.sets_) {
    std::map<std::pair<std::uint16_t, bool>, std::uint16_t> parts;
    for (std::size_t byte = 0; byte < 256; ++byte) {
      const auto [part, is_new] = parts.try_emplace({grammar_.class_of_[byte], set[byte]},
                                                    static_cast<std::uint16_t>(parts.size()));
      grammar_.class_of_[byte] = part->second;
    }
    grammar_.classes_ = static_cast<std::uint32_t>(parts.size());
  }
}

}  // namespace hone::engine
