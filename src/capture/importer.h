// Brings what was recorded elsewhere into the same tables as live traffic, by the same path:
// redaction, conversation tree, outbox. Each source's reading (what counts as accepted, rejected,
// edited) is in its own file and in docs/formats/import.md. A bad line is named, counted and passed
// over; good lines are kept. Ids are derived from the source's own names, so that the same file
// twice is stored once.
//
//   auto report = import_file("events.jsonl.gz", ImportFormat::kCupsCopilot, options, parts, sink);
//
// Files ending in anything may be gzip-compressed or plain. Blocking; memory holds one record at a
// time.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "people/capture_policy.h"
#include "people/roster.h"
#include "privacy/redactor.h"
#include "store/records.h"

namespace hone::store {
class Outbox;
}

namespace hone::capture {

enum class ImportFormat { kRealHumanEvalChat, kCupsCopilot, kPreferenceJsonl, kChatJsonl };

// "realhumaneval-chat", "cups-copilot", "preference-jsonl", "chat-jsonl".
[[nodiscard]] std::string_view name(ImportFormat format);
[[nodiscard]] Result<ImportFormat> parse_import_format(std::string_view text);

struct ImportOptions {
  std::string source;      // names the import in ids and records; the format's name where empty
  std::string team;        // of its people; the source where empty
  std::string alias;       // as if this had been asked for
  bool trainable = false;  // whatever model gave the answers
};

struct ImportReport {
  std::int64_t lines = 0;  // rows or lines read, without a header
  std::int64_t people = 0;
  std::int64_t interactions = 0;
  std::int64_t trainable = 0;                    // of the interactions
  std::map<std::string, std::int64_t> feedback;  // by kind
  std::map<std::string, std::int64_t> left_out;  // good lines that are no interaction, by reason
  std::int64_t bad_lines = 0;
  std::vector<std::string> errors;  // "line 17: field 'chosen' is missing"; the first hundred
};

// Where records go. A failure of any ends the import.
struct ImportSink {
  std::function<Result<people::Person>(std::string_view name, std::string_view team)> person;
  std::function<Result<void>(const store::Interaction&)> interaction;
  std::function<Result<void>(const store::Feedback&)> feedback;
  std::function<void(const ImportReport&)> progress = {};  // now and then
};

struct ImportParts {
  const privacy::Redactor& redactor;
  std::string tenant_key;
  Clock& clock;
  people::CapturePolicy capture_policy = {};
};

[[nodiscard]] Result<ImportReport> import_file(const std::string& path, ImportFormat format,
                                               const ImportOptions& options,
                                               const ImportParts& parts, const ImportSink& sink);

// A sink that makes people in the database and appends the rest to the outbox; both must outlive
// it. Consents of people it has to make: capture, and train as said.
[[nodiscard]] ImportSink outbox_sink(store::Outbox& outbox, people::Roster& roster,
                                     people::Consents consents);

}  // namespace hone::capture
