// CUPS (Mozannar et al. 2022, "Reading Between the Lines", MIT): what the editor's telemetry tells
// of inline suggestions. A line is an event; the events of one suggestion, from Shown to Accepted
// or Rejected, are one interaction. "Rejected" is the editor's word for every suggestion that went
// away, so it is read so:
//
//   was on the screen for less than 750 ms   by "automatic": nobody can have read it (CodeCompose's
//   bound) the person typed just what it said       by "automatic": agreement, though no acceptance
//   the person typed or deleted otherwise    by "person"
//   it gave way to another, or to a move     by "unknown"
//
// An acceptance after which the same suggestion is shown in the same, unchanged document was taken
// back: "undone" follows. EditPercentage (normalised edit distance of the accepted text after 15,
// 30, 120, 300 and 600 s) becomes "persisted" with 1 - that. A suggestion without a known prompt is
// left out.
#include <array>
#include <map>

#include "capture/import_record.h"
#include "wire/message.h"

namespace hone::capture {
namespace {

constexpr std::chrono::milliseconds kReadable{750};
constexpr std::array<std::int64_t, 5> kHorizons = {15, 30, 120, 300, 600};  // seconds

struct Event {
  std::string person;
  std::string state;  // Shown, Replay, Browsing, Accepted, Rejected
  Time at{};
  std::string prompt;  // empty where it is not known
  std::string suggestion;
  double document_length = 0;
  json::object measurements;
  std::vector<double> edits;
  std::string task;
};

// A suggestion from when it was first shown; `ended` once it was accepted or rejected.
struct Episode {
  Event first;
  Event last;
  bool ended = false;
};

// Texts are JSON strings inside of JSON; a prompt may be absent.
Result<std::string> read_text(const json::object& line, std::string_view name) {
  auto text = field<std::string>(line, name);
  if (!text || text->empty()) return text;
  const auto value = parse_json(*text);
  if (!value || !value->is_string()) {
    return fail(ErrorCode::kInvalid, "field '" + std::string(name) + "' holds no JSON string");
  }
  return std::string(value->get_string());
}

Result<std::vector<double>> read_edits(const json::object& line) {
  const auto items = field<json::array>(line, "EditPercentage");
  if (!items) return fail(items.error());
  std::vector<double> edits;
  for (const json::value& item : *items) {
    auto share = as<double>(item, "EditPercentage");
    if (!share) return fail(share.error());
    edits.push_back(std::clamp(*share, 0.0, 1.0));
  }
  if (edits.size() != kHorizons.size()) {
    return fail(ErrorCode::kInvalid, "field 'EditPercentage' must have 5 numbers");
  }
  return edits;
}

Result<Event> read_event(const json::object& line) {
  Event event;
  const auto user = field<std::int64_t>(line, "UserId");
  if (!user) return fail(user.error());
  event.person = std::to_string(*user);
  auto state = field<std::string>(line, "StateName");
  if (!state) return fail(state.error());
  event.state = std::move(*state);
  const auto stamp = field<std::string>(line, "TimeGenerated");
  if (!stamp) return fail(stamp.error());
  const auto at = parse_time(*stamp);
  if (!at) return fail(at.error().with("field 'TimeGenerated'"));
  event.at = *at;
  auto prompt = read_text(line, "CurrentPrompt");
  if (!prompt) return fail(prompt.error());
  event.prompt = std::move(*prompt);
  auto suggestion = read_text(line, "CurrentSuggestion");
  if (!suggestion) return fail(suggestion.error());
  event.suggestion = std::move(*suggestion);
  auto measurements = field<json::object>(line, "Measurements");
  if (!measurements) return fail(measurements.error());
  event.measurements = std::move(*measurements);
  const auto length = optional_field<double>(event.measurements, "documentLength");
  event.document_length = length && *length ? **length : 0;
  auto edits = read_edits(line);
  if (!edits) return fail(edits.error());
  event.edits = std::move(*edits);
  event.task = string_or_empty(line, "Task");
  return event;
}

// Who took a rejected suggestion away; `next` is the person's next event, if there is one.
std::string_view rejected_by(const Episode& episode, const Event* next) {
  if (episode.last.at - episode.first.at < kReadable) return "automatic";
  if (next == nullptr || next->prompt.empty()) return "unknown";
  const std::string_view before = episode.last.prompt;
  const std::string_view after = next->prompt;
  if (after == before) return "unknown";
  if (before.starts_with(after)) return "person";  // deleted
  if (!after.starts_with(before)) return "unknown";
  const std::string_view typed = after.substr(before.size());
  const std::string_view said = episode.last.suggestion;
  return said.starts_with(typed) || typed.starts_with(said) ? "automatic" : "person";
}

bool taken_back(const Episode& episode, const Event* next) {
  return next != nullptr && next->state == "Shown" && next->prompt == episode.last.prompt &&
         next->suggestion == episode.last.suggestion &&
         next->document_length == episode.last.document_length;
}

void add_end(const Episode& episode, const Event* next, ImportedCall& call) {
  const Event& last = episode.last;
  if (last.state == "Rejected") {
    call.feedback.push_back(
        {.kind = "rejected", .by = std::string(rejected_by(episode, next)), .at = last.at});
    return;
  }
  call.feedback.push_back({.kind = "accepted", .at = last.at});
  if (taken_back(episode, next)) {
    call.feedback.push_back({.kind = "undone", .at = next->at});
    return;
  }
  for (std::size_t i = 0; i < kHorizons.size(); ++i) {
    call.feedback.push_back({.kind = "persisted",
                             .by = "automatic",
                             .at = last.at + std::chrono::seconds(kHorizons.at(i)),
                             .value = 1 - last.edits[i],
                             .detail = {{"after_seconds", kHorizons.at(i)}}});
  }
}

// Copilot's own scores, from when it was first shown: to be held against a model's.
json::object read_params(const Event& event) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 4> kScores = {
      {{"confidence", "confidence"},
       {"meanLogProb", "mean_logprob"},
       {"meanAlternativeLogProb", "mean_alternative_logprob"},
       {"quantile", "quantile"}}};
  json::object params{{"task", event.task}};
  for (const auto& [theirs, ours] : kScores) {
    if (const auto* value = event.measurements.if_contains(theirs)) params.emplace(ours, *value);
  }
  return params;
}

Result<void> write_episode(const Episode& episode, const Event* next, ImportWriter& writer) {
  if (episode.first.prompt.empty()) {
    writer.left_out("no_prompt");
    return {};
  }
  const auto number = [&](std::string_view name) {
    const auto value = optional_field<double>(episode.first.measurements, name);
    return static_cast<std::int64_t>(value && *value ? **value : 0);
  };
  ImportedCall call;
  call.key =
      episode.first.person + "/" + to_text(episode.first.at) + "/" + episode.first.suggestion;
  call.person = "cups-" + episode.first.person;
  call.tool = "copilot";
  call.model = "copilot";
  call.at = episode.first.at;
  call.duration_ms = number("timeSinceIssuedMs");
  call.completion_tokens = number("numTokens");
  call.params = read_params(episode.first);
  call.messages = {wire::text_message("user", episode.first.prompt)};
  call.answer = wire::text_message("assistant", episode.first.suggestion);
  const auto dwell = episode.last.at - episode.first.at;
  call.feedback.push_back(
      {.kind = "shown", .at = call.at, .detail = {{"milliseconds", dwell.count()}}});
  if (episode.ended) add_end(episode, next, call);
  return writer.add(call);
}

// The open suggestion of each person; their events may come in between each other.
class Episodes {
 public:
  explicit Episodes(ImportWriter& writer) : writer_(writer) {}

