// What of a call's content may be stored, as a path of the conversation tree. Cost follows what is
// new: a message seen before costs one digest, not a redaction, and a node written before is not
// written again. Thread-safe.
#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "capture/recorder.h"
#include "store/tree.h"

namespace hone::capture {

// Remembers the latest entries, between half of `capacity` and all of it.
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

class Recorder::Content {
 public:
  Content(const privacy::Redactor& redactor, std::string tenant_key, std::size_t known_nodes)
      : redactor_(redactor),
        tenant_key_(std::move(tenant_key)),
        known_(known_nodes),
        blocks_(known_nodes) {}

  // Completes call.facts from the request and the answer.
  void fill(FinishedCall& call);
  // To be told when the interaction is in the outbox: only then are its nodes known.
  void appended(const store::Interaction& interaction);

 private:
  Result<void> add_path(const std::vector<json::object>& messages, store::Interaction& facts,
                        std::string& leaf, std::int64_t& depth);
  Result<void> add_step(const json::object& message, store::Interaction& facts, std::string& leaf,
                        std::int64_t& depth);
  Result<void> add_content(const wire::Call& call, const json::object& answer,
                           store::Interaction& facts);

  const privacy::Redactor& redactor_;
  const std::string tenant_key_;
  store::KnownNodes known_;
  Memo blocks_;  // digest of a message as sent, under the policy in force -> hash of its block
};

}  // namespace hone::capture
