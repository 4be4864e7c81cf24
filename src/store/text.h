// Text that any database can hold.
#pragma once

#include <string>
#include <string_view>

namespace hone::store {

// `text` with each byte that is not part of valid UTF-8 (RFC 3629), and each zero byte, replaced by
// U+FFFD: what tools send may be cut in the middle of a character, and PostgreSQL refuses both.
[[nodiscard]] std::string storable_text(std::string_view text);
// Whether nothing of it would be replaced.
[[nodiscard]] bool is_storable(std::string_view text);

}  // namespace hone::store
