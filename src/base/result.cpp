#include "base/result.h"

#include <cstdio>
#include <cstdlib>

namespace hone {

std::string_view name(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalid:
      return "invalid";
    case ErrorCode::kNotFound:
      return "not_found";
    case ErrorCode::kConflict:
      return "conflict";
    case ErrorCode::kDenied:
      return "denied";
    case ErrorCode::kUnavailable:
      return "unavailable";
    case ErrorCode::kTimeout:
      return "timeout";
    case ErrorCode::kTooLarge:
      return "too_large";
    case ErrorCode::kCorrupt:
      return "corrupt";
    case ErrorCode::kIo:
      return "io";
    case ErrorCode::kInternal:
      return "internal";
  }
  return "internal";
}

Error Error::with(std::string_view place) const {
  return Error{code, std::string(place) + ": " + message};
}

void assertion_failed(const char* expression, const char* file, int line) {
  std::fprintf(stderr, "hone: bug: %s:%d: %s does not hold\n", file, line, expression);
  std::abort();
}

}  // namespace hone
