// hone import FILE --map MAP: interactions and feedback from elsewhere, into the same tables as
// live traffic and by the same path. --guess proposes the map, --dry-run shows what it would do.
// hone import transcript PATH: the sessions that Claude Code and Codex wrote down.
#include <iostream>

#include "capture/import_guess.h"
#include "capture/importer.h"
#include "cli/command.h"
#include "cli/importing.h"

namespace hone::cli {
namespace {

struct ImportCommand {
  std::string file;
  std::string map;
  capture::ImportOptions options;
  bool no_train = false;
  bool guess = false;
  int dry_run = -1;  // how many records to show; below 0: not a dry run
};

Result<void> report_on(const Invocation& call, const capture::ImportReport& report) {
  if (!call.json) {
    for (const auto& error : report.errors) remark(error);
  }
  show(call, capture::to_json(report));
  if (report.ended_early) {
    return fail(ErrorCode::kCorrupt, "only what came before is imported: " + *report.ended_early);
  }
  return {};
}

void tell_progress(const capture::ImportReport& so_far) {
  remark(std::to_string(so_far.records) + " records, " + std::to_string(so_far.interactions) +
         " interactions");
}

Result<void> guess(const ImportCommand& command) {
  auto map = capture::guess_import_map(command.file);
  if (!map) return fail(map.error());
  std::cout << *map;
  return {};
}

Result<capture::ImportReport> try_out(const Invocation& call, const ImportCommand& command,
                                      const capture::ImportMap& map, people::Consents consents) {
  const auto settings = call.settings();
  if (!settings) return fail(settings.error());
  int shown = 0;
  return import_dry(*settings, command.file, map, command.options, consents,
                    [&](const json::object& record) {
                      if (shown++ >= command.dry_run) return false;
                      remark(json::serialize(record));
                      return true;
                    });
}

Result<capture::ImportReport> import_all(const Invocation& call, const ImportCommand& command,
                                         const capture::ImportMap& map, people::Consents consents) {
  auto workspace = call.open();
  if (!workspace) return fail(workspace.error());
  return import_into(**workspace, command.file, map, command.options, consents, tell_progress);
}

struct TranscriptCommand {
  capture::TranscriptImport import;
  capture::ImportOptions options;
  bool no_train = false;
};

Result<void> import_sessions(const Invocation& call, const TranscriptCommand& command) {
  capture::TranscriptImport import = command.import;
  if (import.person.empty()) import.person = variable_or_empty("USER");
  if (import.person.empty()) {
    return fail(ErrorCode::kInvalid, "whose sessions are these? Say --person NAME");
  }
  auto workspace = call.open();
  if (!workspace) return fail(workspace.error());
  const auto report =
      import_transcripts_into(**workspace, import, command.options,
                              {.capture = true, .train = !command.no_train}, tell_progress);
  if (!report) return fail(report.error());
  return report_on(call, *report);
}

Result<void> import(const Invocation& call, const ImportCommand& command) {
  if (command.file.empty()) {
    return fail(ErrorCode::kInvalid,
                "name a file: hone import FILE --map MAP, or hone import transcript PATH");
  }
  if (command.guess) return guess(command);
  if (command.map.empty()) {
    return fail(ErrorCode::kInvalid,
                "--map is missing: the name of a map that ships or a file MAP.toml; `hone import "
                "--guess FILE` proposes one");
  }
  const auto map = capture::load_import_map(command.map);
  if (!map) return fail(map.error());
  const people::Consents consents{.capture = true, .train = !command.no_train};
  auto report = command.dry_run >= 0 ? try_out(call, command, *map, consents)
                                     : import_all(call, command, *map, consents);
  if (!report) return fail(report.error());
  return report_on(call, *report);
}

void add_transcript(CLI::App& import_command, Invocation& call) {
  auto command = std::make_shared<TranscriptCommand>();
  auto* sub = import_command.add_subcommand(
      "transcript",
      "sessions that Claude Code (~/.claude/projects) and Codex (~/.codex/sessions) wrote down: "
      "interactions, and what became of each tool call");
  sub->add_option("path", command->import.path, "a file, or a folder with all *.jsonl in it")
      ->required();
  sub->add_option("--person", command->import.person, "whose they are (default: $USER)");
  sub->add_option("--source", command->options.source, "name of it in ids and records");
  sub->add_option("--team", command->options.team, "of the person, where new");
  sub->add_option("--alias", command->options.alias, "as if this had been asked for");
  sub->add_flag("--trainable", command->options.trainable,
                "its answers may be trained on, whatever model gave them");
  sub->add_flag("--no-train", command->no_train, "the person has not agreed to training");
  sub->callback([&call, command] {
    call.action = [&call, command] { return import_sessions(call, *command); };
  });
}

}  // namespace

void add_import(CLI::App& app, Invocation& call) {
  auto command = std::make_shared<ImportCommand>();
  std::string names;
  for (const auto name : capture::shipped_import_maps()) {
    names += (names.empty() ? "" : ", ") + std::string(name);
  }
  auto* import_command = app.add_subcommand("import", "interactions and feedback from a file");
  import_command->add_option("file", command->file, "CSV, TSV, JSON or JSONL; plain, gzip or zstd");
  import_command->add_option("--map", command->map,
                             "what its fields are: a file MAP.toml, or one that ships: " + names);
  import_command->add_flag("--guess", command->guess, "print a map for it, to be corrected");
  import_command
      ->add_option("--dry-run", command->dry_run,
                   "write nothing; show the first N records as they would be stored (5), and the "
                   "counts of all")
      ->expected(0, 1)
      ->default_str("5");
  import_command->add_option("--join", command->options.join,
                             "the second file of a map that joins two");
  import_command->add_option("--source", command->options.source, "name of it in ids and records");
  import_command->add_option("--team", command->options.team, "of its people");
  import_command->add_option("--alias", command->options.alias, "as if this had been asked for");
  import_command->add_flag("--trainable", command->options.trainable,
                           "its answers may be trained on, whatever model gave them");
  import_command->add_flag("--no-train", command->no_train,
                           "its people have not agreed to training");
  add_transcript(*import_command, call);
  // The callback of the command above runs last.
  import_command->callback([&call, command, import_command] {
    if (import_command->got_subcommand("transcript")) return;
    call.action = [&call, command] { return import(call, *command); };
  });
}

}  // namespace hone::cli
