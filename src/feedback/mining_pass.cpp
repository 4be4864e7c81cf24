#include "feedback/mining_pass.h"

#include <algorithm>

#include "base/id.h"
#include "store/feedback_record.h"
#include "wire/message.h"

namespace hone::feedback {
namespace {

using namespace std::chrono_literals;

constexpr auto kReadIn = 1s;           // who asks again sooner has not read the answer
constexpr std::size_t kAnswersUp = 4;  // how many answers up a reply is looked for
constexpr std::size_t kMostCalls = 32;

// The last answers of a path with what follows them, the last first. The topmost stretch may have
// no answer: the path begins there, or what was read of it does.
std::vector<Reply> replies_on(const std::vector<Place>& up) {
  std::vector<Reply> replies(1);
  for (const Place& place : up) {
    if (place.role != "assistant") {
      replies.back().below.insert(replies.back().below.begin(), place);
      continue;
    }
    replies.back().answer = place;
    if (replies.size() == kAnswersUp) return replies;
    replies.emplace_back();
  }
  return replies;
}

std::vector<std::int64_t> nodes_of(const std::vector<Place>& places) {
  std::vector<std::int64_t> nodes;
  for (const Place& place : places) nodes.push_back(place.node);
  return nodes;
}

}  // namespace

Result<void> MiningPass::mine(const std::string& id, bool again) {
  const auto turn = find_turn(db_, id);
  if (!turn) return fail(turn.error());
  if (!*turn) return {};
  if (!again) {
    if (auto read = read_reply_of(**turn); !read) return read;
    if (auto read = read_repeats(**turn); !read) return read;
    if ((*turn)->output) {  // what followed was indexed before it
      const auto later = turns_below(db_, *(*turn)->output, (*turn)->person);
      if (!later) return fail(later.error());
      for (const Turn& one : *later) {
        if (auto read = read_reply_of(one); !read) return read;
      }
    }
  }
  return read_abandoned(**turn);
}

Result<void> MiningPass::read_reply_of(const Turn& turn) {
  const auto up = path_up(db_, turn.context);
  if (!up) return fail(up.error());
  for (const Reply& reply : replies_on(*up)) {
    const auto found = read_one(turn, reply);
    if (!found) return fail(found.error());
    if (*found) return {};  // what stands above it was read when it was asked
  }
  return {};
}

// Whether somebody was found whose answer that is.
Result<bool> MiningPass::read_one(const Turn& turn, const Reply& reply) {
  if (reply.below.empty()) return false;
  auto messages = messages_of(db_, nodes_of(reply.below));
  if (!messages) return fail(messages.error());
  const auto stopped = read_stopped(turn, reply, *messages);
  if (!stopped) return fail(stopped.error());
  const bool earlier = *stopped < messages->size();
  messages->resize(*stopped);
  if (!reply.answer || messages->empty()) return earlier;
  const auto answer = messages_of(db_, {reply.answer->node});
  if (!answer) return fail(answer.error());
  const bool interrupted = std::ranges::any_of(
      *messages, [&](auto& message) { return is_interruption(message, turn.tool, rules_); });
  const auto about = find_answerer(turn, *reply.answer, answer->front(), interrupted);
  if (!about) return fail(about.error());
  if (!*about) return earlier;
  followed.push_back((*about)->id);
  const Followed what{
      .tool = turn.tool, .answer = answer->front(), .messages = std::move(*messages)};
  for (const Finding& finding : read_reply(what, rules_)) {
    auto added = add(**about, turn, finding, reply.below[finding.message].hash, turn.started);
    if (!added) return fail(added.error());
  }
  return true;
}

// A call that was stopped before it had answered: the mark stands directly below what it asked.
// Gives where the mark stands; what is above it was said to another answer.
Result<std::size_t> MiningPass::read_stopped(const Turn& turn, const Reply& reply,
                                             const std::vector<json::object>& messages) {
  for (std::size_t i = 0; i < messages.size(); ++i) {
    const auto parent = reply.below[i].parent;
    if (!parent || reply.below[i].role != "user") continue;
    if (!is_interruption(messages[i], turn.tool, rules_)) continue;
    if (reply.answer && *parent == reply.answer->node) break;  // it had
    const auto about =
        choose(turn, turns_at(db_, *parent, std::nullopt, turn.person, turn.started));
    if (!about) return fail(about.error());
    if (!*about) break;
    Followed what{.tool = turn.tool};
    what.messages.assign(messages.begin() + static_cast<std::ptrdiff_t>(i), messages.end());
    for (const Finding& finding : read_reply(what, rules_)) {
      auto added = add(**about, turn, finding, reply.below[i + finding.message].hash, turn.started);
      if (!added) return fail(added.error());
    }
    return i;
  }
  return messages.size();
}

// By its place in the tree; where a client writes an answer back in other words, by the id of a
// tool call; where it writes back the part that had come, by what was asked.
Result<std::optional<Turn>> MiningPass::find_answerer(const Turn& turn, const Place& place,
                                                      const json::object& answer,
                                                      bool interrupted) {
  if (place.parent) {
    auto found = choose(turn, turns_at(db_, *place.parent, place.node, turn.person, turn.started));
    if (!found || *found) return found;
  }
  auto calls = tool_calls_of(answer);
  if (calls.size() > kMostCalls) calls.resize(kMostCalls);
  for (const std::string& call : calls) {
    if (call.empty()) continue;
    auto found = choose(turn, turns_of_call(db_, call, turn.person, turn.started));
    if (!found || *found) return found;
  }
  if (!interrupted || !place.parent) return std::optional<Turn>();
  return choose(turn, turns_at(db_, *place.parent, std::nullopt, turn.person, turn.started));
}

// Who asked the same before, or the last message in other words.
Result<void> MiningPass::read_repeats(const Turn& turn) {
  const auto up = path_up(db_, turn.context);
  if (!up) return fail(up.error());
  // Tools put texts of theirs behind what a person wrote.
  std::size_t last = 0;
  while (last < up->size() && (*up)[last].role == "system") ++last;
  if (last >= up->size() || (*up)[last].role != "user") return {};
  const std::vector<Place> from(up->begin() + static_cast<std::ptrdiff_t>(last), up->end());
  const auto typed = messages_of(db_, {from.front().node});
  if (!typed) return fail(typed.error());
  if (typed_text(typed->front(), rules_).empty()) return {};
  const bool in_conversation =
      std::ranges::any_of(from, [](auto& place) { return place.role == "assistant"; });
  if (auto read = read_retried(turn, in_conversation); !read) return read;
  return read_rewritten(turn, from, in_conversation);
}

Result<void> MiningPass::read_retried(const Turn& turn, bool in_conversation) {
  if (rules_.retried_within == 0min) return {};
  auto same =
      turns_at(db_, turn.context, std::nullopt, turn.person, turn.started + rules_.retried_within);
  if (!same) return fail(same.error());
  std::erase_if(*same,
                [&](auto& one) { return one.started < turn.started - rules_.retried_within; });
  if (std::ssize(*same) > rules_.retried_most + 1) return {};  // sampling
  for (std::size_t i = 0; i + 1 < same->size(); ++i) {
    const Turn& later = (*same)[i];
    const Turn& earlier = (*same)[i + 1];
    if (earlier.id != turn.id && later.id != turn.id) continue;
    if (!earlier.answered || !later.retry_of.empty()) continue;
    if (later.started < earlier.ended + kReadIn) continue;
    if (later.started > earlier.ended + rules_.retried_within) continue;
    const auto together = same_session(earlier, later, in_conversation);
    if (!together) return fail(together.error());
    if (!*together) continue;
    Finding finding{.rule = "retried", .kind = "retried", .by = "person", .weak = true};
    auto added = add(earlier, later, finding, "", later.started);
    if (!added) return added;
  }
  return {};
}

// `up` begins at the person's last message.
Result<void> MiningPass::read_rewritten(const Turn& turn, const std::vector<Place>& up,
                                        bool in_conversation) {
  if (rules_.rewritten_within == 0min || !up.front().parent) return {};
  const auto near = turns_between(db_, turn.person, turn.started - rules_.rewritten_within,
                                  turn.started + rules_.rewritten_within);
  if (!near) return fail(near.error());
  for (const Turn& other : *near) {
    if (other.id == turn.id || other.context == turn.context) continue;
    const bool before = other.started < turn.started;
    const Turn& earlier = before ? other : turn;
    const Turn& later = before ? turn : other;
    if (!earlier.answered || later.started < earlier.ended + kReadIn) continue;
    const auto path = path_up(db_, other.context, 4);
    if (!path) return fail(path.error());
    const auto place = std::ranges::find_if(*path, [](auto& one) { return one.role != "system"; });
    if (place == path->end() || place->role != "user" || place->parent != up.front().parent) {
      continue;
    }
    if (place->node == up.front().node) continue;
    const auto together = same_session(earlier, later, in_conversation);
    if (!together) return fail(together.error());
    if (!*together) continue;
    const auto both = messages_of(db_, {place->node, up.front().node});
    if (!both) return fail(both.error());
    const std::string theirs = typed_text((*both)[0], rules_);
    const std::string own = typed_text((*both)[1], rules_);
    if (theirs.empty() || !is_rewritten(before ? theirs : own, before ? own : theirs, rules_)) {
      continue;
    }
    Finding finding{.rule = "rewritten", .kind = "retried", .by = "person", .weak = true};
    finding.comment = before ? own : theirs;
    return add(earlier, later, finding, "", later.started);
  }
  return {};
}

Result<void> MiningPass::read_abandoned(const Turn& turn) {
  if (!turn.answered || !names_tool(rules_.abandoned_tools, turn.tool)) return {};
  const auto went_on = has_children(db_, *turn.output);
  if (!went_on) return fail(went_on.error());
  if (*went_on) return {};
  const auto answer = messages_of(db_, {*turn.output});
  if (!answer) return fail(answer.error());
  if (tool_calls_of(answer->front()).empty()) return {};
  const Time until = turn.ended + rules_.abandoned_after;
  if (now_ < until) {
    waits[turn.id] = until;
    return {};
  }
  Finding finding{.rule = "abandoned", .kind = "rejected", .by = "unknown", .weak = true};
  return add(turn, turn, finding, "", until);
}

// The latest of them in the same session, where both have one. One tree holds the conversations of
// all: the same greeting and the same answer are the same nodes.
Result<std::optional<Turn>> MiningPass::choose(const Turn& turn,
                                               const Result<std::vector<Turn>>& candidates) {
  if (!candidates) return fail(candidates.error());
  for (const Turn& one : *candidates) {
    if (one.id == turn.id) continue;
    const auto together = same_session(one, turn, true);
    if (!together) return fail(together.error());
    if (*together) return std::optional<Turn>(one);
  }
  return std::optional<Turn>();
}

Result<bool> MiningPass::same_session(const Turn& a, const Turn& b, bool in_conversation) {
  const auto of_a = sessions_of(db_, a.id);
  if (!of_a) return fail(of_a.error());
  const auto of_b = sessions_of(db_, b.id);
  if (!of_b) return fail(of_b.error());
  if (of_a->empty() || of_b->empty()) return in_conversation;
  return std::ranges::any_of(
      *of_a, [&](auto& name) { return std::ranges::find(*of_b, name) != of_b->end(); });
}

// The key is of the fact, whoever shows it: a reply that a client sends twice says it once.
Result<void> MiningPass::add(const Turn& about, const Turn& witness, const Finding& finding,
                             std::string_view place, Time at) {
  std::string key = finding.rule + "/" + about.id;
  if (!place.empty()) key += "/" + std::string(place.substr(0, 32));
  if (!finding.tool_call.empty()) key += "/" + finding.tool_call;
  if (added_.contains(key)) return {};
  const auto known = is_known(about.id, key);
  if (!known) return fail(known.error());
  if (*known) return {};
  added_.insert(key);
  store::Feedback feedback;
  feedback.source = "mined:" + finding.rule + "@" + std::to_string(rules_.version);
  feedback.id = derived_id("fb", at, feedback.source + "/" + key);
  feedback.idempotency_key = key;
  feedback.handle = {"id", about.id};
  feedback.kind = finding.kind;
  feedback.by = finding.by;
  if (finding.by == "person" || finding.by == "unknown") feedback.person = witness.person;
  feedback.comment = finding.comment;
  feedback.detail = {{"rule", finding.rule}, {"version", rules_.version}};
  if (finding.weak) feedback.detail["weak"] = true;
  if (witness.id != about.id) feedback.detail["witness"] = witness.id;
  if (!place.empty()) feedback.detail["node"] = place;
  if (!finding.tool_call.empty()) feedback.detail["tool_call"] = finding.tool_call;
  if (!finding.language.empty()) feedback.detail["language"] = finding.language;
  feedback.at = at;
  feedback.received_at = now_;
  records.push_back(store::feedback_record(feedback, about.person));
  return {};
}

Result<bool> MiningPass::is_known(std::string_view interaction, std::string_view key) {
  const auto rows = db_.query(
      "SELECT 1 AS one FROM feedback WHERE interaction_id = ? AND idempotency_key = ?"
      " AND source LIKE 'mined:%' LIMIT 1",
      {interaction, key});
  if (!rows) return fail(rows.error());
  return !rows->empty();
}

}  // namespace hone::feedback
