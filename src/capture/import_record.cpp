#include "capture/import_record.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "store/text.h"

namespace hone::capture {
namespace {

constexpr std::size_t kMaxErrors = 100;
constexpr std::size_t kMaxErrorBytes = 500;
constexpr std::int64_t kProgressEvery = 500;
constexpr std::size_t kKnownNodes = 200'000;
constexpr std::size_t kKnownKeys = 1'000'000;
constexpr std::size_t kKnownPeople = 200'000;

Result<std::optional<std::string>> redact(const privacy::Redactor& redactor,
                                          const std::optional<std::string>& text) {
  if (!text) return std::optional<std::string>();
  auto redacted = redactor.redact(*text);
  if (!redacted) return fail(redacted.error());
  return std::optional<std::string>(std::move(*redacted));
}

Result<ImportedFeedback> read_signal_object(const json::object& object, Time otherwise) {
  if (auto known = only_fields(object, {"kind", "final_text", "value", "comment", "by", "at"});
      !known) {
    return fail(known.error());
  }
  ImportedFeedback signal;
  auto kind = field<std::string>(object, "kind");
  if (!kind) return fail(kind.error());
  signal.kind = std::move(*kind);
  auto by = optional_field<std::string>(object, "by");
  if (!by) return fail(by.error());
  if (*by) signal.by = std::move(**by);
  const auto at = optional_field<std::string>(object, "at");
  if (!at) return fail(at.error());
  const auto time = *at ? parse_time(**at) : Result<Time>(otherwise);
  if (!time) return fail(time.error().with("field 'at'"));
  signal.at = *time;
  const auto value = optional_field<double>(object, "value");
  if (!value) return fail(value.error());
  signal.value = *value;
  auto final_text = optional_field<std::string>(object, "final_text");
  if (!final_text) return fail(final_text.error());
  signal.final_text = std::move(*final_text);
  auto comment = optional_field<std::string>(object, "comment");
  if (!comment) return fail(comment.error());
  signal.comment = std::move(*comment);
  return signal;
}

// A kind alone, or an object as the feedback API takes it.
Result<ImportedFeedback> read_signal(const json::value& value, Time otherwise) {
  Result<ImportedFeedback> signal;
  if (value.is_object()) {
    signal = read_signal_object(value.get_object(), otherwise);
  } else if (value.is_string()) {
    signal->kind = value.get_string();
    signal->at = otherwise;
  } else {
    signal = fail(ErrorCode::kInvalid, "must be a kind, an object, or a list of them");
  }
  const auto& kinds = store::feedback_kinds();
  if (signal && std::find(kinds.begin(), kinds.end(), signal->kind) == kinds.end()) {
    signal = fail(ErrorCode::kInvalid, "no kind '" + signal->kind + "'");
  }
  if (!signal) return fail(signal.error().with("field 'feedback'"));
  return signal;
}

// What two calls of one key must have in common.
MemoKey content_key(const ImportedCall& call) {
  MemoKey context{};
  for (const SharedMessage* message : call.context) context = memo_key(*message, context);
  json::array all;
  for (const json::object& message : call.messages) all.push_back(message);
  all.push_back(call.answer);
  all.push_back(call.params);
  all.push_back(call.verifier);
  all.push_back(json::string(call.person));
  for (const ImportedFeedback& signal : call.feedback) {
    all.push_back(json::object{{"kind", json::string(signal.kind)},
                               {"value", signal.value.value_or(-1)},
                               {"final_text", json::string(signal.final_text.value_or(""))},
                               {"comment", json::string(signal.comment.value_or(""))},
                               {"detail", signal.detail}});
  }
  return memo_key(canonical(all), context);
}

}  // namespace

ImportWriter::ImportWriter(const ImportOptions& options, const ImportParts& parts,
                           const ImportSink& sink)
    : options_(options),
      parts_(parts),
      sink_(sink),
      content_(parts.redactor, parts.tenant_key, kKnownNodes),
      keys_(kKnownKeys),
      showing_(sink.show != nullptr) {}

Result<const people::Person*> ImportWriter::person(const std::string& name,
                                                   const std::string& team_name) {
  const std::string& team = team_name.empty() ? options_.team : team_name;
  const auto known = people_.find(name);
  if (known != people_.end()) return &known->second;
  // Whoever comes again after so many others is counted again.
  if (people_.size() >= kKnownPeople) people_.clear();
  auto found = sink_.person(name, team);
  if (!found) return fail(found.error());
  ++report_.people;
  return &people_.emplace(name, std::move(*found)).first->second;
}

// It came through the gateway, or from another source: the store has it under another id.
Result<bool> ImportWriter::is_captured(const store::Interaction& facts) {
  if (!sink_.known) return false;
  std::string session;
  for (const store::Handle& handle : facts.handles) {
    if (handle.kind == "session") session = handle.value;
  }
  for (const store::Handle& handle : facts.handles) {
    // A session has many calls.
    if (handle.kind != "response" && handle.kind != "tool_call" && handle.kind != "import")
      continue;
    const auto known = sink_.known(handle, session);
    if (!known) return fail(known.error());
    if (!known->empty() && *known != facts.id) return true;
  }
  return false;
}

bool ImportWriter::is_new(const ImportedCall& call) {
  const MemoKey key = memo_key(call.key);
  const MemoKey content = content_key(call);
  if (const auto known = keys_.find(key)) {
    if (*known == content) {
      left_out("repeated");
    } else {
      left_out("conflict");
      note("conflict: the key '" + call.key.substr(0, 100) +
           "' has stood for something else before; the first is kept");
    }
    return false;
  }
  keys_.add(key, content);
  return true;
}

Result<void> ImportWriter::add(const ImportedCall& call) {
  if (!is_new(call)) return {};
  const auto who = person(call.person, call.team);
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
  facts.wire = call.wire;
  facts.alias = options_.alias;
  facts.model = call.model;
  facts.upstream = "import:" + options_.source;
  facts.trainable = call.trainable;
  facts.purpose = call.purpose;
  facts.access_label = call.access_label;
  facts.started_at = call.at;
  facts.first_byte_ms = call.duration_ms;
  facts.duration_ms = call.duration_ms;
  facts.status = 200;
  facts.stop_reason = call.stop_reason;
  facts.prompt_tokens = call.prompt_tokens;
  facts.cached_tokens = call.cached_tokens;
  facts.completion_tokens = call.completion_tokens;
  // A source's key may hold a name or an address.
  auto key = parts_.redactor.redact(call.key);
  if (!key) return fail(key.error());
  facts.handles = {{"id", facts.id}, {"import", options_.source + "/" + *key}};
  facts.handles.insert(facts.handles.end(), call.handles.begin(), call.handles.end());
  const auto captured = is_captured(facts);
  if (!captured) return fail(captured.error());
  if (*captured) left_out("captured");
  if (!*captured) {
    if (auto written = write_call(call, person, with_content, facts); !written) return written;
  }
  std::size_t number = 0;
  for (ImportedFeedback signal : call.feedback) {
    const std::size_t place = number++;
    if (signal.key.empty()) signal.key = facts.id + "#" + std::to_string(place);
    if (signal.about.value.empty()) {
      signal.about = *captured ? facts.handles[1] : store::Handle{"id", facts.id};
    }
    auto written = write_feedback(signal, person, "import:" + options_.source, with_content);
    if (!written) return written;
  }
  return {};
}

Result<void> ImportWriter::write_call(const ImportedCall& call, const people::Person& person,
                                      bool with_content, store::Interaction& facts) {
  Learned learned;
  if (with_content) {
    auto params = params_of(call);
    if (!params) return fail(params.error());
    const bool checked = params->contains("verifier");
    if (call.context.empty()) {
      content_.fill(call.messages, call.answer, std::move(*params), facts);
    } else {
      learned = content_.fill_shared(call.context, call.answer, std::move(*params), facts);
    }
    report_.tasks += checked && facts.content == "stored" ? 1 : 0;
  } else {
    Content::leave_out(person.consents.capture ? "policy" : "no_consent", facts);
  }
  if (showing_) {
    if (auto shown = show(call); !shown) return shown;
  }
  if (auto done = sink_.interaction(facts); !done) return done;
  content_.appended(facts, learned);
  ++report_.interactions;
  report_.trainable += facts.trainable ? 1 : 0;
  return {};
}

Result<void> ImportWriter::add_feedback(const std::string& person_name, const std::string& source,
                                        const std::vector<ImportedFeedback>& feedback) {
  const auto who = person(person_name, "");
  if (!who) return fail(who.error());
  const auto level = parts_.capture_policy.level((*who)->team_name);
  if (level == people::CaptureLevel::kNothing) {
    if (!feedback.empty()) left_out("policy");
    return {};
  }
  const bool with_content = (*who)->consents.capture && level == people::CaptureLevel::kContent;
  for (const ImportedFeedback& signal : feedback) {
    if (auto written = write_feedback(signal, **who, source + "/" + (*who)->id, with_content);
        !written)
      return written;
  }
  return {};
}

// A verifier in which something had to be redacted checks something else.
Result<json::object> ImportWriter::params_of(const ImportedCall& call) {
  json::object params = call.params;
  if (call.verifier.empty()) return params;
  auto redacted = parts_.redactor.redact_json(call.verifier);
  if (!redacted) return fail(redacted.error());
  if (*redacted == json::value(call.verifier)) {
    params["verifier"] = call.verifier;
  } else {
    left_out("verifier_redacted");
  }
  return params;
}

// As it would be stored, though with names for ids.
Result<void> ImportWriter::show(const ImportedCall& call) {
  json::array messages;
  for (const json::object& message : call.messages) messages.push_back(message);
  for (const SharedMessage* message : call.context) messages.push_back(message->message);
  json::array feedback;
  for (const ImportedFeedback& signal : call.feedback) {
    json::object one{{"kind", json::string(signal.kind)},
                     {"by", json::string(signal.by)},
                     {"at", json::string(to_text(signal.at))}};
    if (signal.value) one["value"] = *signal.value;
    if (signal.final_text) one["final_text"] = json::string(*signal.final_text);
    if (signal.comment) one["comment"] = json::string(*signal.comment);
    if (!signal.detail.empty()) one["detail"] = signal.detail;
    feedback.push_back(std::move(one));
  }
  json::object shown{{"line", line_},
                     {"key", json::string(call.key)},
                     {"person", json::string(call.person)},
                     {"at", json::string(to_text(call.at))},
                     {"tool", json::string(call.tool)},
                     {"model", json::string(call.model)},
                     {"trainable", call.trainable},
                     {"params", call.params},
                     {"messages", std::move(messages)},
                     {"answer", call.answer},
                     {"feedback", std::move(feedback)}};
  if (!call.verifier.empty()) shown["verifier"] = call.verifier;
  auto redacted = parts_.redactor.redact_json(std::move(shown));
  if (!redacted) return fail(redacted.error());
  showing_ = sink_.show(redacted->get_object());
  return {};
}

Result<void> ImportWriter::write_feedback(const ImportedFeedback& signal,
                                          const people::Person& person, const std::string& source,
                                          bool with_content) {
  store::Feedback feedback;
  feedback.idempotency_key = signal.key;
  feedback.source = source;
  feedback.id = derived_id("fb", signal.at, feedback.source + "\n" + feedback.idempotency_key);
  feedback.handle = signal.about;
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
  feedback.detail.insert(signal.marks.begin(), signal.marks.end());
  if (auto done = sink_.feedback(feedback); !done) return done;
  ++report_.feedback[feedback.kind];
  return {};
}

void ImportWriter::begin_record(std::int64_t line) {
  line_ = line;
  ++report_.records;
  if (sink_.progress && report_.records % kProgressEvery == 0) sink_.progress(report_);
}

void ImportWriter::malformed(const Error& error) {
  left_out("malformed");
  note(error.message);
}

void ImportWriter::note(const std::string& message) {
  if (report_.errors.size() >= kMaxErrors) return;
  report_.errors.push_back((file_.empty() ? "" : file_ + ": ") + "line " + std::to_string(line_) +
                           ": " + store::storable_text(message.substr(0, kMaxErrorBytes)));
}

Result<std::vector<ImportedFeedback>> read_own_feedback(const json::value& value, Time otherwise) {
  std::vector<ImportedFeedback> signals;
  if (value.is_null()) return signals;
  const json::array one{value};
  for (const json::value& item : value.is_array() ? value.get_array() : one) {
    auto signal = read_signal(item, otherwise);
    if (!signal) return fail(signal.error());
    signals.push_back(std::move(*signal));
  }
  return signals;
}

bool is_open_model(std::string_view model) {
  constexpr std::array<std::string_view, 8> kOpen = {"llama",   "smollm", "olmo",      "mistral",
                                                     "mixtral", "qwen",   "starcoder", "pythia"};
  const std::string lower = lower_case(model);
  return std::any_of(kOpen.begin(), kOpen.end(),
                     [&](std::string_view open) { return lower.find(open) != std::string::npos; });
}

}  // namespace hone::capture