  Result<void> take(Event event) {
    const auto open = open_.find(event.person);
    const bool continues = open != open_.end() && !open->second.ended && event.state != "Shown" &&
                           open->second.first.suggestion == event.suggestion &&
                           open->second.first.prompt == event.prompt;
    if (continues) {
      open->second.ended = event.state == "Accepted" || event.state == "Rejected";
      open->second.last = std::move(event);
      return {};
    }
    if (open != open_.end()) {
      const auto done = write_episode(open->second, &event, writer_);
      open_.erase(open);
      if (!done) return done;
    }
    // The end of a suggestion whose beginning was not seen: nothing says how long it was shown.
    if (event.state == "Accepted" || event.state == "Rejected") {
      writer_.left_out("never_shown");
      return {};
    }
    std::string person = event.person;
    open_.emplace(std::move(person), Episode{event, event, false});
    return {};
  }

  Result<void> finish() {
    for (const auto& [person, episode] : open_) {
      if (auto done = write_episode(episode, nullptr, writer_); !done) return done;
    }
    return {};
  }

 private:
  ImportWriter& writer_;
  std::map<std::string, Episode> open_;
};

}  // namespace

Result<void> read_cups_copilot(ImportFile& file, ImportWriter& writer) {
  Episodes episodes(writer);
  const auto read = [&](const json::object& line) -> Result<void> {
    auto event = read_event(line);
    if (!event) return fail(ErrorCode::kInvalid, event.error().message);
    return episodes.take(std::move(*event));
  };
  if (auto done = read_json_lines(file, writer, read); !done) return done;
  return episodes.finish();
}

}  // namespace hone::capture
