#include "api/assets.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

namespace hone::api {
namespace {

constexpr std::array<std::pair<std::string_view, std::string_view>, 4> kTypes = {
    {{".html", "text/html; charset=utf-8"},
     {".js", "text/javascript; charset=utf-8"},
     {".css", "text/css; charset=utf-8"},
     {".svg", "image/svg+xml"}}};

std::string type_of(std::string_view path) {
  for (const auto& [ending, type] : kTypes) {
    if (path.ends_with(ending)) return std::string(type);
  }
  return "application/octet-stream";
}

}  // namespace

net::Response asset_response(std::string_view path) {
  const auto& assets = embedded_assets();
  if (assets.empty()) {
    return net::text_response(404, "The dashboard is not part of this build (HONE_WEB=OFF).\n");
  }
  const bool is_file = path.starts_with("/assets/");
  const std::string_view wanted = is_file ? path : "/index.html";
  const auto asset = std::find_if(assets.begin(), assets.end(),
                                  [&](const Asset& one) { return one.path == wanted; });
  if (asset == assets.end()) return net::text_response(404, "There is no such file.\n");
  auto response = net::text_response(200, std::string(asset->bytes), type_of(asset->path));
  // Files under /assets/ carry a digest of their content in their name.
  response.headers.set("cache-control",
                       is_file ? "public, max-age=31536000, immutable" : "no-cache");
  response.headers.set("x-content-type-options", "nosniff");
  response.headers.set("x-frame-options", "DENY");
  response.headers.set(
      "content-security-policy",
      "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'");
  return response;
}

}  // namespace hone::api
