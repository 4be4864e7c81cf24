// Header fields of a call that is translated (wire/translate.h): what belongs to the one format's
// protocol goes no further, what the other needs is added, the rest passes as ever.
#pragma once

#include <string>
#include <string_view>

#include "capture/upstream.h"
#include "net/http.h"
#include "wire/call.h"

namespace hone::capture {

// `upstream` speaks `format`, the client does not. No content coding is asked for: we must read the
// answer. A caller's own key for the provider goes in the form that the format's servers look for.
[[nodiscard]] net::Headers translated_request_headers(const net::Headers& sent,
                                                      const Upstream& upstream, wire::Format format,
                                                      std::string_view our_key);

// For a client of `client`, which finds the request's id under its own name. The answer's type
// becomes that of a stream; whoever sends something else sets it.
[[nodiscard]] net::Headers translated_answer_headers(const net::Headers& answer,
                                                     wire::Format client,
                                                     const std::string& request_id);

}  // namespace hone::capture
