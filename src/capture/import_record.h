// What the readers of import files make of a line, and the writer that turns it into records. Used
// by the importers only.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "capture/content.h"
#include "capture/import_text.h"
#include "capture/importer.h"

namespace hone::capture {

struct ImportedFeedback {
  std::string kind;
  std::string by = "person";
  Time at{};
  std::optional<double> value = {};
  std::optional<std::string> final_text = {};
  std::optional<std::string> comment = {};
  json::object detail = {};
};

struct ImportedCall {
  std::string key;     // names it within its source: equal keys are the same call
  std::string person;  // as the source calls them
  std::string team;    // empty: that of the options
  std::string tool;
  std::string model;
  bool open_model = false;  // its maker lets anyone train on its answers
  Time at{};
  std::int64_t duration_ms = 0;
  std::int64_t completion_tokens = 0;
  json::object params;
  std::vector<json::object> messages;  // canonical, wire/message.h
  json::object answer;
  std::vector<ImportedFeedback> feedback;
};

class ImportWriter {
 public:
  ImportWriter(const ImportOptions& options, const ImportParts& parts, const ImportSink& sink);

  [[nodiscard]] Result<void> add(const ImportedCall& call);
  void bad_line(std::int64_t line, const Error& error);
  void left_out(std::string_view reason) { ++report_.left_out[std::string(reason)]; }
  void count_line();  // and tells of progress
  [[nodiscard]] ImportReport take_report() { return std::move(report_); }

 private:
  [[nodiscard]] Result<const people::Person*> person(const ImportedCall& call);
  [[nodiscard]] Result<void> add_feedback(const ImportedCall& call, const people::Person& person,
                                          const std::string& interaction, bool with_content);

  const ImportOptions& options_;
  const ImportParts& parts_;
  const ImportSink& sink_;
  Content content_;
  std::map<std::string, people::Person, std::less<>> people_;
  ImportReport report_;
};

// Each reads a whole file. Only a damaged file or a failing sink is an error.
[[nodiscard]] Result<void> read_realhumaneval_chat(ImportFile& file, ImportWriter& writer);
[[nodiscard]] Result<void> read_cups_copilot(ImportFile& file, ImportWriter& writer);
[[nodiscard]] Result<void> read_preference_jsonl(ImportFile& file, ImportWriter& writer);
[[nodiscard]] Result<void> read_chat_jsonl(ImportFile& file, ImportWriter& writer);

// Calls `read` with each line that is a JSON object. What it refuses with kInvalid is a bad line;
// any other failure ends the file.
[[nodiscard]] Result<void> read_json_lines(
    ImportFile& file, ImportWriter& writer,
    const std::function<Result<void>(const json::object& line)>& read);

// By its name, in any case: Llama, CodeLlama, SmolLM, OLMo and the like are open, all others are
// not.
[[nodiscard]] bool is_open_model(std::string_view model);

}  // namespace hone::capture
