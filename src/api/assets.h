// The dashboard's files, built from web/ by npm and embedded in the program.
#pragma once

#include <string_view>

#include "net/http.h"

namespace hone::api {

// "/" and every address of the dashboard's own give its page; 404 for files that are not there.
[[nodiscard]] net::Response asset_response(std::string_view path);

}  // namespace hone::api
