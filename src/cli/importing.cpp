#include "cli/importing.h"

#include <unistd.h>

#include <filesystem>

#include "base/file.h"
#include "people/roster.h"

namespace hone::cli {

Result<capture::ImportReport> import_into(
    Workspace& workspace, const std::string& file, capture::ImportFormat format,
    const capture::ImportOptions& options, people::Consents consents,
    const std::function<void(const capture::ImportReport&)>& progress) {
  const std::string name = "import-" + std::to_string(::getpid());
  const std::string folder = workspace.folder("outbox/" + name);
  auto outbox = store::Outbox::open(posix_files(), folder, workspace.clock());
  if (!outbox) return fail(outbox.error());
  store::Indexer indexer(**outbox, workspace.database(), workspace.clock(),
                         workspace.indexer_options(name));
  indexer.start();
  people::Roster roster(workspace.database(), workspace.clock(), workspace.ids());
  auto sink = capture::outbox_sink(**outbox, roster, consents);
  sink.progress = progress;
  auto report = capture::import_file(file, format, options,
                                     {.redactor = workspace.redactor(),
                                      .tenant_key = workspace.tenant_key(),
                                      .clock = workspace.clock(),
                                      .capture_policy = workspace.settings().privacy.capture},
                                     sink);
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
  return report;
}

}  // namespace hone::cli
