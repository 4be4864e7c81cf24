// Verifiers: what an answer is worth, found by a rule instead of a person. A task carries its
// verifier as JSON (docs/formats/engine.md, "verify"), and a verifier turns an answer's text into a
// reward in [0, 1] and a reason for people.
//
//   auto verifier = Verifier::parse(object);              // names the field that is wrong
//   auto verdict = verifier->check(answer, {});           // an error is not the answer's fault
//
// Types: exact, regex, numeric, json_schema, unit_tests (which runs code; see sandbox.h). One
// thread at a time.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/result.h"

namespace hone::engine {

struct Verdict {
  double reward = 0;
  std::string reason;
};

struct VerifyOptions {
  // Code runs without a sandbox where the system does not permit one. The person who runs the
  // program decides this, never a dataset.
  bool allow_unsandboxed = false;
};

class Verifier {
 public:
  using Rule = std::function<Result<Verdict>(std::string_view answer, const VerifyOptions&)>;

  [[nodiscard]] static Result<Verifier> parse(const json::object& object);

  [[nodiscard]] Result<Verdict> check(std::string_view answer, const VerifyOptions& options) const {
    return rule_(answer, options);
  }

 private:
  explicit Verifier(Rule rule) : rule_(std::move(rule)) {}
  Rule rule_;
};

}  // namespace hone::engine
