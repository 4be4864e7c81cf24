// Errors as values. `Result<T>` carries what the world did to us (input, disk, network); an `Error`
// has a code for programs and a message for the person who can act: it names the field, file or
// line and what to do. Exceptions from libraries are caught where we call them and become an
// `Error`.
//
//   Result<Port> parse_port(std::string_view text);
//   auto port = parse_port(text);
//   if (!port) return fail(port.error().with("server.listen"));
//
// `HONE_ASSERT` is for what only a bug of ours can do; it stays on in release. Never use it for
// input.
#pragma once

#include <expected>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace hone {

enum class ErrorCode {
  kInvalid,      // the caller's input is wrong
  kNotFound,     // the thing named does not exist
  kConflict,     // it exists already, or is in another state
  kDenied,       // not allowed: key, consent, terms
  kUnavailable,  // cannot be done now: locked, down, full, shutting down
  kTimeout,      // a deadline passed
  kTooLarge,     // a limit on size, depth or count
  kCorrupt,      // stored or sent bytes are damaged
  kIo,           // the disk or network failed
  kInternal,     // a library failed in a way that nobody outside can mend
};

// "invalid", "not_found", …: the spelling used in API answers and logs.
[[nodiscard]] std::string_view name(ErrorCode code);

struct [[nodiscard]] Error {
  ErrorCode code = ErrorCode::kInternal;
  std::string message;

  // The same error, its message led by where it happened: "hone.toml: line 3: …".
  [[nodiscard]] Error with(std::string_view place) const;
};

template <typename T>
using Result = std::expected<T, Error>;

[[nodiscard]] inline std::unexpected<Error> fail(Error error) {
  return std::unexpected(std::move(error));
}
[[nodiscard]] inline std::unexpected<Error> fail(ErrorCode code, std::string message) {
  return std::unexpected(Error{code, std::move(message)});
}

[[noreturn]] void assertion_failed(const char* expression, const char* file, int line);

}  // namespace hone

#define HONE_ASSERT(expression) \
  ((expression) ? (void)0 : ::hone::assertion_failed(#expression, __FILE__, __LINE__))
