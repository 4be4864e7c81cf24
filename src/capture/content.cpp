#include "capture/content.h"

#include <utility>

#include "base/hash.h"

namespace hone::capture {

std::optional<std::string> Memo::find(const std::string& key) {
  const std::lock_guard lock(mutex_);
  if (const auto at = young_.find(key); at != young_.end()) return at->second;
  if (const auto at = old_.find(key); at != old_.end()) return at->second;
  return std::nullopt;
}

void Memo::add(std::string key, std::string value) {
  const std::lock_guard lock(mutex_);
  if (young_.size() >= capacity_ / 2) old_ = std::exchange(young_, {});
  young_.insert_or_assign(std::move(key), std::move(value));
}

void Content::leave_out(std::string_view why, store::Interaction& facts) {
  facts.content = why;
  facts.params.clear();
  facts.context_node.clear();
  facts.output_node.clear();
  facts.nodes.clear();
  facts.blocks.clear();
}

void Content::fill(const std::vector<json::object>& messages, const json::object& answer,
                   const json::object& params, store::Interaction& facts) {
  if (add(messages, answer, params, facts)) {
    facts.content = "stored";
  } else {
    leave_out("redaction_failed", facts);
  }
}

Result<void> Content::add(const std::vector<json::object>& messages, const json::object& answer,
                          const json::object& params, store::Interaction& facts) {
  auto redacted = redactor_.redact_json(params);
  if (!redacted) return fail(redacted.error());
  facts.params = std::move(redacted->as_object());
  std::string leaf;
  std::int64_t depth = 0;
  for (const json::object& message : messages) {
    if (auto added = add_step(message, facts, leaf, depth); !added) return added;
  }
  facts.context_node = leaf;
  if (answer.empty()) return {};
  if (auto added = add_step(answer, facts, leaf, depth); !added) return added;
  facts.output_node = leaf;
  return {};
}

// One message further down the tree: `leaf` and `depth` move to it.
Result<void> Content::add_step(const json::object& message, store::Interaction& facts,
                               std::string& leaf, std::int64_t& depth) {
  std::string memo_key = hex(sha256(redactor_.policy_digest() + "\n" + canonical(message)));
  if (const auto block = blocks_.find(memo_key)) {
    std::string node = store::node_hash(leaf, *block);
    if (known_.contains(node)) {
      leaf = std::move(node);
      ++depth;
      return {};
    }
  }
  const auto redacted = redactor_.redact_json(message);
  if (!redacted) return fail(redacted.error());
  store::Path step = store::build_path(tenant_key_, {redacted->as_object()}, leaf, depth);
  blocks_.add(std::move(memo_key), step.blocks.front().hash);
  leaf = step.leaf;
  depth = step.depth;
  if (known_.contains(leaf)) return {};
  facts.nodes.push_back(std::move(step.nodes.front()));
  facts.blocks.push_back(std::move(step.blocks.front()));
  return {};
}

void Content::appended(const store::Interaction& interaction) {
  for (const auto& node : interaction.nodes) known_.add(node.hash);
}

}  // namespace hone::capture
