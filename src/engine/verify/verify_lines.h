// Answers and their verifiers, one JSON object a line in, one out, in order:
//   {"answer": "text", "verifier": {…}} -> {"reward": number, "reason": "text"}
// docs/formats/engine.md has the verifiers' fields.
#pragma once

#include <iosfwd>

#include "base/result.h"
#include "engine/verify/verifier.h"

namespace hone::engine {

// A bad line ends it with an error that names the line; the lines before it are answered. Other
// fields of a line are not looked at.
[[nodiscard]] Result<void> verify_lines(std::istream& in, std::ostream& out,
                                        const VerifyOptions& options);

}  // namespace hone::engine
