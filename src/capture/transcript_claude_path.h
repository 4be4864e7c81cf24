// The messages of one call's context in Claude Code's transcript, put together line by line from
// the root down. Messages are shared: a context is a list of those of the lines, and of some that
// are made of several lines, each once for all contexts. Used by capture/transcript_claude.cpp
// only.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "capture/content.h"
#include "wire/message.h"

namespace hone::capture {

inline constexpr std::size_t kNoLine = ~std::size_t{0};

struct ClaudeLine {
  std::string parent;
  std::vector<SharedMessage> messages;  // of the model's lines none
  json::array reminders;                // text parts that the tool put in …
  bool to_system = false;               // … as a system message, or else into the person's
  std::optional<std::size_t> answer;
  std::size_t above = kNoLine;  // the place of the parent; once all lines are read
};

// Messages that the tool has put something into, or made of nothing else: each is made once, by the
// message and the lines of what was put in.
class ClaudeMade {
 public:
  using Lines = std::vector<std::size_t>;

  // `base` with what those lines put in, in front; of null, a message of the system.
  const SharedMessage* with(const SharedMessage* base, Lines lines,
                            const std::vector<ClaudeLine>& all) {
    const auto [at, is_new] =
        made_.try_emplace(std::pair(base, std::move(lines)), std::unique_ptr<SharedMessage>());
    if (!is_new) return at->second.get();
    json::array parts;
    for (const std::size_t line : at->first.second) {
      for (const json::value& part : all[line].reminders) parts.push_back(part);
    }
    if (base == nullptr) {
      at->second = std::make_unique<SharedMessage>(wire::make_message("system", std::move(parts)));
      return at->second.get();
    }
    json::object message = base->message;
    for (const json::value& part : wire::content_of(base->message)) parts.push_back(part);
    message.at("content") = std::move(parts);
    at->second = std::make_unique<SharedMessage>(std::move(message));
    return at->second.get();
  }

 private:
  std::map<std::pair<const SharedMessage*, Lines>, std::unique_ptr<SharedMessage>> made_;
};

// The messages of one call's context, put together from the root down.
class ClaudePath {
 public:
  // Both outlive it.
  ClaudePath(const std::vector<ClaudeLine>& lines, ClaudeMade& made) : lines_(lines), made_(made) {}

  void add(const SharedMessage& message) {
    const bool empty = wire::content_of(message.message).empty();
    if (empty && into_system_.empty()) return;
    flush();
    if (!empty) messages_.push_back(&message);
  }
  // What stands behind a person's message in the file goes out in front of its text, or as one
  // message of the system behind it.
  void add_reminders(std::size_t line, bool to_system) {
    const bool to_person =
        !to_system && !messages_.empty() && wire::role_of(messages_.back()->message) == "user";
    (to_person ? into_person_ : into_system_).push_back(line);
  }
  std::vector<const SharedMessage*> take() {
    flush();
    return std::move(messages_);
  }

 private:
  void flush() {
    if (!into_person_.empty()) {
      messages_.back() = made_.with(messages_.back(), std::move(into_person_), lines_);
      into_person_.clear();
    }
    if (into_system_.empty()) return;
    messages_.push_back(made_.with(nullptr, std::move(into_system_), lines_));
    into_system_.clear();
  }

  const std::vector<ClaudeLine>& lines_;
  ClaudeMade& made_;
  std::vector<const SharedMessage*> messages_;
  ClaudeMade::Lines into_person_;
  ClaudeMade::Lines into_system_;
};

}  // namespace hone::capture
