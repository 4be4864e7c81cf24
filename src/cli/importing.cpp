#include "cli/importing.h"

#include <unistd.h>

#include <filesystem>
#include <memory>

#include "base/file.h"
#include "feedback/transcript_facts.h"
#include "people/roster.h"

namespace hone::cli {
namespace {

Result<std::int64_t> count_of(store::Database& database, const std::string& source) {
  const auto rows =
      database.query("SELECT COUNT(*) AS n FROM interaction WHERE upstream = ?", {source});
  if (!rows) return fail(rows.error());
  return rows->front().integer("n");
}

using RunImport =
    std::function<Result<capture::ImportReport>(const capture::ImportParts&, capture::ImportSink)>;

// Runs an import with an outbox of its own, and waits until the database has everything.
Result<capture::ImportReport> import_through_outbox(Workspace& workspace, const std::string& source,
                                                    people::Consents consents,
                                                    const RunImport& run) {
  const auto before = count_of(workspace.database(), source);
  if (!before) return fail(before.error());
  const std::string name = "import-" + std::to_string(::getpid());
  const std::string folder = workspace.folder("outbox/" + name);
  auto outbox = store::Outbox::open(posix_files(), folder, workspace.clock());
  if (!outbox) return fail(outbox.error());
  store::Indexer indexer(**outbox, workspace.database(), workspace.clock(),
                         workspace.indexer_options(name));
  indexer.start();
  people::Roster roster(workspace.database(), workspace.clock(), workspace.ids());
  auto report = run({.redactor = workspace.redactor(),
                     .tenant_key = workspace.tenant_key(),
                     .clock = workspace.clock(),
                     .capture_policy = workspace.settings().privacy.capture},
                    capture::outbox_sink(**outbox, roster, consents));
  if (!report) return report;
  const auto last = (*outbox)->status().last_position;
  if (!(*outbox)->wait_for_more(last - 1, std::chrono::minutes(1))) {
    return fail(ErrorCode::kIo, "the disk does not take what was imported; start it again");
  }
  if (auto indexed = indexer.wait_for(last, std::chrono::minutes(30)); !indexed) {
    return fail(indexed.error());
  }
  indexer.stop();
  if (auto closed = (*outbox)->close(); !closed) return fail(closed.error());
  std::error_code ignored;
  std::filesystem::remove_all(folder, ignored);
  const auto after = count_of(workspace.database(), source);
  if (!after) return fail(after.error());
  report->added = *after - *before;
  return report;
}

}  // namespace

Result<capture::ImportReport> import_into(
    Workspace& workspace, const std::string& file, const capture::ImportMap& map,
    const capture::ImportOptions& options, people::Consents consents,
    const std::function<void(const capture::ImportReport&)>& progress) {
  return import_through_outbox(
      workspace, "import:" + (options.source.empty() ? map.name : options.source), consents,
      [&](const capture::ImportParts& parts, capture::ImportSink sink) {
        sink.progress = progress;
        return capture::import_file(file, map, options, parts, sink);
      });
}

capture::TranscriptSignals transcript_signals() {
  auto facts = std::make_shared<feedback::TranscriptFacts>();
  return [facts](const json::object& record) {
    std::vector<capture::ImportedFeedback> signals;
    for (const feedback::ToolFact& fact : facts->read(record)) {
      signals.push_back(capture::ImportedFeedback{
          .kind = fact.kind,
          .by = fact.by,
          .at = fact.at,
          .value = fact.value,
          .final_text = fact.final_text,
          .comment = fact.comment,
          .detail = feedback::detail_of(fact),
          .about = fact.about,
          .key = feedback::fact_key(fact.kind, fact.about.value, fact.part),
          .marks = feedback::marks_of(fact)});
    }
    return signals;
  };
}

Result<capture::ImportReport> import_transcripts_into(
    Workspace& workspace, const capture::TranscriptImport& import,
    const capture::ImportOptions& options, people::Consents consents,
    const std::function<void(const capture::ImportReport&)>& progress) {
  return import_through_outbox(
      workspace, "import:" + (options.source.empty() ? "transcript" : options.source), consents,
      [&](const capture::ImportParts& parts, capture::ImportSink sink) {
        sink.progress = progress;
        sink.known = capture::known_in(workspace.database());
        capture::TranscriptImport own = import;
        own.signals = transcript_signals;
        return capture::import_transcripts(own, options, parts, sink);
      });
}

Result<capture::ImportReport> import_dry(const Settings& settings, const std::string& file,
                                         const capture::ImportMap& map,
                                         const capture::ImportOptions& options,
                                         people::Consents consents,
                                         const std::function<bool(const json::object&)>& show) {
  const auto policy = redaction_policy(settings.privacy);
  if (!policy) return fail(policy.error());
  // Pseudonyms under a key of its own: the workspace's is not made for a look.
  constexpr std::string_view kKey = "dry run";
  auto redactor = privacy::Redactor::create(kKey, *policy);
  if (!redactor) return fail(redactor.error());
  SystemClock clock;
  auto sink = capture::dry_sink(consents);
  sink.show = show;
  return capture::import_file(file, map, options,
                              {.redactor = **redactor,
                               .tenant_key = std::string(kKey),
                               .clock = clock,
                               .capture_policy = settings.privacy.capture},
                              sink);
}

}  // namespace hone::cli
