// Where the hone-engine of a data folder listens. That is where the settings say; but a server that
// takes another one's place starts its engine beside that of the other, which still answers there,
// on a free port, and notes it for the commands that ask the engine themselves.
#pragma once

#include <string>

#include "base/result.h"
#include "cli/workspace.h"

namespace hone::cli {

// A free port of the host of "HOST:PORT".
[[nodiscard]] Result<std::string> another_port(const std::string& listen);

// As noted, or else as the settings say: "HOST:PORT".
[[nodiscard]] std::string engine_address(const Workspace& workspace);

// For the workspace's engine: nothing is noted where it listens at `written`, as the settings file
// says.
[[nodiscard]] Result<void> note_engine_address(const Workspace& workspace,
                                               const std::string& written);
// Unless another engine is noted by now.
void forget_engine_address(const Workspace& workspace);

}  // namespace hone::cli
