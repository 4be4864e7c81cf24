// Checks the raw bytes of a message's head before anything acts on it. Beast's parser accepts
// framings that another party on the path may read differently (request smuggling: a body that one
// side takes for the next request); what is ambiguous is refused here, with 400 and the connection
// closed. RFC 9112 sections 3.2, 5.2, 6.1 and 6.3.
#pragma once

#include <string_view>

#include "base/result.h"

namespace hone::net {

struct HeadLimits {
  std::size_t bytes = 32U << 10;
  std::size_t fields = 100;
};

// `head` ends with its empty line. Errors are kInvalid, or kTooLarge for the limits.
[[nodiscard]] Result<void> check_request_head(std::string_view head, HeadLimits limits = {});
// The same rules for what an upstream answers, but those about Host and the request line.
[[nodiscard]] Result<void> check_response_head(std::string_view head, HeadLimits limits = {});

// All chunk extensions of one message together.
inline constexpr std::size_t kMaxChunkExtensionBytes = 256;

}  // namespace hone::net
