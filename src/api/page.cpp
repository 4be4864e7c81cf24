#include "api/page.h"

#include <algorithm>

#include "base/hash.h"
#include "base/json.h"
#include "base/text.h"

namespace hone::api {
namespace {

constexpr std::size_t kMaxBeaconBytes = 128U << 10;  // browsers send 64 KiB at most
constexpr std::string_view kScriptAge = "public, max-age=600";
constexpr std::string_view kPreflightAge = "7200";  // seconds; the most that Chromium keeps one

bool is_named(const std::string& origin, const PageOrigins& origins) {
  return std::ranges::find(origins, origin) != origins.end();
}

// As a weak comparison wants it (RFC 9110, section 13.1.2): W/ says nothing, * matches all.
bool has_tag(std::string_view list, std::string_view tag) {
  while (!list.empty()) {
    const auto comma = std::min(list.find(','), list.size());
    std::string_view one = list.substr(0, comma);
    list.remove_prefix(std::min(comma + 1, list.size()));
    one = trimmed(one, " \t");
    if (one.starts_with("W/")) one.remove_prefix(2);
    if (one == "*" || one == tag) return true;
  }
  return false;
}

const std::string& script_tag() {
  static const std::string tag = '"' + hex(sha256(page_script_text())).substr(0, 32) + '"';
  return tag;
}

Error stranger(const std::string& origin) {
  return {ErrorCode::kDenied, "pages of " + origin.substr(0, 256) +
                                  " may not post here: name it in hone.toml, [page] origins"};
}

}  // namespace

Result<void> check_origin(std::string_view origin) {
  const bool tls = origin.starts_with("https://");
  const std::string_view host =
      tls || origin.starts_with("http://") ? origin.substr(tls ? 8 : 7) : std::string_view();
  const bool plain = std::ranges::all_of(host, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
           std::string_view("-.:[]_").contains(c);
  });
  if (!host.empty() && host.size() <= 255 && plain && !host.ends_with(tls ? ":443" : ":80")) {
    return {};
  }
  return fail(ErrorCode::kInvalid,
              "'" + std::string(origin.substr(0, 256)) +
                  "' is no origin: write it as browsers do, https://reports.example.org or "
                  "http://localhost:3000, in lower case, without a path, * or the usual port");
}

net::Response page_script(const net::Request& request) {
  net::Response response;
  const std::string* known = request.headers.find("if-none-match");
  if (known != nullptr && has_tag(*known, script_tag())) {
    response.status = 304;
  } else {
    response =
        net::text_response(200, std::string(page_script_text()), "text/javascript; charset=utf-8");
    response.headers.set("x-content-type-options", "nosniff");
    // It is everyone's, and a page that checks its digest (integrity=) must be able to read it.
    response.headers.set("access-control-allow-origin", "*");
    response.headers.set("cross-origin-resource-policy", "cross-origin");
  }
  response.headers.set("etag", script_tag());
  response.headers.set("cache-control", std::string(kScriptAge));
  return response;
}

net::Response preflight(const net::Request& request, const PageOrigins& origins) {
  const std::string origin = request.headers.get("origin");
  if (!is_named(origin, origins)) {
    auto refused = net::error_response(
        origin.empty() ? Error{ErrorCode::kDenied, "OPTIONS is for browsers: no 'origin' is given"}
                       : stranger(origin));
    refused.headers.set("vary", "origin");
    return refused;
  }
  net::Response response;
  response.status = 204;
  allow_origin(response, request, origins);
  response.headers.set("access-control-allow-methods", "POST");
  response.headers.set("access-control-allow-headers", "authorization, content-type, x-api-key");
  response.headers.set("access-control-max-age", std::string(kPreflightAge));
  if (request.headers.get("access-control-request-private-network") == "true") {
    response.headers.set("access-control-allow-private-network", "true");
  }
  return response;
}

void allow_origin(net::Response& response, const net::Request& request,
                  const PageOrigins& origins) {
  response.headers.set("vary", "origin");
  const std::string origin = request.headers.get("origin");
  if (is_named(origin, origins)) response.headers.set("access-control-allow-origin", origin);
}

bool origin_may_post(const net::Request& request, const PageOrigins& origins) {
  const std::string* origin = request.headers.find("origin");
  if (origin == nullptr || is_named(*origin, origins)) return true;
  const auto host = origin->find("://");
  const std::string own = request.headers.get("host");
  return host != std::string::npos && !own.empty() &&
         net::same_name(std::string_view(*origin).substr(host + 3), own);
}

Result<std::optional<net::Request>> read_beacon(const net::Request& request) {
  const std::optional<net::Request> none;
  const std::string type = request.headers.get("content-type");
  constexpr std::string_view kPlain = "text/plain";
  if (request.method != "POST" ||
      !net::same_name(std::string_view(type).substr(0, kPlain.size()), kPlain)) {
    return none;
  }
  if (request.body.size() > kMaxBeaconBytes) {
    return fail(ErrorCode::kTooLarge,
                "a text/plain body is a beacon, of 128 KiB at most; send application/json, with "
                "the key in a header");
  }
  auto body = parse_json(request.body);
  const auto* object = body ? body->if_object() : nullptr;
  const json::value* feedback = object != nullptr ? object->if_contains("feedback") : nullptr;
  if (feedback == nullptr) return none;
  if (auto only = only_fields(*object, {"key", "feedback"}); !only) return fail(only.error());
  auto key = optional_field<std::string>(*object, "key");
  if (!key) return fail(key.error());
  net::Request meant;
  meant.method = request.method;
  meant.target = request.target;
  meant.headers = request.headers;
  meant.peer = request.peer;
  meant.body = json::serialize(*feedback);
  if (*key && !(*key)->empty()) meant.headers.set("x-api-key", **key);
  return std::optional<net::Request>(std::move(meant));
}

}  // namespace hone::api
