// The dashboard's files, built from web/ by npm and embedded in the program.
#pragma once

#include <string_view>
#include <vector>

#include "net/http.h"

namespace hone::api {

struct Asset {
  std::string_view path;  // "/index.html"
  std::string_view bytes;
};

// Empty where the program was built without the dashboard. Defined by cmake/embed.py.
[[nodiscard]] const std::vector<Asset>& embedded_assets();

// A file by its path; the dashboard's page for every address that names none, since the page itself
// knows its addresses; 404 for a file that is not there.
[[nodiscard]] net::Response asset_response(std::string_view path);

}  // namespace hone::api
