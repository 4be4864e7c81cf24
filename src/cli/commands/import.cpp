// hone import FILE --format F: interactions and feedback from elsewhere, into the same tables as
// live traffic and by the same path.
#include <unistd.h>

#include <filesystem>

#include "capture/importer.h"
#include "cli/command.h"
#include "cli/importing.h"

namespace hone::cli {
namespace {

struct ImportCommand {
  std::string file;
  std::string format;
  capture::ImportOptions options;
  bool no_train = false;
};

json::object to_json(const capture::ImportReport& report) {
  json::object feedback;
  for (const auto& [kind, count] : report.feedback) feedback[kind] = count;
  json::object left_out;
  for (const auto& [reason, count] : report.left_out) left_out[reason] = count;
  json::array errors;
  for (const auto& error : report.errors) errors.push_back(json::string(error));
  return {{"lines", report.lines},
          {"people", report.people},
          {"interactions", report.interactions},
          {"trainable", report.trainable},
          {"feedback", std::move(feedback)},
          {"left_out", std::move(left_out)},
          {"bad_lines", report.bad_lines},
          {"errors", std::move(errors)}};
}

Result<void> import(const Invocation& call, const ImportCommand& command) {
  auto format = capture::parse_import_format(command.format);
  if (!format) return fail(format.error());
  auto workspace = call.open();
  if (!workspace) return fail(workspace.error());
  auto report = import_into(**workspace, command.file, *format, command.options,
                            {.capture = true, .train = !command.no_train},
                            [](const capture::ImportReport& so_far) {
                              remark(std::to_string(so_far.lines) + " lines, " +
                                     std::to_string(so_far.interactions) + " interactions");
                            });
  if (!report) return fail(report.error());
  if (!call.json) {
    for (const auto& error : report->errors) remark(error);
  }
  show(call, to_json(*report));
  return {};
}

}  // namespace

void add_import(CLI::App& app, Invocation& call) {
  auto command = std::make_shared<ImportCommand>();
  auto* import_command = app.add_subcommand("import", "interactions and feedback from a file");
  import_command->add_option("file", command->file, "plain or gzip-compressed")->required();
  import_command
      ->add_option("--format", command->format,
                   "realhumaneval-chat, cups-copilot, preference-jsonl, chat-jsonl")
      ->required();
  import_command->add_option("--source", command->options.source, "name of it in ids and records");
  import_command->add_option("--team", command->options.team, "of its people");
  import_command->add_option("--alias", command->options.alias, "as if this had been asked for");
  import_command->add_flag("--trainable", command->options.trainable,
                           "its answers may be trained on, whatever model gave them");
  import_command->add_flag("--no-train", command->no_train,
                           "its people have not agreed to training");
  import_command->callback(
      [&call, command] { call.action = [&call, command] { return import(call, *command); }; });
}

}  // namespace hone::cli
