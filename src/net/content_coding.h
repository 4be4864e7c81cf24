// Undoes content codings (RFC 9110, section 8.4): gzip, deflate, br and zstd, one or two upon each
// other. It is for reading a copy of a body; what passes through us stays encoded as it is. What
// comes out is bounded, and nothing is reserved on the word of a header in the input, so that a
// bomb costs no more than its limit. Any thread; no state.
//
//   const std::string encoding = content_encoding(headers);
//   if (!encoding.empty()) {
//     auto decoded = decode_content(encoding, body, limit);
//     if (!decoded) …                          // kInvalid: not a coding we know; kTooLarge
//     use(decoded->body, decoded->whole);
//   }
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"
#include "net/http.h"

namespace hone::net {

// The codings of a body in the order in which they were applied, "gzip" or "gzip, br"; "" where
// there is none but "identity".
[[nodiscard]] std::string content_encoding(const Headers& headers);

struct Decoded {
  std::string body;    // as far as the input could be read
  bool whole = false;  // false: it ends too early, or is damaged from some byte on
};

// kInvalid: names a coding that is not one of ours, or too many of them. kTooLarge: more than
// `max_bytes` come out of a step.
[[nodiscard]] Result<Decoded> decode_content(std::string_view encoding, std::string_view body,
                                             std::size_t max_bytes);

}  // namespace hone::net
