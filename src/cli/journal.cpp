#include "cli/journal.h"

#include <algorithm>
#include <filesystem>

#include "base/file.h"
#include "base/log.h"

namespace hone::cli {
namespace {

constexpr std::string_view kFirst = "main";
constexpr int kMost = 8;  // servers that still end what they began, and one that serves
constexpr std::uint64_t kMostSegmentBytes = 64U << 20;

std::string numbered(int number) {
  return std::string(kFirst) + (number == 1 ? "" : "-" + std::to_string(number));
}

Result<std::string> first_free(const Workspace& workspace) {
  for (int number = 1; number <= kMost; ++number) {
    if (!is_held(workspace, numbered(number))) return numbered(number);
  }
  return fail(ErrorCode::kUnavailable,
              "too many servers before this one still end what they began; try again later");
}

Result<std::string> first_if_alone(const Workspace& workspace) {
  for (int number = 1; number <= kMost; ++number) {
    if (!is_held(workspace, numbered(number))) continue;
    return fail(ErrorCode::kUnavailable,
                workspace.folder("outbox/" + numbered(number)) +
                    " is held by another process: a hone serve works on this data folder. End it "
                    "first, or have it give way to a new one (kill -USR2)");
  }
  return std::string(kFirst);
}

}  // namespace

bool is_servers_journal(std::string_view name) {
  return name == kFirst || name.starts_with(std::string(kFirst) + "-");
}

bool is_held(const Workspace& workspace, std::string_view name) {
  const std::string folder = workspace.folder("outbox/" + std::string(name));
  const auto lock = posix_files().lock(folder + "/lock");
  return !lock && lock.error().code == ErrorCode::kUnavailable;
}

// Small enough that room is made again before the bound is reached: only whole segments go.
store::OutboxOptions outbox_options(const CaptureSettings& settings) {
  store::OutboxOptions options;
  options.max_total_bytes = settings.outbox_limit_bytes;
  options.segment_bytes = std::min(kMostSegmentBytes, settings.outbox_limit_bytes / 8);
  return options;
}

Result<Journal> open_journal(Workspace& workspace, const std::string& name,
                             store::Database& database, const store::OutboxOptions& options) {
  Journal journal{.name = name};
  const std::string folder = workspace.folder("outbox/" + name);
  auto outbox = store::Outbox::open(posix_files(), folder, workspace.clock(), options);
  if (!outbox) return fail(outbox.error());
  journal.outbox = std::move(*outbox);
  auto calls = store::InFlight::open(posix_files(), folder + "/in-flight");
  if (!calls) return fail(calls.error());
  journal.in_flight = std::move(*calls);
  const auto cut_off = store::move_left(*journal.in_flight, *journal.outbox);
  // Where there is no room for them the calls that were cut off keep their places, and are told at
  // the next opening, when the index has made some.
  if (!cut_off && cut_off.error().code != ErrorCode::kUnavailable) return fail(cut_off.error());
  auto indexing = workspace.indexer_options(name);
  indexing.cut_off_up_to = cut_off.value_or(0);
  journal.indexer = std::make_unique<store::Indexer>(*journal.outbox, database, workspace.clock(),
                                                     std::move(indexing));
  return journal;
}

Result<Journal> open_own_journal(Workspace& workspace, store::Database& database,
                                 const store::OutboxOptions& options, bool succeeds) {
  const auto name = succeeds ? first_free(workspace) : first_if_alone(workspace);
  if (!name) return fail(name.error());
  return open_journal(workspace, *name, database, options);
}

Result<void> adopt_commands(Workspace& workspace) {
  auto names = posix_files().list(workspace.folder("outbox"));
  if (!names) return {};  // none yet
  for (const auto& name : *names) {
    if (is_servers_journal(name)) continue;
    const std::string folder = workspace.folder("outbox/" + name);
    auto outbox = store::Outbox::open(posix_files(), folder, workspace.clock());
    if (!outbox) continue;  // its command is still running
    store::Indexer indexer(**outbox, workspace.database(), workspace.clock(),
                           workspace.indexer_options(name));
    if (auto indexed = indexer.run_until_idle(); !indexed) return indexed;
    if (auto closed = (*outbox)->close(); !closed) return closed;
    std::error_code ignored;
    std::filesystem::remove_all(folder, ignored);
    spdlog::info("took over what the interrupted '{}' had recorded", name);
  }
  return {};
}

}  // namespace hone::cli
