// One tool's way of writing a transcript. Records are read one after the other, and the calls come
// out at the end: a context may only be known then. Used by capture/transcript.cpp only.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "capture/import_record.h"

namespace hone::capture {

class TranscriptReader {
 public:
  virtual ~TranscriptReader() = default;
  // False for a record of a type that is not known.
  [[nodiscard]] virtual bool read(const json::object& record) = 0;
  [[nodiscard]] virtual std::string_view tool() const = 0;
  // The next call, in the order of the file; nothing at the end. Its context belongs to the reader,
  // which reads no more records from the first call on. Reasons for what is left out go to the
  // writer.
  [[nodiscard]] virtual std::optional<ImportedCall> next(ImportWriter& writer) = 0;
};

[[nodiscard]] std::unique_ptr<TranscriptReader> read_claude_transcript();
[[nodiscard]] std::unique_ptr<TranscriptReader> read_codex_transcript();

// Reads without complaint.
[[nodiscard]] const json::object& transcript_object(const json::object& object,
                                                    std::string_view name);
[[nodiscard]] std::int64_t transcript_count(const json::object& object, std::string_view name);
// The time of a record, or `otherwise`.
[[nodiscard]] Time transcript_time(const json::object& record, Time otherwise);
// Of messages that were read out of a model's own words: the model's. Empty where a broken file has
// none.
[[nodiscard]] json::object transcript_answer(std::vector<json::object> messages);
// At most 64 tool calls and the response, as handles.
void add_transcript_handles(std::string_view session, std::string_view response,
                            const json::object& answer, ImportedCall& call);

}  // namespace hone::capture
