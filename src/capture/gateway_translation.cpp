// The way of a call whose upstream speaks another format than its client.
#include "capture/gateway_translation.h"

#include <algorithm>
#include <array>
#include <utility>

#include "capture/gateway.h"
#include "capture/gateway_headers.h"

namespace hone::capture {
namespace {

constexpr const char* kAnthropicVersion = "2023-06-01";

// Versions, betas, organisations, limits, and what the provider's own SDK says about itself.
bool belongs_to_protocol(std::string_view name) {
  constexpr std::array<std::string_view, 3> kPrefixes = {"anthropic-", "openai-", "x-stainless-"};
  return net::same_name(name, "x-app") ||
         std::any_of(kPrefixes.begin(), kPrefixes.end(),
                     [&](std::string_view prefix) { return begins_with(name, prefix); });
}

// What describes a body that is not the one sent on.
bool describes_body(std::string_view name) {
  constexpr std::array<std::string_view, 4> kNames = {"content-type", "content-length",
                                                      "content-encoding", "accept-encoding"};
  return std::any_of(kNames.begin(), kNames.end(),
                     [&](std::string_view known) { return net::same_name(name, known); });
}

net::Headers without_these(const net::Headers& from) {
  net::Headers out;
  for (const auto& field : from) {
    if (belongs_to_protocol(field.name) || describes_body(field.name)) continue;
    out.add(field.name, field.value);
  }
  return out;
}

// Anthropic's servers look for x-api-key, OpenAI's and those like them for a bearer.
void place_key(net::Headers& headers, wire::Format format) {
  const bool anthropic = format == wire::Format::kAnthropicMessages;
  const std::string key = headers.get("x-api-key");
  const std::string authorization = headers.get("authorization");
  if (!anthropic && authorization.empty() && !key.empty()) {
    headers.remove("x-api-key");
    headers.add("Authorization", "Bearer " + key);
  } else if (const auto given = bearer(authorization); anthropic && key.empty() && given) {
    headers.remove("authorization");
    headers.add("x-api-key", std::string(*given));
  }
}

std::optional<wire::Format> translated_format(const Upstream& upstream, wire::Format client) {
  for (const auto format : upstream.wires) {
    if (wire::can_translate(client, format)) return format;
  }
  return std::nullopt;
}

}  // namespace

net::Headers translated_request_headers(const net::Headers& sent, const Upstream& upstream,
                                        wire::Format format, std::string_view our_key) {
  net::Headers out = without_these(headers_to_upstream(sent, upstream, format, our_key));
  place_key(out, format);
  if (format == wire::Format::kAnthropicMessages) out.add("anthropic-version", kAnthropicVersion);
  out.add("content-type", "application/json");
  out.add("accept-encoding", "identity");
  return out;
}

net::Headers translated_answer_headers(const net::Headers& answer, wire::Format client,
                                       const std::string& request_id) {
  net::Headers out = without_these(answer);
  const bool anthropic = client == wire::Format::kAnthropicMessages;
  if (!request_id.empty()) out.set(anthropic ? "request-id" : "x-request-id", request_id);
  out.add("content-type", "text/event-stream");
  return out;
}

bool Gateway::can_answer(const Upstream& upstream, const net::Request& request,
                         wire::Format format) {
  if (speaks(upstream, format)) return true;
  return request.path() == wire::path_of(format) && translated_format(upstream, format);
}

// The call was made for `format`, and its upstream does not speak it.
Result<Gateway::Outgoing> Gateway::translate(const net::Request& request, const Identity& identity,
                                             wire::Format format, Outgoing call) const {
  const Upstream& upstream = *call.target.upstream;
  const std::string speaks = "model '" + call.target.route.alias + "' is served by upstream '" +
                             upstream.name + "', which speaks " + wire_names(upstream);
  // To count tokens with another model's tokenizer would be a guess: clients make their own.
  if (request.path() != wire::path_of(format)) {
    return fail(ErrorCode::kNotFound,
                speaks + " and has no " + std::string(request.path()) + " in any format it knows");
  }
  const auto there = translated_format(upstream, format);
  if (!there) {
    return fail(ErrorCode::kInvalid, speaks + " and not " + std::string(wire::name(format)));
  }
  const auto body = parse_json_object(call.body.text());
  if (!body) return fail(body.error());
  auto made = wire::translate_request(format, *there, *body,
                                      {call.target.route.upstream_model, upstream.max_tokens});
  if (!made) return fail(made.error());
  call.request.url = net::with_target(upstream.url, made->path);
  call.request.headers =
      translated_request_headers(request.headers, upstream, *there, identity.key);
  call.request.body = std::move(made->body);
  call.translation = made->plan;
  return call;
}

// Null for a call that needs none.
std::unique_ptr<wire::AnswerTranslator> Gateway::answer_translator(
    const Outgoing& call, const std::string& request_id) const {
  if (!call.translation) return nullptr;
  return std::make_unique<wire::AnswerTranslator>(
      *call.translation,
      wire::AnswerIds{.id = request_id, .created_seconds = to_millis(parts_.clock.now()) / 1000});
}

}  // namespace hone::capture
