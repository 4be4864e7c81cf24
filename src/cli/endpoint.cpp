#include "cli/endpoint.h"

#include <unistd.h>

#include <charconv>

#include "base/text.h"

namespace hone::cli {

bool Endpoint::is_loopback() const {
  // "127.example.org" is a name of somebody's.
  const bool numbers = host.find_first_not_of("0123456789.") == std::string::npos;
  return (numbers && host.starts_with("127.")) || host == "::1" || host == "localhost";
}

bool is_name_of_this_machine(std::string_view host) {
  if (host.starts_with('[')) return true;  // IPv6
  const std::string name = lower_case(host.substr(0, host.find(':')));
  if (name.find('.') == std::string::npos) return true;
  if (name.find_first_not_of("0123456789.") == std::string::npos) return true;
  for (const std::string_view domain : {".localhost", ".local", ".internal", ".lan", ".test"}) {
    if (name.ends_with(domain)) return true;
  }
  char own[256] = {};
  return ::gethostname(own, sizeof own - 1) == 0 && name == own;
}

Result<void> check_own_name(std::string_view host) {
  if (is_name_of_this_machine(host)) return {};
  return fail(ErrorCode::kDenied,
              "this server asks for no key, so it answers to the names of its own machine only "
              "(127.0.0.1, localhost), and not to '" +
                  std::string(host.substr(0, 256)) +
                  "'; server.auth = \"keys\" opens it to others");
}

Result<Endpoint> parse_endpoint(std::string_view text) {
  Endpoint endpoint{"127.0.0.1", 0};
  std::string_view port = text;
  if (const auto colon = text.rfind(':'); colon != std::string_view::npos) {
    std::string_view host = text.substr(0, colon);
    if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
    endpoint.host = host;
    port = text.substr(colon + 1);
  }
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), endpoint.port);
  if (error != std::errc() || end != port.data() + port.size() || endpoint.host.empty()) {
    return fail(ErrorCode::kInvalid,
                "'" + std::string(text) + "' is not an address; write it as 127.0.0.1:8700");
  }
  return endpoint;
}

}  // namespace hone::cli
