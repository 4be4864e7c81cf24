#include "api/caller.h"

namespace hone::api {

std::string key_of(const net::Request& request) {
  if (const auto* key = request.headers.find("x-api-key")) return *key;
  const std::string value = request.headers.get("authorization");
  if (value.size() > 7 && net::same_name(std::string_view(value).substr(0, 7), "bearer ")) {
    return value.substr(7);
  }
  return "";
}

Result<people::Caller> identify(const net::Request& request, const people::Directory& directory,
                                bool open, people::KeyScope needed) {
  const std::string key = key_of(request);
  if (key.empty() && open) {
    people::Caller anyone;
    anyone.role = people::Role::kPlatform;
    return anyone;
  }
  if (key.empty()) {
    return fail(ErrorCode::kDenied,
                "no API key: send 'Authorization: Bearer KEY' or 'x-api-key: KEY'; "
                "`hone key create --person NAME` makes one");
  }
  auto caller = directory.find_key(key, needed);
  if (!caller && directory.find_key(key, people::KeyScope::kFeedback)) {
    return fail(ErrorCode::kDenied, "this API key opens feedback only: POST /api/v1/feedback");
  }
  if (!caller) return fail(ErrorCode::kDenied, "this API key is not known, or was revoked");
  return *caller;
}

bool is_stray_page(const net::Request& request, const people::Caller& caller) {
  return caller.key_id.empty() && request.headers.has("origin");
}

}  // namespace hone::api
