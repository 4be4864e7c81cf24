// Digests as they stand in the database: blocks and nodes of the conversation tree are named by 64
// hexadecimal digits wherever people and programs see them, and by the 32 bytes in their tables,
// where each name stands twice (row and index).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "store/database.h"

namespace hone::store {

// The bytes of pairs of hexadecimal digits, small or capital; nothing where it is anything else.
[[nodiscard]] std::optional<std::string> unhex(std::string_view digits);

// The bytes of 64 small hexadecimal digits; nothing where `name` is no digest. What comes back from
// a query is written out by SQL: encode(hash, 'hex').
[[nodiscard]] std::optional<Bytes> digest_bytes(std::string_view name);

}  // namespace hone::store
