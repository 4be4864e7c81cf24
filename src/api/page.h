// What lets pages of the company's own say what people make of an answer (docs/guides/pages.md):
// the file /hone.js, the answers that a browser wants before a page of another origin may post
// feedback (CORS), and the beacon, which a page sends as it goes away. Only POST /api/v1/feedback
// is opened to other origins, and only to those that hone.toml names; nothing can be read.
//
//   if (request.method == "OPTIONS") return preflight(request, origins);
//   auto beacon = read_beacon(request);            // the key is inside
//   …
//   allow_origin(response, request, origins);      // on every answer, refusals too
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "net/http.h"

namespace hone::api {

// "https://reports.example.org", "http://localhost:3000": as browsers write them.
using PageOrigins = std::vector<std::string>;

// kInvalid says how it is written.
[[nodiscard]] Result<void> check_origin(std::string_view origin);

// web/page/hone.js as it was when this program was built; under 4 KB.
[[nodiscard]] std::string_view page_script_text();
// The file with its ETag; 304 to who has it.
[[nodiscard]] net::Response page_script(const net::Request& request);

// To OPTIONS: 204 to an origin that may post, 403 to another.
[[nodiscard]] net::Response preflight(const net::Request& request, const PageOrigins& origins);
// Lets the page read the answer, where its origin is one of `origins`.
void allow_origin(net::Response& response, const net::Request& request, const PageOrigins& origins);
// False where a browser says that a page of an origin sent it that is neither our own nor named.
[[nodiscard]] bool origin_may_post(const net::Request& request, const PageOrigins& origins);

// A beacon cannot have headers, so it is text/plain, {"key": "…", "feedback": …}: as the request
// that it stands for. nullopt where the request is none; kInvalid, kTooLarge where it is a wrong
// one.
[[nodiscard]] Result<std::optional<net::Request>> read_beacon(const net::Request& request);

}  // namespace hone::api
