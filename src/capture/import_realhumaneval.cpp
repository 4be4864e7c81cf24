// RealHumanEval's chat log (Mozannar et al. 2024, "The RealHumanEval", CC0): programmers who solve
// tasks with a chat assistant. A row is one request with its response; a copy (by the button or by
// hand) is the signal. That nothing was copied says nothing: many questions are answered by
// reading. Times are seconds since the session began; they are laid on the first day of the study's
// year.
#include <array>
#include <charconv>

#include "capture/import_record.h"
#include "wire/call.h"
#include "wire/message.h"

namespace hone::capture {
namespace {

constexpr std::array<std::string_view, 8> kColumns = {"request",  "response",      "copy_events",
                                                      "logprobs", "programmer_id", "timestamp",
                                                      "model",    "task_name"};
enum Column { kRequest, kResponse, kCopyEvents, kLogprobs, kProgrammer, kTimestamp, kModel, kTask };

using Row = std::vector<std::string>;

// Where each column stands in this file.
Result<std::array<std::size_t, kColumns.size()>> find_columns(const Row& header) {
  std::array<std::size_t, kColumns.size()> places{};
  for (std::size_t i = 0; i < kColumns.size(); ++i) {
    const auto found = std::find(header.begin(), header.end(), kColumns.at(i));
    if (found == header.end()) {
      return fail(ErrorCode::kInvalid, "column '" + std::string(kColumns.at(i)) + "' is missing");
    }
    places.at(i) = static_cast<std::size_t>(found - header.begin());
  }
  return places;
}

Result<json::value> read_literal(std::string_view column, const std::string& text) {
  auto value = parse_python_literal(text);
  if (!value) return fail(value.error().with("column '" + std::string(column) + "'"));
  return value;
}

Result<std::vector<json::object>> read_messages(const std::string& text) {
  auto request = read_literal("request", text);
  if (!request) return fail(request.error());
  if (!request->is_array() || request->get_array().empty()) {
    return fail(ErrorCode::kInvalid, "column 'request' holds no message");
  }
  auto call = wire::read_call(wire::Format::kOpenAIChat,
                              {{"model", ""}, {"messages", std::move(*request)}});
  if (!call) return fail(call.error().with("column 'request'"));
  return std::move(call->messages);
}

Result<void> add_copies(const std::string& text, ImportedCall& call) {
  const auto events = read_literal("copy_events", text);
  if (!events) return fail(events.error());
  if (!events->is_array()) return fail(ErrorCode::kInvalid, "column 'copy_events' holds no list");
  for (const json::value& event : events->get_array()) {
    if (!event.is_object()) return fail(ErrorCode::kInvalid, "column 'copy_events' holds no dicts");
    const json::object& object = event.get_object();
    ImportedFeedback copied{.kind = "copied", .at = call.at};
    copied.detail = {{"how", string_or_empty(object, "type")},
                     {"copied", string_or_empty(object, "copied")}};
    call.feedback.push_back(std::move(copied));
  }
  return {};
}

Result<ImportedCall> read_row(const Row& row,
                              const std::array<std::size_t, kColumns.size()>& places,
                              std::size_t width) {
  if (row.size() != width) {
    return fail(ErrorCode::kInvalid, std::to_string(row.size()) + " fields where the header has " +
                                         std::to_string(width));
  }
  const auto field = [&](Column column) -> const std::string& { return row[places.at(column)]; };
  double seconds = 0;
  const std::string& stamp = field(kTimestamp);
  const auto number = std::from_chars(stamp.data(), stamp.data() + stamp.size(), seconds);
  if (number.ec != std::errc() || number.ptr != stamp.data() + stamp.size() || seconds < 0 ||
      seconds > 1e9) {
    return fail(ErrorCode::kInvalid, "column 'timestamp' must be seconds");
  }
  if (field(kProgrammer).empty())
    return fail(ErrorCode::kInvalid, "column 'programmer_id' is empty");
  auto messages = read_messages(field(kRequest));
  if (!messages) return fail(messages.error());
  ImportedCall call;
  call.person = "realhumaneval-" + field(kProgrammer);
  call.tool = "chat";
  call.model = field(kModel);
  call.open_model = is_open_model(call.model);
  constexpr std::int64_t kStudyYear = 1'704'067'200'000;  // 2024-01-01
  call.at = from_millis(kStudyYear + static_cast<std::int64_t>(seconds * 1000));
  call.key = field(kProgrammer) + "/" + stamp;
  call.messages = std::move(*messages);
  call.answer = wire::text_message("assistant", field(kResponse));
  call.params = {{"task", field(kTask)}};
  const auto logprobs = read_literal("logprobs", field(kLogprobs));
  if (!logprobs) return fail(logprobs.error());
  if (const auto* object = logprobs->if_object(); object != nullptr && object->contains("mean")) {
    call.params["mean_logprob"] = object->at("mean");
  }
  if (auto added = add_copies(field(kCopyEvents), call); !added) return fail(added.error());
  return call;
}

}  // namespace

Result<void> read_realhumaneval_chat(ImportFile& file, ImportWriter& writer) {
  const auto header = file.next_row();
  if (!header) return fail(header.error());
  if (!*header) return fail(ErrorCode::kInvalid, "the file is empty");
  const auto places = find_columns(**header);
  if (!places) return fail(places.error());
  for (;;) {
    const auto row = file.next_row();
    if (!row && row.error().code == ErrorCode::kCorrupt) return fail(row.error());
    if (row && !*row) return {};
    writer.count_line();
    const auto call =
        row ? read_row(**row, *places, (*header)->size()) : Result<ImportedCall>(fail(row.error()));
    if (!call) {
      writer.bad_line(file.line_number(), call.error());
      continue;
    }
    if (auto added = writer.add(*call); !added) return added;
  }
}

}  // namespace hone::capture
