#include "capture/recorder_content.h"

#include "base/hash.h"
#include "wire/answer.h"

namespace hone::capture {
namespace {

void take_answer(const wire::Answer& answer, store::Interaction& facts) {
  facts.stop_reason = answer.stop_reason;
  facts.prompt_tokens = answer.prompt_tokens;
  facts.completion_tokens = answer.completion_tokens;
  if (facts.error.empty()) facts.error = answer.error;
  if (facts.error.empty() && facts.status < 300 && !answer.complete) facts.error = "incomplete";
  if (!answer.response_id.empty()) facts.handles.push_back({"response", answer.response_id});
  for (const auto& id : answer.tool_call_ids) facts.handles.push_back({"tool_call", id});
}

void forget_content(store::Interaction& facts, std::string_view why) {
  facts.content = why;
  facts.params.clear();
  facts.context_node.clear();
  facts.output_node.clear();
  facts.nodes.clear();
  facts.blocks.clear();
}

}  // namespace

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

void Recorder::Content::fill(FinishedCall& call) {
  auto& facts = call.facts;
  facts.handles.insert(facts.handles.begin(), {"id", facts.id});
  if (!call.readable) return forget_content(facts, "unreadable");
  wire::AnswerReader reader(call.format, facts.streamed);
  reader.feed(call.answer);
  const wire::Answer answer = reader.finish();
  take_answer(answer, facts);
  if (!call.may_capture) return forget_content(facts, "no_consent");
  const auto body = parse_json_object(call.request);
  if (!body) return forget_content(facts, "unreadable");
  const auto read = wire::read_call(call.format, *body);
  if (!read) return forget_content(facts, "unreadable");
  if (!add_content(*read, answer.message, facts)) return forget_content(facts, "redaction_failed");
  facts.content = "stored";
}

Result<void> Recorder::Content::add_content(const wire::Call& call, const json::object& answer,
                                            store::Interaction& facts) {
  const auto params = redactor_.redact_json(json::value(call.params));
  if (!params) return fail(params.error());
  if (params->is_object()) facts.params = params->get_object();
  std::string leaf;
  std::int64_t depth = 0;
  if (auto added = add_path(call.messages, facts, leaf, depth); !added) return added;
  facts.context_node = leaf;
  if (answer.empty()) return {};
  if (auto added = add_step(answer, facts, leaf, depth); !added) return added;
  facts.output_node = leaf;
  return {};
}

Result<void> Recorder::Content::add_path(const std::vector<json::object>& messages,
                                         store::Interaction& facts, std::string& leaf,
                                         std::int64_t& depth) {
  for (const auto& message : messages) {
    if (auto added = add_step(message, facts, leaf, depth); !added) return added;
  }
  return {};
}

// One message further down the tree: `leaf` and `depth` move to it.
Result<void> Recorder::Content::add_step(const json::object& message, store::Interaction& facts,
                                         std::string& leaf, std::int64_t& depth) {
  std::string memo_key = hex(sha256(redactor_.policy_digest() + "\n" + canonical(message)));
  if (const auto block = blocks_.find(memo_key)) {
    const std::string node = store::node_hash(leaf, *block);
    if (known_.contains(node)) {
      leaf = node;
      ++depth;
      return {};
    }
  }
  const auto redacted = redactor_.redact_json(json::value(message));
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

void Recorder::Content::appended(const store::Interaction& interaction) {
  for (const auto& node : interaction.nodes) known_.add(node.hash);
}

}  // namespace hone::capture
