// hone redact FILE: the text as it would be stored, under this data folder's key and the settings'
// policy. Nothing is recorded.
#include <algorithm>
#include <fstream>
#include <iostream>

#include "cli/command.h"
#include "privacy/redactor.h"

namespace hone::cli {
namespace {

struct RedactCommand {
  std::string file;  // "-": standard input
  bool explain = false;
  bool lines = false;
};

json::object row_of(const privacy::Replaced& one) {
  const auto& finding = one.finding;
  return {{"type", privacy::name(finding.type)},
          {"begin", finding.begin},
          {"end", finding.end},
          {"rule", finding.rule},
          {"reason", finding.reason},
          {"pseudonym", one.pseudonym}};
}

// Findings with the line and column (in bytes) where each begins.
json::array rows_of(std::string_view text, const privacy::Redaction& redaction) {
  json::array rows;
  std::size_t line = 1;
  std::size_t line_begin = 0;
  for (const privacy::Replaced& one : redaction.replaced) {
    for (std::size_t end; (end = text.find('\n', line_begin)) < one.finding.begin; ++line) {
      line_begin = end + 1;
    }
    json::object row = row_of(one);
    row["line"] = line;
    row["column"] = one.finding.begin - line_begin + 1;
    rows.push_back(std::move(row));
  }
  return rows;
}

std::string read_all(std::istream& input) {
  std::string text;
  std::vector<char> block(1U << 20);
  while (input.read(block.data(), static_cast<std::streamsize>(block.size())) ||
         input.gcount() > 0) {
    text.append(block.data(), static_cast<std::size_t>(input.gcount()));
  }
  return text;
}

Result<void> redact_whole(const Invocation& call, const privacy::Redactor& redactor,
                          const RedactCommand& command, std::istream& input) {
  const std::string text = read_all(input);
  if (input.bad()) return fail(ErrorCode::kIo, command.file + " could not be read");
  const auto redaction = redactor.explain(text);
  if (!redaction) return fail(redaction.error().with(command.file));
  if (command.explain) {
    show(call, rows_of(text, *redaction),
         {"line", "column", "type", "begin", "end", "rule", "reason", "pseudonym"});
  } else {
    std::cout.write(redaction->text.data(), static_cast<std::streamsize>(redaction->text.size()));
  }
  return {};
}

Result<json::object> redact_line(const privacy::Redactor& redactor, const RedactCommand& command,
                                 std::string_view line) {
  const auto object = parse_json_object(line);
  if (!object) return fail(object.error());
  const auto text = field<std::string>(*object, "text");
  if (!text) return fail(text.error());
  auto redaction = redactor.explain(*text);
  if (!redaction) return fail(redaction.error());
  json::object row{{"text", redaction->text}};
  if (command.explain) {
    json::array findings;
    for (const auto& one : redaction->replaced) findings.push_back(row_of(one));
    row["findings"] = std::move(findings);
  }
  return row;
}

// What is good of the lines is printed, whatever the others are.
Result<void> redact_lines(const privacy::Redactor& redactor, const RedactCommand& command,
                          std::istream& input) {
  std::size_t number = 0;
  std::optional<Error> first;
  for (std::string line; std::getline(input, line);) {
    ++number;
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    const auto row = redact_line(redactor, command, line);
    if (row) {
      std::cout << json::serialize(*row) << '\n';
      continue;
    }
    const Error error = row.error().with(command.file + ": line " + std::to_string(number));
    if (!first) first = error;
    remark(error.message);
  }
  if (input.bad()) return fail(ErrorCode::kIo, command.file + " could not be read");
  if (first) return fail(first->code, "some lines were left out; the first: " + first->message);
  return {};
}

Result<void> redact(const Invocation& call, const RedactCommand& command) {
  const auto settings = call.settings();
  if (!settings) return fail(settings.error());
  const auto redactor = open_redactor(*settings);
  if (!redactor) return fail(redactor.error());
  std::ifstream file;
  if (command.file != "-") {
    file.open(command.file, std::ios::binary);
    if (!file) return fail(ErrorCode::kNotFound, "there is no file " + command.file + " to read");
  }
  std::istream& input = command.file == "-" ? std::cin : file;
  std::ios::sync_with_stdio(false);
  auto done = command.lines ? redact_lines(**redactor, command, input)
                            : redact_whole(call, **redactor, command, input);
  std::cout.flush();
  if (done && !std::cout) return fail(ErrorCode::kIo, "standard output could not be written");
  return done;
}

}  // namespace

void add_redact(CLI::App& app, Invocation& call) {
  auto command = std::make_shared<RedactCommand>();
  auto* redact_command = app.add_subcommand("redact", "a text as it would be stored");
  redact_command->add_option("file", command->file, "to read; - for standard input")->required();
  redact_command->add_flag("--explain", command->explain,
                           "each finding instead of the text: type, place, rule and reason");
  redact_command->add_flag("--jsonl", command->lines,
                           "one JSON object a line, in and out: its field text, redacted");
  redact_command->callback(
      [&call, command] { call.action = [&call, command] { return redact(call, *command); }; });
}

}  // namespace hone::cli
