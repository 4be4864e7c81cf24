// Puts typed pseudonyms in the place of what must not reach the disk: "ana@example.org" becomes
// "<EMAIL:1c0f83aa>", the same for the same value under the same tenant's key, and not to be
// reversed without it. Redacted text is a fixed point, so that text may pass twice. Rules and
// limits: docs/privacy.md.
//
// Linear time: one pass of Vectorscan over all literals at once and one over what has a structure
// find candidates, and small checks (checksums, entropy, what stands around) decide. Encoded parts
// (percent, JSON escapes, base64) are decoded and read, too. Thread-safe.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/reloadable.h"
#include "base/result.h"
#include "privacy/finding.h"

namespace hone::privacy {

// What an organisation looks for besides: its own numbers, project names.
struct OwnPattern {
  std::string name;
  std::string expression;  // Vectorscan's PCRE subset, on bytes
  std::string type = "CUSTOM";
  bool caseless = false;
};

struct RedactionPolicy {
  std::vector<std::string> off;  // types that stay readable, e.g. {"IP"}; see finding.h
  std::vector<OwnPattern> patterns;
  std::vector<std::string> names;  // people's, whole words in any case
  // Values that stay readable, in any case; "*" stands for anything: "*@example.org".
  std::vector<std::string> allow;
  // For one text; what takes longer is not stored.
  std::chrono::milliseconds timeout = std::chrono::seconds(30);
};

// Whether Vectorscan takes the pattern, and the type is one of ours.
[[nodiscard]] Result<void> check_pattern(const OwnPattern& pattern);

// A finding in the text as it was, and what took its place.
struct Replaced {
  Finding finding;
  std::string pseudonym;
};

struct Redaction {
  std::string text;
  std::vector<Replaced> replaced;  // in order, none over another
};

class Redactor {
 public:
  // Fails on an unknown type or a wrong pattern in the policy.
  [[nodiscard]] static Result<std::unique_ptr<Redactor>> create(std::string_view tenant_key,
                                                                const RedactionPolicy& policy = {});
  ~Redactor();
  Redactor(const Redactor&) = delete;
  Redactor& operator=(const Redactor&) = delete;

  // From now on the rules of `other`, which was made with the same key. Texts that are being
  // redacted end under the rules they began with. From any thread.
  void take_rules_of(const Redactor& other);

  // On failure (out of memory, out of time) the text must not be stored.
  [[nodiscard]] Result<std::string> redact(std::string_view text) const;
  [[nodiscard]] Result<Redaction> explain(std::string_view text) const;

  // Every string in the value, and every key. `redact_within` tells whether anything was replaced:
  // mostly nothing was, and then nothing was copied.
  [[nodiscard]] Result<json::value> redact_json(json::value value) const;
  [[nodiscard]] Result<bool> redact_within(json::value& value) const;
  [[nodiscard]] Result<bool> redact_within(json::object& object) const;

  // Names the rules in force, so that a memo of redacted text is read anew when they change. It
  // does not depend on the key.
  [[nodiscard]] const std::string& policy_digest() const;

 private:
  struct State;
  explicit Redactor(std::shared_ptr<const State> state);
  // What takes the text's place; nullopt where nothing was found in it.
  [[nodiscard]] Result<std::optional<std::string>> replacement(std::string_view text) const;
  [[nodiscard]] const State& state() const { return *state_.get(); }
  Reloadable<std::shared_ptr<const State>> state_;
};

}  // namespace hone::privacy
