// What a server enters into the registry before it serves: the base model of its engine, and the
// aliases of its settings.
#pragma once

#include <vector>

#include "base/result.h"
#include "cli/workspace.h"

namespace hone::cli {

// An alias that exists stays as it is: releases have changed it since.
[[nodiscard]] Result<void> register_aliases(Workspace& workspace,
                                            const std::vector<AliasSettings>& aliases);

// All of it; with a base model and no alias, `assistant` is one.
[[nodiscard]] Result<void> register_models(Workspace& workspace);

}  // namespace hone::cli
