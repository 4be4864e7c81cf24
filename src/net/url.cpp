#include "net/url.h"

#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>

namespace hone::net {
namespace {

std::uint16_t default_port(std::string_view scheme) {
  return scheme == "https" ? 443 : 80;
}

}  // namespace

std::string Url::authority() const {
  const bool ipv6 = host.find(':') != std::string::npos;
  std::string out = ipv6 ? "[" + host + "]" : host;
  if (port != default_port(scheme)) out += ":" + std::to_string(port);
  return out;
}

std::string Url::origin() const {
  return scheme + "://" + authority();
}

std::string Url::text() const {
  return origin() + target;
}

Result<Url> parse_url(std::string_view text) {
  const auto parsed = boost::urls::parse_uri(boost::urls::string_view(text.data(), text.size()));
  const std::string shown = "'" + std::string(text.substr(0, 200)) + "'";
  if (!parsed) return fail(ErrorCode::kInvalid, shown + " is not a URL like http://host:port/path");
  const boost::urls::url_view& view = *parsed;
  Url url;
  url.scheme = std::string(view.scheme());
  if (url.scheme != "http" && url.scheme != "https") {
    return fail(ErrorCode::kInvalid, shown + " must begin with http:// or https://");
  }
  if (view.has_userinfo() || view.has_fragment()) {
    return fail(ErrorCode::kInvalid, shown + " may hold neither a user nor a fragment");
  }
  url.host = std::string(view.host_address());
  if (url.host.empty()) return fail(ErrorCode::kInvalid, shown + " names no host");
  const std::string port(view.port());
  url.port = default_port(url.scheme);
  if (!port.empty()) url.port = port.size() > 5 || std::stoi(port) > 65535 ? 0 : std::stoi(port);
  if (url.port == 0) return fail(ErrorCode::kInvalid, shown + " has no usable port");
  url.target = std::string(view.encoded_path());
  if (url.target.empty()) url.target = "/";
  if (view.has_query()) url.target += "?" + std::string(view.encoded_query());
  return url;
}

Url with_target(const Url& base, std::string_view target) {
  Url url = base;
  std::string prefix = base.target.substr(0, base.target.find('?'));
  while (prefix.ends_with('/')) prefix.pop_back();
  url.target = prefix + std::string(target);
  return url;
}

}  // namespace hone::net
