#include <cstdio>

#include "engine/commands/commands.h"

namespace hone::engine {

int exit_code(const Result<void>& result) {
  if (result) return 0;
  std::fprintf(stderr, "hone-engine: %s\n", result.error().message.c_str());
  return 1;
}

}  // namespace hone::engine
