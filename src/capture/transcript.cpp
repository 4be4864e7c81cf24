#include "capture/transcript.h"

#include <algorithm>
#include <filesystem>

#include "capture/import_records.h"
#include "capture/transcript_reader.h"
#include "wire/message.h"

namespace hone::capture {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostFiles = 100'000;
constexpr std::size_t kTranscriptBytes = 256U << 20;
constexpr std::size_t kMostUnknown = 32;  // types of records that are counted by their names
constexpr std::size_t kHandleBytes = 512;
constexpr std::size_t kHandleCalls = 64;
constexpr std::int64_t kMostTokens = 1'000'000'000;

Result<std::vector<std::string>> transcript_files(const std::string& path) {
  std::error_code error;
  const auto status = fs::status(path, error);
  if (error || status.type() == fs::file_type::not_found) {
    return fail(ErrorCode::kNotFound, path + ": there is no such file or folder");
  }
  if (status.type() != fs::file_type::directory) return std::vector<std::string>{path};
  std::vector<std::string> files;
  const auto skip = fs::directory_options::skip_permission_denied;
  for (fs::recursive_directory_iterator at(path, skip, error), end; !error && at != end;
       at.increment(error)) {
    if (at->path().extension() != ".jsonl" || !at->is_regular_file(error)) continue;
    files.push_back(at->path().string());
    if (files.size() > kMostFiles) {
      return fail(ErrorCode::kTooLarge,
                  path + " has over 100,000 transcripts; import its folders one by one");
    }
  }
  if (error) return fail(ErrorCode::kIo, path + ": " + error.message());
  if (files.empty()) {
    return fail(ErrorCode::kNotFound, path + ": no transcript (*.jsonl) is in this folder");
  }
  std::ranges::sort(files);
  return files;
}

// As the gateway's labels: a type comes from the file.
std::string type_name(const json::object& record) {
  std::string name;
  for (const char c : string_or_empty(record, "type").substr(0, 40)) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    name += plain || c == '-' || c == '_' ? c : '.';
  }
  return name.empty() ? "untyped" : name;
}

// Reads one file. What is wrong with it ends it and no other.
class TranscriptFile {
 public:
  TranscriptFile(const TranscriptImport& import, std::vector<std::string>& unknown,
                 ImportWriter& writer)
      : import_(import),
        unknown_(unknown),
        writer_(writer),
        signals_(import.signals ? import.signals() : nullptr) {}

  // Whether it is a transcript at all.
  Result<bool> read(const std::string& path) {
    FileShape shape;
    shape.format = "jsonl";
    shape.max_record_mib = 32;
    auto records = open_records(path, shape);
    if (!records) {
      writer_.malformed(records.error());
      return false;
    }
    for (;;) {
      auto record = (*records)->next();
      if (record && !*record) break;
      writer_.begin_record((*records)->line());
      if (!record) {
        writer_.malformed(record.error());
        if ((*records)->may_go_on()) continue;
        break;
      }
      kept_bytes_ += json::serialize(**record).size();
      if (kept_bytes_ > kTranscriptBytes) {
        writer_.malformed(
            {ErrorCode::kTooLarge, "what follows is left out: a transcript is read up to 256 MiB"});
        break;
      }
      if (auto done = take(**record); !done) return fail(done.error());
    }
    while (reader_ != nullptr) {
      auto call = reader_->next(writer_);
      if (!call) break;
      call->person = import_.person;
      call->trainable = writer_.options().trainable || is_open_model(call->model);
      if (auto added = writer_.add(*call); !added) return fail(added.error());
    }
    return known_;
  }

 private:
  Result<void> take(const json::object& record) {
    if (reader_ == nullptr) {
      reader_ = record.contains("payload") ? read_codex_transcript() : read_claude_transcript();
    }
    if (!reader_->read(record)) {
      note_unknown(type_name(record));
      return {};
    }
    known_ = true;
    if (!signals_) return {};
    const auto found = signals_(record);
    if (found.empty()) return {};
    return writer_.add_feedback(import_.person, "transcript:" + std::string(reader_->tool()),
                                found);
  }

  void note_unknown(const std::string& type) {
    const std::string reason = "unknown:" + type;
    if (std::ranges::find(unknown_, reason) != unknown_.end()) return writer_.left_out(reason);
    if (unknown_.size() >= kMostUnknown) return writer_.left_out("unknown:others");
    unknown_.push_back(reason);
    writer_.left_out(reason);
    writer_.remark("records of the type '" + type + "' are not known, and left out");
  }

  const TranscriptImport& import_;
  std::vector<std::string>& unknown_;
  ImportWriter& writer_;
  TranscriptSignals signals_;
  std::unique_ptr<TranscriptReader> reader_;
  std::size_t kept_bytes_ = 0;
  bool known_ = false;
};

}  // namespace

const json::object& transcript_object(const json::object& object, std::string_view name) {
  static const json::object kNone;
  const auto* value = object.if_contains(name);
  return value != nullptr && value->is_object() ? value->get_object() : kNone;
}

std::int64_t transcript_count(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  if (value == nullptr || !value->is_int64()) return 0;
  return std::clamp<std::int64_t>(value->get_int64(), 0, kMostTokens);
}

Time transcript_time(const json::object& record, Time otherwise) {
  const auto text = string_or_empty(record, "timestamp");
  if (text.empty() || text.size() > 64) return otherwise;
  return parse_time(text).value_or(otherwise);
}

json::object transcript_answer(std::vector<json::object> messages) {
  const auto said = std::ranges::find_if(
      messages, [](const json::object& one) { return wire::role_of(one) == "assistant"; });
  return said == messages.end() ? json::object() : std::move(*said);
}

void add_transcript_handles(std::string_view session, std::string_view response,
                            const json::object& answer, ImportedCall& call) {
  if (!session.empty()) call.handles.push_back({"session", std::string(session)});
  if (!response.empty() && response.size() <= kHandleBytes) {
    call.handles.push_back({"response", std::string(response)});
  }
  std::size_t calls = 0;
  for (const json::value& part : wire::content_of(answer)) {
    const auto* object = part.if_object();
    if (object == nullptr || string_or_empty(*object, "type") != "tool_call") continue;
    const auto id = string_or_empty(*object, "id");
    if (id.empty() || id.size() > kHandleBytes || ++calls > kHandleCalls) continue;
    call.handles.push_back({"tool_call", std::string(id)});
  }
}

Result<ImportReport> import_transcripts(const TranscriptImport& import,
                                        const ImportOptions& options, const ImportParts& parts,
                                        const ImportSink& sink) {
  const auto files = transcript_files(import.path);
  if (!files) return fail(files.error());
  ImportOptions complete = options;
  if (complete.source.empty()) complete.source = "transcript";
  if (complete.team.empty()) complete.team = complete.source;
  ImportWriter writer(complete, parts, sink);
  std::vector<std::string> unknown;
  bool any = false;
  for (const std::string& path : *files) {
    writer.begin_file(fs::path(path).filename().string());
    const auto known = TranscriptFile(import, unknown, writer).read(path);
    if (!known) return fail(known.error().with(path));
    any = any || *known;
  }
  if (!any) {
    return fail(ErrorCode::kInvalid,
                import.path +
                    ": no transcript of Claude Code or Codex; for other files there is "
                    "`hone import FILE --map MAP`");
  }
  return writer.take_report();
}

}  // namespace hone::capture
