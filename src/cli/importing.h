// Imports a file into a workspace: through an outbox of its own into the database, which has
// everything when this returns. A command that is killed leaves an outbox that the next `hone
// serve` takes over.
#pragma once

#include <functional>
#include <string>

#include "base/result.h"
#include "capture/import_map.h"
#include "capture/importer.h"
#include "capture/transcript.h"
#include "cli/workspace.h"

namespace hone::cli {

// The report says how many interactions the database had not had (`added`), too; another import
// of the same source at the same time is counted with it.
[[nodiscard]] Result<capture::ImportReport> import_into(
    Workspace& workspace, const std::string& file, const capture::ImportMap& map,
    const capture::ImportOptions& options, people::Consents consents,
    const std::function<void(const capture::ImportReport&)>& progress = {});

// The same of transcripts (capture/transcript.h), with what they say became of the calls. What the
// store has already, by the gateway or an import before, is not added again.
[[nodiscard]] Result<capture::ImportReport> import_transcripts_into(
    Workspace& workspace, const capture::TranscriptImport& import,
    const capture::ImportOptions& options, people::Consents consents,
    const std::function<void(const capture::ImportReport&)>& progress = {});

// Reads the facts of one transcript (feedback/transcript_facts.h) as an import writes them.
[[nodiscard]] capture::TranscriptSignals transcript_signals();

// An import of a file without writing anything, not even a data folder: `show` gets records as they
// would be stored, until it returns false.
[[nodiscard]] Result<capture::ImportReport> import_dry(
    const Settings& settings, const std::string& file, const capture::ImportMap& map,
    const capture::ImportOptions& options, people::Consents consents,
    const std::function<bool(const json::object&)>& show);

}  // namespace hone::cli
