#include "capture/import_record.h"

#include <algorithm>
#include <array>

namespace hone::capture {
namespace {

constexpr std::size_t kMaxErrors = 100;
constexpr std::int64_t kProgressEvery = 500;
constexpr std::size_t kKnownNodes = 200'000;

Result<std::optional<std::string>> redact(const privacy::Redactor& redactor,
                                          const std::optional<std::string>& text) {
  if (!text) return std::optional<std::string>();
  auto redacted = redactor.redact(*text);
  if (!redacted) return fail(redacted.error());
  return std::optional<std::string>(std::move(*redacted));
}

}  // namespace

ImportWriter::ImportWriter(const ImportOptions& options, const ImportParts& parts,
                           const ImportSink& sink)
    : options_(options),
      parts_(parts),
      sink_(sink),
      content_(parts.redactor, parts.tenant_key, kKnownNodes) {}

Result<const people::Person*> ImportWriter::person(const ImportedCall& call) {
  const std::string& team = call.team.empty() ? options_.team : call.team;
  const auto known = people_.find(call.person);
  if (known != people_.end()) return &known->second;
  auto found = sink_.person(call.person, team);
  if (!found) return fail(found.error());
  ++report_.people;
  return &people_.emplace(call.person, std::move(*found)).first->second;
}

Result<void> ImportWriter::add(const ImportedCall& call) {
  const auto who = person(call);
  if (!who) return fail(who.error());
  const people::Person& person = **who;
  const auto level = parts_.capture_policy.level(person.team_name);
  if (level == people::CaptureLevel::kNothing) {
    left_out("policy");
    return {};
  }
  const bool with_content = person.consents.capture && level == people::CaptureLevel::kContent;
  store::Interaction facts;
  facts.id = derived_id("int", call.at, options_.source + "\n" + call.key);
  facts.person = person.id;
  facts.team = person.team;
  facts.tool = call.tool;
  facts.wire = "import";
  facts.alias = options_.alias;
  facts.model = call.model;
  facts.upstream = "import:" + options_.source;
  facts.trainable = options_.trainable || call.open_model;
  facts.started_at = call.at;
  facts.first_byte_ms = call.duration_ms;
  facts.duration_ms = call.duration_ms;
  facts.status = 200;
  facts.completion_tokens = call.completion_tokens;
  facts.handles = {{"id", facts.id}, {"import", options_.source + "/" + call.key}};
  if (with_content) {
    content_.fill(call.messages, call.answer, call.params, facts);
  } else {
    Content::leave_out(person.consents.capture ? "policy" : "no_consent", facts);
  }
  if (auto done = sink_.interaction(facts); !done) return done;
  content_.appended(facts);
  ++report_.interactions;
  report_.trainable += facts.trainable ? 1 : 0;
  return add_feedback(call, person, facts.id, with_content);
}

Result<void> ImportWriter::add_feedback(const ImportedCall& call, const people::Person& person,
                                        const std::string& interaction, bool with_content) {
  std::size_t number = 0;
  for (const ImportedFeedback& signal : call.feedback) {
    store::Feedback feedback;
    feedback.idempotency_key = call.key + "#" + std::to_string(number++);
    feedback.source = "import:" + options_.source;
    feedback.id = derived_id("fb", signal.at, feedback.source + "\n" + feedback.idempotency_key);
    feedback.handle = {"id", interaction};
    feedback.kind = signal.kind;
    feedback.by = signal.by;
    feedback.person = person.id;
    feedback.value = signal.value;
    feedback.at = signal.at;
    feedback.received_at = parts_.clock.now();
    if (with_content) {
      auto final_text = redact(parts_.redactor, signal.final_text);
      if (!final_text) return fail(final_text.error());
      feedback.final_text = std::move(*final_text);
      auto comment = redact(parts_.redactor, signal.comment);
      if (!comment) return fail(comment.error());
      feedback.comment = std::move(*comment);
      auto detail = parts_.redactor.redact_json(signal.detail);
      if (!detail) return fail(detail.error());
      feedback.detail = std::move(detail->as_object());
    }
    if (auto done = sink_.feedback(feedback); !done) return done;
    ++report_.feedback[feedback.kind];
  }
  return {};
}

void ImportWriter::bad_line(std::int64_t line, const Error& error) {
  ++report_.bad_lines;
  if (report_.errors.size() < kMaxErrors) {
    report_.errors.push_back("line " + std::to_string(line) + ": " + error.message);
  }
}

void ImportWriter::count_line() {
  ++report_.lines;
  if (sink_.progress && report_.lines % kProgressEvery == 0) sink_.progress(report_);
}

Result<void> read_json_lines(ImportFile& file, ImportWriter& writer,
                             const std::function<Result<void>(const json::object&)>& read) {
  for (;;) {
    const auto line = file.next_line();
    if (!line && line.error().code != ErrorCode::kTooLarge) {
      return fail(line.error().with("line " + std::to_string(file.line_number())));
    }
    if (line && !*line) return {};
    writer.count_line();
    if (!line) {
      writer.bad_line(file.line_number(), line.error());
      continue;
    }
    if ((*line)->find_first_not_of(" \t") == std::string::npos) continue;
    const auto object = parse_json_object(**line);
    const auto done = object ? read(*object) : Result<void>(fail(object.error()));
    if (done) continue;
    if (object && done.error().code != ErrorCode::kInvalid) return done;
    writer.bad_line(file.line_number(), done.error());
  }
}

bool is_open_model(std::string_view model) {
  constexpr std::array<std::string_view, 8> kOpen = {"llama",   "smollm", "olmo",      "mistral",
                                                     "mixtral", "qwen",   "starcoder", "pythia"};
  std::string lower(model);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return std::any_of(kOpen.begin(), kOpen.end(),
                     [&](std::string_view open) { return lower.find(open) != std::string::npos; });
}

}  // namespace hone::capture
