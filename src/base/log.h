// Logs go to standard error, one line each, through spdlog.
// Never log content, names or keys: ids, counts, times and error messages of ours only.
#pragma once

#include <string_view>

#include <spdlog/spdlog.h>

namespace hone {

// Level is "debug", "info", "warn" or "error". Call once, from main.
void start_log(std::string_view program, std::string_view level = "info");

}  // namespace hone
