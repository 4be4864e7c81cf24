#include "capture/limits_answer.h"

#include <algorithm>
#include <optional>

namespace hone::capture {
namespace {

using std::chrono::seconds;

constexpr seconds kWorthRetrying{60};

// Rounded up: who comes back then is let in.
seconds until(Time then, Time now) {
  return std::max(seconds(1), std::chrono::ceil<seconds>(then - now));
}

void put_standing(net::Headers& headers, std::string_view what, wire::Format format, Time now,
                  const std::optional<LimitStanding>& standing) {
  if (!standing) return;
  const std::string kind(what);
  const bool anthropic = format == wire::Format::kAnthropicMessages;
  const auto field = [&](const std::string& part) {
    return anthropic ? "anthropic-ratelimit-" + kind + "-" + part
                     : "x-ratelimit-" + part + "-" + kind;
  };
  headers.set(field("limit"), std::to_string(standing->most));
  headers.set(field("remaining"), std::to_string(standing->left));
  headers.set(field("reset"), anthropic ? to_text(standing->resets_at)
                                        : duration_text(until(standing->resets_at, now)));
}

}  // namespace

std::string duration_text(seconds time) {
  const auto all = time.count();
  std::string text;
  if (all >= 3600) text += std::to_string(all / 3600) + "h";
  if (all >= 60) text += std::to_string(all / 60 % 60) + "m";
  return text + std::to_string(all % 60) + "s";
}

net::Headers limit_headers(const LimitRefusal& refusal, wire::Format format, Time now) {
  net::Headers headers;
  const auto wait = until(refusal.again_at, now);
  headers.add("retry-after", std::to_string(wait.count()));
  if (wait > kWorthRetrying) headers.add("x-should-retry", "false");
  put_standings(headers, refusal.standings, format, now);
  return headers;
}

void put_standings(net::Headers& headers, const LimitStandings& standings, wire::Format format,
                   Time now) {
  put_standing(headers, "requests", format, now, standings.requests);
  put_standing(headers, "tokens", format, now, standings.tokens);
}

void LimitNotice::put(net::Headers& headers) const {
  const Time now = clock_.now();
  put_standings(headers, standings(accounts_, now), format_, now);
}

}  // namespace hone::capture
