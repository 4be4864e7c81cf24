// Answers to who comes to an address in the wrong way.
#pragma once

#include <string_view>

#include "base/result.h"
#include "net/http.h"

namespace hone::api {

// 405, with the method that the address takes.
[[nodiscard]] net::Response not_allowed(std::string_view allowed);
// 401, whatever the error's code.
[[nodiscard]] net::Response unauthorized(const Error& error);

}  // namespace hone::api
