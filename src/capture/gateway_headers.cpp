#include "capture/gateway_headers.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/text.h"

namespace hone::capture {
namespace {

using net::same_name;

constexpr std::size_t kMaxLabel = 64;
constexpr std::string_view kOurs = "x-hone-";

bool is_label_character(char c) {
  const char l = to_lower(c);
  return (l >= 'a' && l <= 'z') || (c >= '0' && c <= '9') ||
         std::string_view("._:-").find(c) != std::string_view::npos;
}

// RFC 9110, section 7.6.1, and what each connection counts for itself.
bool belongs_to_connection(std::string_view name) {
  constexpr std::array<std::string_view, 12> kNames = {"connection",
                                                       "keep-alive",
                                                       "proxy-authenticate",
                                                       "proxy-authorization",
                                                       "http2-settings",
                                                       "proxy-connection",
                                                       "te",
                                                       "trailer",
                                                       "transfer-encoding",
                                                       "upgrade",
                                                       "host",
                                                       "expect"};
  return std::any_of(kNames.begin(), kNames.end(),
                     [&](std::string_view known) { return same_name(name, known); });
}

// True where the value of `Connection: a, b` names the field too.
bool named_by_connection(std::string_view rest, std::string_view name) {
  while (!rest.empty()) {
    const auto comma = rest.find(',');
    const std::string_view word = trimmed(rest.substr(0, comma), " \t");
    if (!word.empty() && same_name(word, name)) return true;
    rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
  }
  return false;
}

net::Header credential(const Upstream& upstream, wire::Format format) {
  if (format == wire::Format::kAnthropicMessages) return {"x-api-key", upstream.api_key};
  return {"Authorization", "Bearer " + upstream.api_key};
}

}  // namespace

bool begins_with(std::string_view text, std::string_view prefix) {
  return same_name(text.substr(0, prefix.size()), prefix);
}

std::optional<std::string_view> bearer(std::string_view authorization) {
  constexpr std::string_view kBearer = "Bearer ";
  if (!begins_with(authorization, kBearer)) return std::nullopt;
  return authorization.substr(kBearer.size());
}

std::string caller_key(const net::Headers& headers) {
  if (const auto* key = headers.find("x-hone-key")) return *key;
  if (const auto* key = headers.find("x-api-key")) return *key;
  const auto* authorization = headers.find("authorization");
  if (authorization == nullptr) return {};
  return std::string(bearer(*authorization).value_or(""));
}

net::Headers headers_to_upstream(const net::Headers& sent, const Upstream& upstream,
                                 wire::Format format, std::string_view our_key) {
  net::Headers out;
  const std::string connection = sent.get("connection");
  bool key_placed = upstream.api_key.empty();
  for (const auto& field : sent) {
    if (belongs_to_connection(field.name) || named_by_connection(connection, field.name)) continue;
    if (begins_with(field.name, kOurs)) continue;
    const bool is_key = same_name(field.name, "x-api-key");
    if (is_key || same_name(field.name, "authorization")) {
      if (!upstream.api_key.empty()) {
        if (key_placed) continue;
        auto own = credential(upstream, format);
        out.add(std::move(own.name), std::move(own.value));
        key_placed = true;
        continue;
      }
      const std::string_view secret = is_key ? field.value : bearer(field.value).value_or("");
      if (!our_key.empty() && secret == our_key) continue;
    }
    out.add(field.name, field.value);
  }
  if (!key_placed) {
    auto own = credential(upstream, format);
    out.add(std::move(own.name), std::move(own.value));
  }
  return out;
}

net::Headers headers_to_client(const net::Headers& received) {
  net::Headers out;
  const std::string connection = received.get("connection");
  for (const auto& field : received) {
    if (belongs_to_connection(field.name) || named_by_connection(connection, field.name)) continue;
    out.add(field.name, field.value);
  }
  return out;
}

std::string tool_name(const net::Headers& headers) {
  if (auto named = label(headers, "x-hone-tool"); !named.empty()) return named;
  const std::string agent = headers.get("user-agent");
  const std::string product = lower_case(as_label(agent.substr(0, agent.find_first_of("/ ("))));
  constexpr std::array<std::pair<std::string_view, std::string_view>, 11> kKnown = {{
      {"claude-cli", "claude-code"},
      {"codex_exec", "codex"},
      {"codex_cli_rs", "codex"},
      {"codex-cli", "codex"},
      {"openai", "openai-sdk"},
      {"asyncopenai", "openai-sdk"},
      {"anthropic", "anthropic-sdk"},
      {"asyncanthropic", "anthropic-sdk"},
      {"ai", "vercel-ai"},
      {"ai-sdk", "vercel-ai"},
      {"langchainjs-openai", "langchain"},
  }};
  for (const auto& [seen, name] : kKnown) {
    if (product == seen) return std::string(name);
  }
  return product.empty() ? "unknown" : product;
}

std::string as_label(std::string_view text) {
  std::string out;
  for (const char c : text.substr(0, kMaxLabel)) {
    if (is_label_character(c)) out.push_back(c);
  }
  return out;
}

std::string label(const net::Headers& headers, std::string_view name) {
  const auto* value = headers.find(name);
  return value == nullptr ? std::string() : as_label(*value);
}

std::string request_id(const net::Headers& received) {
  const auto* id = received.find("request-id");
  return id != nullptr ? *id : received.get("x-request-id");
}

bool is_event_stream(const net::Headers& received) {
  return begins_with(received.get("content-type"), "text/event-stream");
}

}  // namespace hone::capture
