// Transcripts that coding tools keep of their sessions, as interactions and feedback: Claude Code's
// (~/.claude/projects/…/SESSION.jsonl) and Codex's rollouts (~/.codex/sessions/…/rollout-….jsonl).
// Each answer becomes an interaction with its context, usage, model and session, under the handles
// by which hooks, telemetry and the gateway know it; what the gateway has captured already is not
// added again. What became of a tool call is read by `signals`, record after record.
//
//   TranscriptImport import{.path = path, .person = "ada", .signals = make_signals};
//   auto report = import_transcripts(import, options, parts, sink);
//
// PATH is a file or a folder, in which every *.jsonl is read. Idempotent: a transcript that has
// grown brings what is new. A record that cannot be read, or that no version known to us writes, is
// counted, and named by file and line; the rest is kept. Memory holds one transcript (up to 256 MiB
// of it), and each message of it once: an answer costs what is new in its context, and some bytes
// for each message before that. Blocking.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "capture/import_record.h"
#include "capture/importer.h"

namespace hone::capture {

// What a record says of the calls before it. One for each file, which sees all its records.
using TranscriptSignals = std::function<std::vector<ImportedFeedback>(const json::object& record)>;

struct TranscriptImport {
  std::string path;
  std::string person;  // whose sessions they are
  std::function<TranscriptSignals()> signals = {};
};

// The source's name in ids and records is that of the options, or "transcript". kNotFound where
// there is no such file or folder; kInvalid where none of the files is a transcript.
[[nodiscard]] Result<ImportReport> import_transcripts(const TranscriptImport& import,
                                                      const ImportOptions& options,
                                                      const ImportParts& parts,
                                                      const ImportSink& sink);

}  // namespace hone::capture
