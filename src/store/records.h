// What enters the store: the payloads of outbox records, as plain structs with a JSON form that
// outlives the code (docs/formats/outbox.md). The capture path makes them, the outbox keeps them,
// the indexer turns them into rows. Only redacted text may be put into one.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/json.h"
#include "base/result.h"

namespace hone::store {

// Numbers are part of the format; never reuse one.
enum class RecordKind : std::uint8_t {
  kInteractionStart = 1,  // written before the request goes out, not synced
  kInteraction = 2,
  kFeedback = 3,
  kConsent = 4,
  kErasure = 5,
};

// A name by which a client may refer to an interaction. Kinds: "id" (ours), "response" (the
// provider's response id), "tool_call", "request" (the request-id header), "session", "import" (the
// source's own).
struct Handle {
  std::string kind;
  std::string value;
};

// One message, in canonical neutral form ({"role", "content": [parts]}), stored once.
struct Block {
  std::string hash;
  std::string role;
  std::string content;  // canonical JSON
};

// One step of the conversation tree: hash = H(parent, block).
struct Node {
  std::string hash;
  std::string parent;  // empty at a root
  std::string block;
  std::int64_t depth = 0;  // 1 at a root
};

struct InteractionStart {
  std::string id;
  std::string person;
  std::string alias;
  std::string model;
  Time started_at{};
};

// Why an interaction has no content.
// "stored", "no_consent", "policy" (the team's: metadata only), "redaction_failed", "unreadable"
// (not our formats, in a coding we cannot undo, or too large), "cut" (crash).
using ContentState = std::string;

struct Interaction {
  std::string id;
  std::string person;  // pseudonym; empty in open local mode without a key
  std::string team;
  std::string tool;       // from the user agent or x-hone-tool: "claude-code", "openai-sdk", …
  std::string wire;       // "openai-chat", "anthropic-messages", "openai-responses", "import"
  std::string alias;      // what the tool asked for
  std::string arm;        // "baseline", "canary", "shadow", "holdback"; empty without a release
  std::string release;    // release id, or empty
  double propensity = 1;  // probability of this arm at assignment
  std::string model;      // digest in the registry, or the upstream's own model name
  std::string upstream;
  bool trainable = false;  // upstream and model both allow it
  std::string purpose;
  std::string access_label;
  Time started_at{};
  std::int64_t first_byte_ms = 0;
  std::int64_t duration_ms = 0;
  std::int64_t status = 0;  // HTTP status the tool saw; 0: the tool went away before one
  std::string stop_reason;
  std::string error;  // ours or the upstream's, short, no content
  bool streamed = false;
  std::int64_t prompt_tokens = 0;
  std::int64_t cached_tokens = 0;  // of prompt_tokens, read from the provider's cache
  std::int64_t completion_tokens = 0;
  double cost = 0;       // in the currency of setting "currency"; 0 without a price
  std::string key;       // id of the API key, where that has a limit of its own
  std::string retry_of;  // the attempt before this one: the same body, which went without an answer
  json::object params;   // temperature, max_tokens, …: as sent
  ContentState content = "stored";
  std::string context_node;  // empty unless content is "stored"
  std::string output_node;   // context_node plus the answer; empty without an answer
  std::vector<Node> nodes;   // those this process has not written before
  std::vector<Block> blocks;
  std::vector<Handle> handles;
};

struct Feedback {
  std::string id;
  std::string idempotency_key;  // unique per source; never empty (we make one where none is given)
  std::string source;           // who reported: "api:<key id>", "import:<name>", "mined", …
  Handle handle;
  std::string kind;  // shown accepted edited rejected rated corrected compared copied retried
                     // undone persisted outcome comment
  std::string by = "person";  // who decided: person, automatic, policy, agent, unknown
  std::string person;         // who reported or decided, if known
  std::optional<double> value;
  std::optional<std::string> final_text;  // redacted
  std::optional<std::string> comment;     // redacted
  json::object detail;                    // what else the source said, redacted
  Time at{};
  Time received_at{};
};

struct Consent {
  std::string id;
  std::string person;
  std::optional<bool> capture;
  std::optional<bool> train;
  std::string by;
  Time at{};
};

[[nodiscard]] std::string to_payload(const InteractionStart& start);
[[nodiscard]] std::string to_payload(const Interaction& interaction);
[[nodiscard]] std::string to_payload(const Feedback& feedback);
[[nodiscard]] std::string to_payload(const Consent& consent);

[[nodiscard]] Result<InteractionStart> read_interaction_start(std::string_view payload);
[[nodiscard]] Result<Interaction> read_interaction(std::string_view payload);
[[nodiscard]] Result<Feedback> read_feedback(std::string_view payload);
[[nodiscard]] Result<Consent> read_consent(std::string_view payload);

// The kinds of feedback, as the API takes them.
[[nodiscard]] const std::vector<std::string_view>& feedback_kinds();

}  // namespace hone::store
