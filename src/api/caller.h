// Who calls the API, from `Authorization: Bearer KEY` or `x-api-key: KEY`, and what they may see:
// an employee what is theirs, the other roles what is everyone's.
#pragma once

#include <string>

#include "base/result.h"
#include "net/http.h"
#include "people/directory.h"

namespace hone::api {

// The key that the request brings; "" where it brings none.
[[nodiscard]] std::string key_of(const net::Request& request);

// In open mode a call without a key is a platform engineer's without a name. A key that opens
// feedback only is none, unless `needed` says that it will do.
[[nodiscard]] Result<people::Caller> identify(const net::Request& request,
                                              const people::Directory& directory, bool open,
                                              people::KeyScope needed = people::KeyScope::kAll);

// Whether a page posts to a server that asks it for no key. A browser asks nobody before it posts
// for a page that somebody looks at; no tool names an origin.
[[nodiscard]] bool is_stray_page(const net::Request& request, const people::Caller& caller);

// By which key a post came, for the source of its feedback; "open" without one.
[[nodiscard]] inline std::string key_name(const people::Caller& caller) {
  return caller.key_id.empty() ? "open" : caller.key_id;
}

[[nodiscard]] inline bool sees_everyone(const people::Caller& caller) {
  return caller.role != people::Role::kEmployee;
}

}  // namespace hone::api
