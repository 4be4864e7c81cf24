// What happens to header fields on their way through the gateway. Names, values and order stay;
// what belongs to one connection, and what was meant for us, goes no further.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "capture/upstream.h"
#include "net/http.h"
#include "wire/call.h"

namespace hone::capture {

// Ignores ASCII case.
[[nodiscard]] bool begins_with(std::string_view text, std::string_view prefix);
// What stands behind "Bearer "; nullopt where that does not stand there.
[[nodiscard]] std::optional<std::string_view> bearer(std::string_view authorization);

// The first of `x-hone-key`, `x-api-key` and `Authorization: Bearer`; "" without any.
[[nodiscard]] std::string caller_key(const net::Headers& headers);

// A request's headers for `upstream`. `our_key` is the key by which we know the caller: it never
// leaves us. The upstream's own key takes its place, in the form that the wire's clients use.
[[nodiscard]] net::Headers headers_to_upstream(const net::Headers& sent, const Upstream& upstream,
                                               wire::Format format, std::string_view our_key);

// An answer's headers for the client, without those of the upstream's connection.
[[nodiscard]] net::Headers headers_to_client(const net::Headers& received);

// Which tool is calling: x-hone-tool, or the user agent's product by its usual name; "unknown".
[[nodiscard]] std::string tool_name(const net::Headers& headers);

// As a label that is safe to store: letters, digits and ._:- only, of the first 64 bytes.
[[nodiscard]] std::string as_label(std::string_view text);
// A header's value as a label.
[[nodiscard]] std::string label(const net::Headers& headers, std::string_view name);

// The upstream's id of a request, under either of the names in use.
[[nodiscard]] std::string request_id(const net::Headers& received);

[[nodiscard]] bool is_event_stream(const net::Headers& received);

}  // namespace hone::capture
