// Addresses of HTTP services.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace hone::net {

struct Url {
  std::string scheme;  // "http" or "https"
  std::string host;    // without brackets
  std::uint16_t port = 0;
  std::string target;  // path and query, at least "/"

  [[nodiscard]] bool tls() const { return scheme == "https"; }
  // "host:port" as the Host header has it; the scheme's own port is left out.
  [[nodiscard]] std::string authority() const;
  [[nodiscard]] std::string origin() const;  // "http://host:port"
  [[nodiscard]] std::string text() const;
};

// Accepts http:// and https:// with host, optional port, path and query. No user, no fragment.
[[nodiscard]] Result<Url> parse_url(std::string_view text);

// `base` with `target` ("/v1/models?limit=5") put behind its path: a base of "http://h/prefix"
// gives "http://h/prefix/v1/models?limit=5".
[[nodiscard]] Url with_target(const Url& base, std::string_view target);

}  // namespace hone::net
