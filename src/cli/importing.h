// Imports a file into a workspace: through an outbox of its own into the database, which has
// everything when this returns. A command that is killed leaves an outbox that the next `hone
// serve` takes over.
#pragma once

#include <functional>
#include <string>

#include "base/result.h"
#include "capture/import_map.h"
#include "capture/importer.h"
#include "cli/workspace.h"

namespace hone::cli {

// The report says how many interactions the database had not had (`added`), too; another import
// of the same source at the same time is counted with it.
[[nodiscard]] Result<capture::ImportReport> import_into(
    Workspace& workspace, const std::string& file, const capture::ImportMap& map,
    const capture::ImportOptions& options, people::Consents consents,
    const std::function<void(const capture::ImportReport&)>& progress = {});

// The same without writing anything, not even a data folder: `show` gets records as they would be
// stored, until it returns false.
[[nodiscard]] Result<capture::ImportReport> import_dry(
    const Settings& settings, const std::string& file, const capture::ImportMap& map,
    const capture::ImportOptions& options, people::Consents consents,
    const std::function<bool(const json::object&)>& show);

}  // namespace hone::cli
