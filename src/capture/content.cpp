#include "capture/content.h"

#include <algorithm>

namespace hone::capture {
namespace {

// One key for each beginning of the body: the opening, and the opening with the first, the first
// two, … messages. Each goes on from the one before it, so that all cost one pass.
std::vector<MemoKey> beginnings_of(const wire::CallParts& parts, const MemoKey& policy,
                                   wire::Format format) {
  std::vector<MemoKey> keys;
  keys.reserve(parts.messages.size() + 1);
  MemoKey key = memo_key(wire::name(format), policy);
  for (const auto mark : parts.opening_marks) key = memo_key(mark, key);
  keys.push_back(key);
  for (const auto message : parts.messages) keys.push_back(memo_key(message, keys.back()));
  return keys;
}

Result<wire::Call> read(wire::Format format, std::string_view text) {
  const auto object = parse_json_object(text);
  if (!object) return fail(object.error());
  return wire::read_call(format, *object);
}

// The keys of all beginnings of a context, the empty one first.
std::vector<MemoKey> beginnings_of(std::span<const SharedMessage* const> context,
                                   const MemoKey& policy) {
  std::vector<MemoKey> keys;
  keys.reserve(context.size() + 1);
  keys.push_back(memo_key("shared context", policy));
  for (const SharedMessage* message : context) keys.push_back(memo_key(*message, keys.back()));
  return keys;
}

}  // namespace

MemoKey memo_key(const SharedMessage& message, const MemoKey& after) {
  const auto* bytes = reinterpret_cast<const char*>(message.key.data());
  return memo_key(std::string_view(bytes, sizeof(message.key)), after);
}

void Content::leave_out(std::string_view why, store::Interaction& facts) {
  facts.content = why;
  facts.params.clear();
  facts.context_node.clear();
  facts.output_node.clear();
  facts.nodes.clear();
  facts.blocks.clear();
}

void Content::fill(std::vector<json::object> messages, json::object answer, json::object params,
                   store::Interaction& facts) {
  if (add(std::move(messages), std::move(answer), std::move(params), facts)) {
    facts.content = "stored";
  } else {
    leave_out("redaction_failed", facts);
  }
}

Learned Content::fill_shared(std::span<const SharedMessage* const> context, json::object answer,
                             json::object params, store::Interaction& facts) {
  auto learned = add_shared(context, std::move(answer), std::move(params), facts);
  if (learned) {
    facts.content = "stored";
    return std::move(*learned);
  }
  leave_out("redaction_failed", facts);
  return {};
}

Learned Content::fill_from_body(wire::Format format, const wire::CutBody& body, json::object answer,
                                store::Interaction& facts) {
  auto learned = add_body(format, body, std::move(answer), facts);
  if (learned) {
    facts.content = "stored";
    return std::move(*learned);
  }
  // What cannot be read is the tool's fault; anything else is the redaction's.
  const bool unreadable =
      learned.error().code == ErrorCode::kInvalid || learned.error().code == ErrorCode::kTooLarge;
  leave_out(unreadable ? "unreadable" : "redaction_failed", facts);
  return {};
}

Result<void> Content::add(std::vector<json::object> messages, json::object answer,
                          json::object params, store::Interaction& facts) {
  if (auto added = add_params(std::move(params), facts); !added) return added;
  Place place;
  if (auto added = add_steps(std::move(messages), facts, place); !added) return added;
  return add_answer(std::move(answer), facts, std::move(place));
}

Result<Learned> Content::add_shared(std::span<const SharedMessage* const> context,
                                    json::object answer, json::object params,
                                    store::Interaction& facts) {
  if (auto added = add_params(std::move(params), facts); !added) return fail(added.error());
  const auto keys = beginnings_of(context, policy());
  Place place;
  std::size_t next = keys.size();  // the first beginning to be read
  for (; next > 1; --next) {
    if (auto known = beginnings_.find(keys[next - 1])) {
      place = {std::string(text_of(known->leaf)), known->depth};
      break;
    }
  }
  Learned learned;
  for (; next < keys.size(); ++next) {
    if (auto added = add_step(context[next - 1]->message, facts, place); !added) {
      return fail(added.error());
    }
    learned.beginnings.emplace_back(keys[next], place);
  }
  if (auto added = add_answer(std::move(answer), facts, std::move(place)); !added) {
    return fail(added.error());
  }
  return learned;
}

// `place` is where the context ends.
Result<void> Content::add_answer(json::object answer, store::Interaction& facts, Place place) {
  facts.context_node = place.leaf;
  if (answer.empty()) return {};
  if (auto added = add_step(std::move(answer), facts, place); !added) return added;
  facts.output_node = place.leaf;
  return {};
}

Result<Learned> Content::add_body(wire::Format format, const wire::CutBody& body,
                                  json::object answer, store::Interaction& facts) {
  const wire::CallParts* parts = body.parts();
  if (parts == nullptr) {
    auto call = read(format, body.text());
    if (!call) return fail(call.error());
    auto added = add(std::move(call->messages), std::move(answer), std::move(call->params), facts);
    if (!added) return fail(added.error());
    return Learned{.beginnings = {}, .body = memo_key(body.text(), memo_key(wire::name(format)))};
  }
  auto settings = read(format, wire::settings_text(*parts));
  if (!settings) return fail(settings.error());
  if (auto added = add_params(std::move(settings->params), facts); !added) {
    return fail(added.error());
  }
  Place place;
  auto learned = add_parts(format, *parts, place, facts);
  if (!learned) return learned;
  for (const auto setting : parts->settings) learned->body = memo_key(setting, *learned->body);
  if (auto added = add_answer(std::move(answer), facts, std::move(place)); !added) {
    return fail(added.error());
  }
  return learned;
}

// Reads what is not known of the conversation; `place` becomes the end of it, and the body's key
// that of the conversation.
Result<Learned> Content::add_parts(wire::Format format, const wire::CallParts& parts, Place& place,
                                   store::Interaction& facts) {
  const auto keys = beginnings_of(parts, policy(), format);
  std::size_t next = keys.size();  // the first beginning to be read
  while (next > 0) {
    if (auto known = beginnings_.find(keys[next - 1])) {
      place = {std::string(text_of(known->leaf)), known->depth};
      break;
    }
    --next;
  }
  Learned learned;
  learned.body = keys.back();
  if (next == 0 && parts.opening.empty()) next = 1;  // nothing to read
  for (; next < keys.size(); ++next) {
    auto call =
        read(format, next == 0 ? wire::opening_text(parts) : wire::message_text(parts, next - 1));
    if (!call) return fail(call.error());
    auto added = add_steps(std::move(call->messages), facts, place);
    if (!added) return fail(added.error());
    learned.beginnings.emplace_back(keys[next], place);
  }
  return learned;
}

Result<void> Content::add_params(json::object params, store::Interaction& facts) {
  if (auto redacted = redactor_.redact_within(params); !redacted) return fail(redacted.error());
  facts.params = std::move(params);
  return {};
}

Result<void> Content::add_steps(std::vector<json::object> messages, store::Interaction& facts,
                                Place& place) {
  for (json::object& message : messages) {
    if (auto added = add_step(std::move(message), facts, place); !added) return added;
  }
  return {};
}

// One message further down the tree: `place` moves to it.
Result<void> Content::add_step(json::object message, store::Interaction& facts, Place& place) {
  std::string text = canonical(message);
  const MemoKey key = memo_key(text, policy());
  if (const auto block = blocks_.find(key)) {
    std::string node = store::node_hash(place.leaf, text_of(*block));
    if (was_written(node)) {
      place = {std::move(node), place.depth + 1};
      return {};
    }
  }
  const auto changed = redactor_.redact_within(message);
  if (!changed) return fail(changed.error());
  if (*changed) text = canonical(message);
  store::Step step = store::build_step(tenant_key_, string_or_empty(message, "role"),
                                       std::move(text), place.leaf, place.depth);
  blocks_.add(key, kept(step.block.hash));
  place = {step.node.hash, step.node.depth};
  if (was_written(place.leaf)) return {};
  facts.nodes.push_back(std::move(step.node));
  facts.blocks.push_back(std::move(step.block));
  return {};
}

void Content::appended(const store::Interaction& interaction, const Learned& learned) {
  for (const auto& node : interaction.nodes) written_.add(memo_key(node.hash), {});
  for (const auto& [key, place] : learned.beginnings) {
    beginnings_.add(key, {kept(place.leaf), place.depth});
  }
}

bool Content::was_written(std::string_view node) {
  return written_.find(memo_key(node)).has_value();
}

Content::Hash Content::kept(std::string_view hash) {
  Hash out{};
  HONE_ASSERT(hash.empty() || hash.size() == out.size());
  std::ranges::copy(hash, out.begin());
  return out;
}

std::string_view Content::text_of(const Hash& hash) {
  return hash[0] == '\0' ? std::string_view() : std::string_view(hash.data(), hash.size());
}

}  // namespace hone::capture
