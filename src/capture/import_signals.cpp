// What a record says of an answer, as feedback.
#include <algorithm>

#include "base/text.h"
#include "capture/import_record.h"
#include "wire/message.h"

namespace hone::capture {
namespace {

bool replaces(std::string_view kind) {
  return kind == "edited" || kind == "corrected";
}

// Characters `start` to `end` of UTF-8.
std::optional<std::string> characters(std::string_view text, double start, double end) {
  if (!(start >= 0 && start <= end)) return std::nullopt;
  std::string out;
  double at = 0;
  for (std::size_t i = 0; i < text.size(); ++at) {
    std::size_t size = 1;
    while (i + size < text.size() && (static_cast<unsigned char>(text[i + size]) & 0xC0U) == 0x80U)
      ++size;
    if (at >= start && at < end) out += text.substr(i, size);
    i += size;
  }
  if (end > at) return std::nullopt;
  return out;
}

Result<void> add_words(const MapSignal& map, const MapScope& scope, std::string_view answer,
                       ImportedFeedback& signal) {
  auto comment = read_text(map.comment, scope);
  if (!comment) return fail(comment.error());
  if (!is_blank(*comment)) signal.comment = std::move(*comment);
  auto by = read_text(map.by, scope);
  if (!by) return fail(by.error());
  if (!by->empty()) signal.by = std::move(*by);
  constexpr std::string_view kDeciders[] = {"person", "automatic", "policy", "agent", "unknown"};
  if (std::ranges::find(kDeciders, signal.by) == std::end(kDeciders)) {
    return fail(ErrorCode::kInvalid,
                map.by.place + " must be person, automatic, policy, agent or unknown");
  }
  const auto at = read_time(map.at, scope);
  if (!at) return fail(at.error());
  signal.at = at->value_or(signal.at);
  if (auto done = read_values(map.detail, scope, signal.detail); !done) return done;
  const auto start = read_number(map.span_start, scope);
  if (!start) return fail(start.error());
  const auto end = read_number(map.span_end, scope);
  if (!end) return fail(end.error());
  if (!*start || !*end) return {};
  auto text = characters(answer, **start, **end);
  if (!text) return fail(ErrorCode::kInvalid, "signal.span is outside of the answer");
  signal.detail["span"] =
      json::object{{"start", **start}, {"end", **end}, {"text", json::string(*text)}};
  return {};
}

Result<void> add_signal(const MapSignal& map, const MapScope& scope, std::string_view answer,
                        ImportedCall& call, std::vector<std::string_view>& dropped) {
  auto kind = read_text(map.kind, scope);
  if (!kind) return fail(kind.error());
  ImportedFeedback signal{.kind = std::string(trimmed(*kind)), .at = call.at};
  if (signal.kind.empty()) return {};
  if (replaces(signal.kind) && map.final_text.given) {
    auto text = read_text(map.final_text, scope);
    if (!text) return fail(text.error());
    if (is_blank(*text)) {
      dropped.emplace_back("empty");
      return {};
    }
    if (trimmed(*text) != trimmed(answer)) {
      signal.final_text = std::move(*text);
    } else if (map.if_unchanged.given) {
      auto instead = read_text(map.if_unchanged, scope);
      if (!instead) return fail(instead.error());
      signal.kind = trimmed(*instead);
      if (signal.kind.empty()) return {};
    } else {
      dropped.emplace_back("unchanged");
      return {};
    }
  }
  const auto& kinds = store::feedback_kinds();
  if (std::ranges::find(kinds, signal.kind) == kinds.end()) {
    return fail(ErrorCode::kInvalid, map.kind.place + " is '" + signal.kind.substr(0, 40) +
                                         "', which is no kind of feedback; say what it means "
                                         "with values = {…}");
  }
  const auto value = read_number(map.value, scope);
  if (!value) return fail(value.error());
  signal.value = *value;
  if (signal.kind == "rated" && !signal.value) {
    dropped.emplace_back("empty");
    return {};
  }
  if (auto done = add_words(map, scope, answer, signal); !done) return done;
  call.feedback.push_back(std::move(signal));
  return {};
}

}  // namespace

Result<void> read_values(const MapValues& values, const MapScope& scope, json::object& to) {
  for (const auto& [name, value] : values) {
    auto found = read_value(value, scope);
    if (!found) return fail(found.error());
    if (!found->is_null()) to[name] = std::move(*found);
  }
  return {};
}

Result<bool> add_signals(const ImportMap& map, MapScope scope, ImportedCall& call,
                         ImportWriter& writer) {
  const auto own = read_value(map.feedback, scope);
  if (!own) return fail(own.error());
  auto feedback = read_own_feedback(*own, call.at);
  if (!feedback) return fail(feedback.error());
  call.feedback = std::move(*feedback);
  const std::string answer = wire::text_of(call.answer);
  std::vector<std::string_view> dropped;
  for (const MapSignal& signal : map.signals) {
    if (!signal.each.given) {
      if (auto added = add_signal(signal, scope, answer, call, dropped); !added) {
        return fail(added.error());
      }
      continue;
    }
    const auto items = read_value(signal.each, scope);
    if (!items) return fail(items.error());
    if (items->is_null()) continue;
    if (!items->is_array()) {
      return fail(ErrorCode::kInvalid, signal.each.place + " must be a list");
    }
    for (const json::value& item : items->get_array()) {
      scope.each = &item;
      if (auto added = add_signal(signal, scope, answer, call, dropped); !added) {
        return fail(added.error());
      }
    }
    scope.each = nullptr;
  }
  if (dropped.empty()) return true;
  const bool stays = !call.feedback.empty();
  if (!stays) {
    writer.left_out(dropped.front());
  } else {
    for (const auto reason : dropped) writer.left_out(std::string(reason) + "_signal");
  }
  return stays;
}

}  // namespace hone::capture
