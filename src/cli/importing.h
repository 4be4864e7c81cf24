// Imports a file into a workspace: through an outbox of its own into the database, which has
// everything when this returns. A command that is killed leaves an outbox that the next `hone
// serve` takes over.
#pragma once

#include <functional>
#include <string>

#include "base/result.h"
#include "capture/importer.h"
#include "cli/workspace.h"

namespace hone::cli {

[[nodiscard]] Result<capture::ImportReport> import_into(
    Workspace& workspace, const std::string& file, capture::ImportFormat format,
    const capture::ImportOptions& options, people::Consents consents,
    const std::function<void(const capture::ImportReport&)>& progress = {});

}  // namespace hone::cli
