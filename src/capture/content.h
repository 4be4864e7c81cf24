// What of a call's content may be stored, as a path of the conversation tree: redacted, and only
// what is new. Cost follows what is new, too: the part of a body that was sent before, byte for
// byte, costs its digest and is not even parsed; a message seen before in another form is parsed,
// but not redacted; a node written before is not written again. Live traffic and imports go through
// here. Thread-safe.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "capture/memo.h"
#include "privacy/redactor.h"
#include "store/records.h"
#include "store/tree.h"
#include "wire/call_parts.h"

namespace hone::capture {

// A place in the conversation tree.
struct Place {
  std::string leaf;  // "" above the roots
  std::int64_t depth = 0;
};

// What was learned of a body: true once the interaction that it was learned from is in the outbox.
struct Learned {
  std::vector<std::pair<MemoKey, Place>> beginnings;  // which of them lead where
  // What the whole body is known by, settings too, without what differs in every call; none where
  // it was not read.
  std::optional<MemoKey> body;
};

// A message that stands in the contexts of many calls: read once, and known by its key.
struct SharedMessage {
  explicit SharedMessage(json::object said)
      : message(std::move(said)), key(memo_key(canonical(message))) {}

  json::object message;  // canonical, wire/message.h
  MemoKey key;
};

// Of a context that goes on with `message`: costs the same however long either is.
[[nodiscard]] MemoKey memo_key(const SharedMessage& message, const MemoKey& after);

class Content {
 public:
  Content(const privacy::Redactor& redactor, std::string tenant_key, std::size_t known_nodes)
      : redactor_(redactor),
        tenant_key_(std::move(tenant_key)),
        written_(known_nodes),
        blocks_(known_nodes),
        beginnings_(known_nodes) {}

  // Sets content, params, context_node, output_node, nodes and blocks of `facts` from canonical
  // messages (wire/message.h). `answer` is empty where nothing was said. If redaction fails,
  // `facts` is without content and says so.
  void fill(std::vector<json::object> messages, json::object answer, json::object params,
            store::Interaction& facts);
  // The same of a context that calls share: what was learned of its beginning is not looked at.
  [[nodiscard]] Learned fill_shared(std::span<const SharedMessage* const> context,
                                    json::object answer, json::object params,
                                    store::Interaction& facts);
  // The same from a request's body. What is no call of that format is "unreadable".
  [[nodiscard]] Learned fill_from_body(wire::Format format, const wire::CutBody& body,
                                       json::object answer, store::Interaction& facts);

  // Leaves no content, and says why (store::ContentState).
  static void leave_out(std::string_view why, store::Interaction& facts);

  // To be told when the interaction is in the outbox: only then are its nodes known.
  void appended(const store::Interaction& interaction, const Learned& learned = {});

 private:
  Result<void> add(std::vector<json::object> messages, json::object answer, json::object params,
                   store::Interaction& facts);
  Result<Learned> add_shared(std::span<const SharedMessage* const> context, json::object answer,
                             json::object params, store::Interaction& facts);
  Result<void> add_answer(json::object answer, store::Interaction& facts, Place place);
  Result<Learned> add_body(wire::Format format, const wire::CutBody& body, json::object answer,
                           store::Interaction& facts);
  Result<Learned> add_parts(wire::Format format, const wire::CallParts& parts, Place& place,
                            store::Interaction& facts);
  Result<void> add_params(json::object params, store::Interaction& facts);
  Result<void> add_steps(std::vector<json::object> messages, store::Interaction& facts,
                         Place& place);
  Result<void> add_step(json::object message, store::Interaction& facts, Place& place);
  // What the keys of the memos begin with: new rules read everything anew.
  [[nodiscard]] MemoKey policy() const { return memo_key(redactor_.policy_digest()); }

  [[nodiscard]] bool was_written(std::string_view node);

  // As memos keep them: 64 hexadecimal digits, or zeros for "".
  using Hash = std::array<char, 64>;
  struct KeptPlace {
    Hash leaf;
    std::int64_t depth;
  };
  struct Nothing {};
  [[nodiscard]] static Hash kept(std::string_view hash);
  [[nodiscard]] static std::string_view text_of(const Hash& hash);

  const privacy::Redactor& redactor_;
  const std::string tenant_key_;
  Memo<Nothing> written_;  // nodes that are in the outbox
  Memo<Hash> blocks_;      // a canonical message -> hash of its block
  // The beginning of a body, as sent, or of a shared context -> where it leads.
  Memo<KeptPlace> beginnings_;
};

}  // namespace hone::capture
