#include "api/tool_events.h"

#include "api/api.h"
#include "api/feedback_intake.h"
#include "api/refusals.h"
#include "base/log.h"
#include "capture/import_record.h"
#include "store/feedback_record.h"
#include "wire/message.h"

namespace hone::api {
namespace {

// The largest hook seen holds a file twice; a tool's timeout must suffice for the way.
constexpr std::size_t kEventBytes = 4U << 20;
// What is read without waiting for the pool, where the dashboard's queries run, too.
constexpr std::size_t kAtOnceBytes = 64U << 10;
constexpr std::int64_t kNamedEveryMs = 60'000;

std::string_view tool_of(ToolEvent kind) {
  if (kind == ToolEvent::kClaudeHook) return "claude-code";
  return kind == ToolEvent::kContinue ? "continue" : "tabby";
}

Result<void> append_record(store::Outbox& outbox, const store::OutboxRecord& record) {
  const auto position = outbox.append(record);
  if (!position) return fail(position.error());
  return {};
}

// Messages of ours: they hold no text of a tool's but the names of events.
void note_problem(ToolEvent kind, const Error& error, ToolEventCounters& counters, Time now) {
  const bool unknown = error.code == ErrorCode::kNotFound;
  ++(unknown ? counters.unknown : counters.malformed);
  std::int64_t last = counters.last_named;
  const std::int64_t at = to_millis(now);
  if (at - last < kNamedEveryMs || !counters.last_named.compare_exchange_strong(last, at)) return;
  spdlog::warn("an event of {}: {}", tool_of(kind), error.message);
}

}  // namespace

std::optional<ToolEvent> find_tool_event(std::string_view path) {
  if (path == "/v1/hooks/claude-code") return ToolEvent::kClaudeHook;
  if (path == "/v1/events/continue") return ToolEvent::kContinue;
  if (path == "/v1/events") return ToolEvent::kTabby;
  return std::nullopt;
}

void measure_tool_events(MetricsText& text, const ToolEventCounters& counters) {
  const auto count = [&](const std::atomic<std::uint64_t>& counter, const char* labels) {
    text.counter("hone_tool_events_total", "Hooks and event posts, by what they said.",
                 static_cast<double>(counter.load()), labels);
  };
  count(counters.signals, "said=\"signal\"");
  count(counters.silent, "said=\"nothing\"");
  count(counters.unknown, "said=\"unknown\"");
  count(counters.malformed, "said=\"malformed\"");
  count(counters.dropped, "said=\"dropped\"");
}

Result<feedback::EditorEvent> read_tool_event(ToolEvent kind, std::string_view body,
                                              const people::Caller& caller,
                                              feedback::ClaudeHooks& hooks, Time now) {
  const auto event = parse_json_object(body, {.size_bytes = kEventBytes});
  if (!event) return fail(event.error());
  if (kind == ToolEvent::kContinue) return feedback::read_continue_event(*event, now);
  if (kind == ToolEvent::kTabby) return feedback::read_tabby_event(*event, now);
  auto facts = hooks.read(*event, caller.key_id + "/" + caller.person, now);
  if (!facts) return fail(facts.error());
  feedback::EditorEvent read;
  read.facts = std::move(*facts);
  return read;
}

std::string tool_event_source(ToolEvent kind, const people::Caller& caller) {
  return (kind == ToolEvent::kClaudeHook ? "hook:" : "event:") + std::string(tool_of(kind)) + "/" +
         key_name(caller);
}

Result<std::vector<store::Feedback>> redacted_facts(std::vector<feedback::ToolFact> facts,
                                                    const std::string& source,
                                                    const people::Caller& caller, bool with_content,
                                                    const privacy::Redactor& redactor, Time now) {
  std::vector<store::Feedback> all;
  for (feedback::ToolFact& fact : facts) {
    if (!with_content) {
      fact.comment.reset();
      fact.final_text.reset();
      fact.texts.clear();
    }
    auto done = redact_texts({&fact.comment, &fact.final_text}, redactor);
    if (!done) return fail(done.error());
    auto texts = redactor.redact_json(fact.texts);
    if (!texts) return fail(texts.error());
    fact.texts = std::move(texts->as_object());
    all.push_back(feedback::to_feedback(fact, source, caller.person, now));
  }
  return all;
}

Result<void> write_suggestion(const feedback::Suggestion& suggestion, const people::Caller& caller,
                              const capture::ImportParts& parts, capture::KnownInteraction known,
                              store::Outbox& outbox) {
  capture::ImportOptions options;
  options.source = suggestion.fact.tool + "/" + (caller.person.empty() ? "open" : caller.person);
  capture::ImportSink sink;
  sink.person = [&caller](std::string_view, std::string_view) -> Result<people::Person> {
    people::Person person;
    person.id = caller.person;
    person.team = caller.team;
    person.team_name = caller.team_name;
    person.consents = {.capture = caller.capture, .train = caller.train};
    return person;
  };
  sink.interaction = [&outbox](const store::Interaction& interaction) {
    store::OutboxRecord record{.kind = store::RecordKind::kInteraction,
                               .id = interaction.id,
                               .payload = store::to_payload(interaction)};
    if (!interaction.person.empty()) record.persons = {interaction.person};
    return append_record(outbox, record);
  };
  sink.feedback = [&outbox](const store::Feedback& feedback) {
    return append_record(outbox, store::feedback_record(feedback, feedback.person));
  };
  sink.known = std::move(known);
  capture::ImportWriter writer(options, parts, sink);

  const feedback::ToolFact& fact = suggestion.fact;
  capture::ImportedFeedback signal{.kind = fact.kind, .by = fact.by, .at = fact.at};
  signal.value = fact.value;
  // An opinion that changes is another; the same one, sent twice, is not.
  signal.key = feedback::fact_key(fact.kind, suggestion.key, std::to_string(to_millis(fact.at)));
  signal.marks = {{"tool", fact.tool}, {"fact", signal.key}};
  if (fact.weak) signal.marks["weak"] = true;

  capture::ImportedCall call;
  call.key = suggestion.key;
  call.person = caller.person;
  call.tool = fact.tool;
  call.model = suggestion.model;
  call.purpose = suggestion.purpose;
  call.trainable = capture::is_open_model(suggestion.model);
  call.at = suggestion.at;
  call.duration_ms = suggestion.duration_ms;
  call.messages = {wire::text_message("user", suggestion.prompt)};
  call.answer = wire::text_message("assistant", suggestion.text);
  if (!suggestion.session.empty()) call.handles.push_back({"session", suggestion.session});
  call.feedback.push_back(std::move(signal));
  return writer.add(call);
}

net::awaitable<net::Response> Api::answer_tool_event(const net::Request& request) {
  const ToolEvent kind = find_tool_event(request.path()).value_or(ToolEvent::kTabby);
  if (request.method != "POST") co_return not_allowed("POST");
  const auto caller = identify(request, parts_.directory, parts_.open);
  // A hook that fails stops no tool, and somebody has to see that the key is wrong.
  if (!caller) co_return unauthorized(caller.error());
  if (is_stray_page(request, *caller)) {
    co_return net::error_response(
        {ErrorCode::kDenied, "pages may not post here: this address is for tools"});
  }
  const people::CapturePolicy& policy = capture_policy_.get();
  const auto level = policy.level(caller->team_name);
  net::Response taken = net::json_response(200, json::object());
  if (level == people::CaptureLevel::kNothing) co_return taken;
  const Time now = parts_.clock.now();
  Result<void> done;
  const auto take = [&] {
    auto event = read_tool_event(kind, request.body, *caller, claude_hooks_, now);
    if (!event) {
      note_problem(kind, event.error(), tool_events_, now);
      if (event.error().code != ErrorCode::kNotFound) done = fail(event.error());
      return;
    }
    const bool something = !event->facts.empty() || event->suggestion;
    ++(something ? tool_events_.signals : tool_events_.silent);
    if (!something) return;
    const bool with_content = caller->capture && level == people::CaptureLevel::kContent;
    auto all = redacted_facts(std::move(event->facts), tool_event_source(kind, *caller), *caller,
                              with_content, parts_.redactor, now);
    Result<void> kept;
    if (!all) kept = fail(all.error());
    for (std::size_t i = 0; all && kept && i < all->size(); ++i) {
      kept = append_record(parts_.outbox, store::feedback_record((*all)[i], (*all)[i].person));
    }
    if (kept && event->suggestion) {
      const capture::ImportParts parts{.redactor = parts_.redactor,
                                       .tenant_key = parts_.tenant_key,
                                       .clock = parts_.clock,
                                       .capture_policy = policy};
      kept = write_suggestion(*event->suggestion, *caller, parts,
                              capture::known_in(parts_.database), parts_.outbox);
    }
    if (!kept) ++tool_events_.dropped;
  };
  if (kind != ToolEvent::kContinue && request.body.size() <= kAtOnceBytes) {
    take();
  } else if (auto ran = co_await parts_.work.run(take); !ran) {
    ++tool_events_.dropped;
  }
  // Whoever sets up an editor should see what is wrong; a hook has nobody who looks.
  if (!done && kind != ToolEvent::kClaudeHook) co_return net::error_response(done.error());
  co_return taken;
}

}  // namespace hone::api
