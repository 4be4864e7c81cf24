#include "store/sqlite_functions.h"

#include <sqlite3.h>

#include <string>
#include <string_view>

#include "base/hash.h"
#include "store/digest.h"

namespace hone::store {
namespace {

std::string_view text_of(sqlite3_value* value) {
  const auto* text = reinterpret_cast<const char*>(sqlite3_value_text(value));
  if (text == nullptr) return {};
  return {text, static_cast<std::size_t>(sqlite3_value_bytes(value))};
}

// True where the second argument is 'hex'; the call has its error otherwise.
bool is_hex(sqlite3_context* context, sqlite3_value** arguments) {
  if (text_of(arguments[1]) == "hex") return true;
  sqlite3_result_error(context, "the only encoding is 'hex'", -1);
  return false;
}

void encode(sqlite3_context* context, int /*count*/, sqlite3_value** arguments) {
  if (!is_hex(context, arguments)) return;
  if (sqlite3_value_type(arguments[0]) == SQLITE_NULL) return;
  const auto* bytes = static_cast<const char*>(sqlite3_value_blob(arguments[0]));
  const auto size = static_cast<std::size_t>(sqlite3_value_bytes(arguments[0]));
  const std::string digits =
      hex(bytes == nullptr ? std::string_view() : std::string_view(bytes, size));
  sqlite3_result_text64(context, digits.data(), digits.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
}

void decode(sqlite3_context* context, int /*count*/, sqlite3_value** arguments) {
  if (!is_hex(context, arguments)) return;
  if (sqlite3_value_type(arguments[0]) == SQLITE_NULL) return;
  const auto bytes = unhex(text_of(arguments[0]));
  if (!bytes) {
    sqlite3_result_error(context, "decode: not pairs of hexadecimal digits", -1);
    return;
  }
  sqlite3_result_blob64(context, bytes->data(), bytes->size(), SQLITE_TRANSIENT);
}

}  // namespace

int add_functions(sqlite3* handle) {
  constexpr int kFlags = SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS;
  const int code = sqlite3_create_function_v2(handle, "encode", 2, kFlags, nullptr, encode, nullptr,
                                              nullptr, nullptr);
  if (code != SQLITE_OK) return code;
  return sqlite3_create_function_v2(handle, "decode", 2, kFlags, nullptr, decode, nullptr, nullptr,
                                    nullptr);
}

}  // namespace hone::store
