// What an editor's telemetry tells of inline suggestions, as in the CUPS study (Mozannar et al.
// 2022, "Reading Between the Lines"). A record is an event; the events of one suggestion, from
// shown to accepted or rejected, are one interaction. "Rejected" is the editor's word for every
// suggestion that went away, so it is read so:
//
//   was on the screen for less than 750 ms   by "automatic": nobody can have read it (CodeCompose's
//                                            bound)
//   the person typed just what it said       by "automatic": agreement, though no acceptance
//   the person typed or deleted otherwise    by "person"
//   it gave way to another, or to a move     by "unknown"
//
// An acceptance after which the same suggestion is shown in the same, unchanged document was taken
// back: "undone" follows. How much of the accepted text was changed after some seconds becomes
// "persisted" with 1 - that. A suggestion without a known prompt is left out.
#include "capture/import_record.h"

namespace hone::capture {
namespace {

constexpr std::chrono::milliseconds kReadable{750};
constexpr std::size_t kMaxOpen = 10'000;  // people whose last suggestion is not at its end

// Who took a rejected suggestion away; `next` is the person's next event, if there is one.
std::string_view rejected_by(const SuggestionEvent& first, const SuggestionEvent& last,
                             const SuggestionEvent* next) {
  if (last.call.at - first.call.at < kReadable) return "automatic";
  if (next == nullptr || next->prompt.empty()) return "unknown";
  const std::string_view before = last.prompt;
  const std::string_view after = next->prompt;
  if (after == before) return "unknown";
  if (before.starts_with(after)) return "person";  // deleted
  if (!after.starts_with(before)) return "unknown";
  const std::string_view typed = after.substr(before.size());
  const std::string_view said = last.suggestion;
  return said.starts_with(typed) || typed.starts_with(said) ? "automatic" : "person";
}

bool taken_back(const SuggestionEvent& last, const SuggestionEvent* next) {
  return next != nullptr && next->state == "shown" && next->prompt == last.prompt &&
         next->suggestion == last.suggestion && next->document_length == last.document_length;
}

bool is_end(const SuggestionEvent& event) {
  return event.state == "accepted" || event.state == "rejected";
}

}  // namespace

void SuggestionEpisodes::add_end(const Episode& episode, const SuggestionEvent* next,
                                 ImportedCall& call) const {
  const SuggestionEvent& last = episode.last;
  if (last.state == "rejected") {
    call.feedback.push_back({.kind = "rejected",
                             .by = std::string(rejected_by(episode.first, last, next)),
                             .at = last.call.at});
    return;
  }
  call.feedback.push_back({.kind = "accepted", .at = last.call.at});
  if (taken_back(last, next)) {
    call.feedback.push_back({.kind = "undone", .at = next->call.at});
    return;
  }
  for (std::size_t i = 0; i < last.edits.size(); ++i) {
    const auto after = static_cast<std::int64_t>(map_.after_seconds[i]);
    call.feedback.push_back({.kind = "persisted",
                             .by = "automatic",
                             .at = last.call.at + std::chrono::seconds(after),
                             .value = 1 - last.edits[i],
                             .detail = {{"after_seconds", after}}});
  }
}

Result<void> SuggestionEpisodes::write(const Episode& episode, const SuggestionEvent* next) {
  if (episode.first.prompt.empty()) {
    writer_.left_out("no_prompt");
    return {};
  }
  ImportedCall call = episode.first.call;
  const auto dwell = episode.last.call.at - call.at;
  call.feedback.push_back(
      {.kind = "shown", .at = call.at, .detail = {{"milliseconds", dwell.count()}}});
  if (episode.ended) add_end(episode, next, call);
  return writer_.add(call);
}

Result<void> SuggestionEpisodes::take(SuggestionEvent event) {
  const auto open = open_.find(event.call.person);
  const bool continues = open != open_.end() && !open->second.ended && event.state != "shown" &&
                         open->second.first.suggestion == event.suggestion &&
                         open->second.first.prompt == event.prompt;
  if (continues) {
    open->second.ended = is_end(event);
    open->second.last = std::move(event);
    return {};
  }
  if (open != open_.end()) {
    const auto done = write(open->second, &event);
    open_.erase(open);
    if (!done) return done;
  }
  // The end of a suggestion whose beginning was not seen: nothing says how long it was shown.
  if (is_end(event)) {
    writer_.left_out("never_shown");
    return {};
  }
  if (open_.size() >= kMaxOpen) {
    if (auto done = finish(); !done) return done;
  }
  std::string person = event.call.person;
  open_.emplace(std::move(person), Episode{event, event, false});
  return {};
}

Result<void> SuggestionEpisodes::finish() {
  for (const auto& [person, episode] : open_) {
    if (auto done = write(episode, nullptr); !done) return done;
  }
  open_.clear();
  return {};
}

}  // namespace hone::capture
