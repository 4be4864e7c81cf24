// What of a call's content may be stored, as a path of the conversation tree: redacted, and only
// what is new. Cost follows what is new, too: a message seen before costs one digest, not a
// redaction, and a node written before is not written again. Live traffic and imports go through
// here. Thread-safe.
#pragma once

#include <cstddef>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "privacy/redactor.h"
#include "store/records.h"
#include "store/tree.h"

namespace hone::capture {

// Remembers the latest entries, between half of `capacity` and all of it. Thread-safe.
class Memo {
 public:
  explicit Memo(std::size_t capacity) : capacity_(capacity) {}
  [[nodiscard]] std::optional<std::string> find(const std::string& key);
  void add(std::string key, std::string value);

 private:
  const std::size_t capacity_;
  std::mutex mutex_;
  std::unordered_map<std::string, std::string> young_;
  std::unordered_map<std::string, std::string> old_;
};

class Content {
 public:
  Content(const privacy::Redactor& redactor, std::string tenant_key, std::size_t known_nodes)
      : redactor_(redactor),
        tenant_key_(std::move(tenant_key)),
        known_(known_nodes),
        blocks_(known_nodes) {}

  // Sets content, params, context_node, output_node, nodes and blocks of `facts` from canonical
  // messages (wire/message.h). `answer` is empty where nothing was said. If redaction fails,
  // `facts` is without content and says so.
  void fill(const std::vector<json::object>& messages, const json::object& answer,
            const json::object& params, store::Interaction& facts);

  // Leaves no content, and says why (store::ContentState).
  static void leave_out(std::string_view why, store::Interaction& facts);

  // To be told when the interaction is in the outbox: only then are its nodes known.
  void appended(const store::Interaction& interaction);

 private:
  Result<void> add(const std::vector<json::object>& messages, const json::object& answer,
                   const json::object& params, store::Interaction& facts);
  Result<void> add_step(const json::object& message, store::Interaction& facts, std::string& leaf,
                        std::int64_t& depth);

  const privacy::Redactor& redactor_;
  const std::string tenant_key_;
  store::KnownNodes known_;
  Memo blocks_;  // digest of a message as sent, under the policy in force -> hash of its block
};

}  // namespace hone::capture
