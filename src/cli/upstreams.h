// The settings' upstreams, and who stands in for whom, as the gateway takes them.
#pragma once

#include "base/result.h"
#include "capture/fallbacks.h"
#include "capture/upstream.h"
#include "cli/settings.h"

namespace hone::cli {

inline constexpr const char* kEngine = "engine";  // the upstream that is hone-engine

// Reads the upstreams' keys from the environment.
[[nodiscard]] Result<capture::Upstreams> make_upstreams(const Settings& settings);

// An alias's `fallback` is a list of "UPSTREAM" or "UPSTREAM/MODEL". kInvalid where there is no
// such upstream.
[[nodiscard]] Result<capture::Fallbacks> make_fallbacks(const Settings& settings,
                                                        const capture::Upstreams& upstreams);

}  // namespace hone::cli
