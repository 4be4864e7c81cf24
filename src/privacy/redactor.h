// Puts typed pseudonyms in the place of what must not reach the disk: "ana@example.org" becomes
// "<EMAIL:1c0f83aa>", the same for the same value under the same tenant's key, and not to be
// reversed without it. Redacted text is a fixed point, so that text may pass twice. Rules and
// limits: docs/privacy.md.
//
// Linear time: one pass of Vectorscan over all patterns at once finds candidates, and small checks
// (checksums, entropy, what stands around) decide. Thread-safe; each thread has its own scratch.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace hone::privacy {

struct RedactionPolicy {
  std::vector<std::string> off;  // types that stay readable, e.g. {"IP"}; see rules.h
};

class Redactor {
 public:
  // Fails on an unknown type in the policy.
  [[nodiscard]] static Result<std::unique_ptr<Redactor>> create(std::string_view tenant_key,
                                                                const RedactionPolicy& policy = {});
  ~Redactor();
  Redactor(const Redactor&) = delete;
  Redactor& operator=(const Redactor&) = delete;

  // On failure (out of memory) the text must not be stored.
  [[nodiscard]] Result<std::string> redact(std::string_view text) const;

  // Every string in the value, and every key.
  [[nodiscard]] Result<json::value> redact_json(const json::value& value) const;

  // Names the rules in force, so that a memo of redacted text is read anew when they change. It
  // does not depend on the key.
  [[nodiscard]] const std::string& policy_digest() const;

 private:
  struct State;
  explicit Redactor(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace hone::privacy
