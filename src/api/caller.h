// Who calls the API, from `Authorization: Bearer KEY` or `x-api-key: KEY`, and what they may see:
// an employee what is theirs, the other roles what is everyone's.
#pragma once

#include "base/result.h"
#include "net/http.h"
#include "people/directory.h"

namespace hone::api {

// In open mode a call without a key is a platform engineer's without a name.
[[nodiscard]] Result<people::Caller> identify(const net::Request& request,
                                              const people::Directory& directory, bool open);

[[nodiscard]] inline bool sees_everyone(const people::Caller& caller) {
  return caller.role != people::Role::kEmployee;
}

}  // namespace hone::api
