// Where a server listens, as settings write it, and by which names it may be called.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace hone::cli {

struct Endpoint {
  std::string host;
  std::uint16_t port = 0;
  [[nodiscard]] bool is_loopback() const;
};

// Whether a request's Host (with or without its port) can only mean this machine: an address, a
// name without a dot, one under a domain that nobody can register, or the machine's own. A page can
// have its own name, on the internet, lead to 127.0.0.1 (DNS rebinding), and is then no stranger to
// a server there in the eyes of the browser.
[[nodiscard]] bool is_name_of_this_machine(std::string_view host);

// kDenied to who calls a server without keys by another name.
[[nodiscard]] Result<void> check_own_name(std::string_view host);

// "127.0.0.1:8700", "[::1]:8700" or "8700".
[[nodiscard]] Result<Endpoint> parse_endpoint(std::string_view text);

}  // namespace hone::cli
