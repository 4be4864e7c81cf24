// Which upstream a call goes to where an alias has several: those that are well in their order,
// then those that rest, until one answers. The next is asked only while nothing has gone to the
// client.
#include <algorithm>
#include <memory>

#include "base/log.h"
#include "capture/gateway.h"
#include "capture/gateway_relay.h"

namespace hone::capture {
namespace {

bool another_may_answer(const RelayOutcome& outcome) {
  return outcome.status == 0 &&
         (outcome.failure == RelayFailure::kUnreachable ||
          outcome.failure == RelayFailure::kTimeout || outcome.failure == RelayFailure::kDeclined);
}

}  // namespace

// The one that is meant and who may stand in; empty where nobody may.
std::vector<Gateway::Target> Gateway::targets_of(const Target& meant, const net::Request& request,
                                                 wire::Format format) const {
  const Fallbacks& fallbacks = fallbacks_.get();
  if (fallbacks.empty()) return {};
  const auto found = fallbacks.find(meant.route.alias);
  if (found == fallbacks.end()) return {};
  std::vector<Target> targets = {meant};
  for (const auto& fallback : found->second) {
    const Upstream* upstream = parts_.upstreams.find(fallback.upstream);
    if (upstream == nullptr || !can_answer(*upstream, request, format)) continue;
    const std::string& model = fallback.model.empty() ? meant.route.upstream_model : fallback.model;
    Target target;
    target.upstream = upstream;
    target.route = {.alias = meant.route.alias,
                    .upstream = upstream->name,
                    .upstream_model = model,
                    .model = model,
                    .arm = "",
                    .release = "",
                    .propensity = 1,
                    .trainable = upstream->trainable};
    targets.push_back(std::move(target));
  }
  return targets;
}

net::awaitable<RelayOutcome> Gateway::ask(const net::Request& request, net::Responder& out,
                                          const Identity& identity, wire::Format format,
                                          Outgoing& call, RelayStamp stamp, RelayOptions options) {
  auto targets = targets_of(call.target, request, format);
  if (targets.size() > 1) {
    co_return co_await ask_in_order(request, out, identity, format, call, std::move(stamp), options,
                                    std::move(targets));
  }
  auto outcome =
      co_await relay(parts_.client, std::move(call.request), out, std::move(stamp), options);
  note(*call.target.upstream, outcome);
  co_return outcome;
}

net::awaitable<RelayOutcome> Gateway::ask_in_order(const net::Request& request, net::Responder& out,
                                                   const Identity& identity, wire::Format format,
                                                   Outgoing& call, RelayStamp stamp,
                                                   RelayOptions options,
                                                   std::vector<Target> targets) {
  const Upstream* meant = call.target.upstream;
  const std::string meant_model = call.target.route.upstream_model;
  const Time now = parts_.clock.now();
  // Whoever rests comes last: a call that nobody else answers is not given up for that.
  const auto resting = std::stable_partition(
      targets.begin(), targets.end(),
      [now](const Target& target) { return target.upstream->health->usable(now); });
  const auto usable = static_cast<std::size_t>(resting - targets.begin());
  std::unique_ptr<wire::AnswerTranslator> translator;
  RelayOutcome outcome;
  bool asked = false;
  for (std::size_t i = 0; i < targets.size(); ++i) {
    const Upstream& upstream = *targets[i].upstream;
    const bool last = i + 1 == targets.size();
    // Another call finds out already whether it is back.
    if (i < usable && !upstream.health->claim(now) && !last) continue;
    const bool prepared =
        i == 0 && &upstream == meant && targets[i].route.upstream_model == meant_model;
    if (!prepared) {
      const auto made = redirect(call, std::move(targets[i]), request, identity, format);
      if (!made) {
        if (asked) continue;
        outcome.failure = RelayFailure::kUnreachable;
        outcome.message = made.error().message;
        continue;
      }
      translator = answer_translator(call, stamp.request_id);
      options.translator = translator.get();
      if (&upstream != meant) {
        ++upstream.health->counters.stood_in;
        if (!asked) ++meant->health->counters.passed_over;
      }
    }
    asked = true;
    options.may_decline = !last;
    RelayStamp same = stamp;
    outcome = co_await relay(parts_.client, std::move(call.request), out, std::move(same), options);
    note(upstream, outcome);
    if (!another_may_answer(outcome) || out.client_gone()) break;
  }
  co_return outcome;
}

void Gateway::note(const Upstream& upstream, const RelayOutcome& outcome) const {
  UpstreamHealth& health = *upstream.health;
  ++health.counters.calls;
  const bool error = outcome.upstream_status >= 500;
  if (error) ++health.counters.errors;
  bool broke = error;
  switch (outcome.failure) {
    case RelayFailure::kUnreachable:
      ++health.counters.unreachable;
      broke = true;
      break;
    case RelayFailure::kTimeout:
      ++health.counters.timeouts;
      broke = true;
      break;
    case RelayFailure::kCut:
      ++health.counters.cut;
      broke = true;
      break;
    case RelayFailure::kClientGone:
      if (outcome.upstream_status == 0) return;  // nobody knows how it would have ended
      break;
    case RelayFailure::kNone:
    case RelayFailure::kDeclined:
    case RelayFailure::kWithheld:
      break;
  }
  if (broke && health.failed(parts_.clock.now())) {
    spdlog::warn("upstream '{}' rests: {}", upstream.name,
                 error ? "it answers " + std::to_string(outcome.upstream_status) : outcome.message);
  }
  if (!broke && health.succeeded()) spdlog::info("upstream '{}' is back", upstream.name);
}

}  // namespace hone::capture
