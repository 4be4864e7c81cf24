// `hone demo --real`: the same loop on people who exist. Programmers' accepts, rejects, edits and
// copies are imported as any data is; people are left out in folds; a model is trained on what the
// others accepted, where the terms of its answers allow that; and its log-probability is asked to
// tell accepted from rejected answers of the people left out, before and after, beside Copilot's
// own confidence.
#pragma once

#include <string>

#include "base/json.h"
#include "base/result.h"
#include "cli/command.h"
#include "cli/demo/screen.h"

namespace hone::cli::demo {

struct RealOptions {
  std::string base_model;
  std::string data;    // of the store
  std::string shared;  // folder with cups-copilot/ and realhumaneval-chat/
  std::int64_t seed = 1;
  std::int64_t folds = 4;
  std::string recipe = "recipes/real-people.toml";
};

[[nodiscard]] Result<json::object> tell_real(const Invocation& call, const RealOptions& options,
                                             Screen& screen);

}  // namespace hone::cli::demo
