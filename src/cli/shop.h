// What a turn works with, put together from an opened data folder.
#pragma once

#include <memory>

#include "cli/command.h"
#include "cli/workspace.h"
#include "loop/turn.h"

namespace hone::cli {

// `policy` and `workspace` outlive the shop. The trainer is hone-engine beside this program; the
// serving upstream is the settings' engine, or the first upstream that speaks openai-chat.
[[nodiscard]] Result<loop::Shop> make_shop(const Invocation& call, Workspace& workspace,
                                           const feedback::Policy& policy);

// Prints a turn's steps on standard error, a line each; training every few steps.
[[nodiscard]] loop::Watch watch_on_screen();

}  // namespace hone::cli
