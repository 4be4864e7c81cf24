// The content of a block as its row holds it: as text, or, where that is worth it, as one zstd
// frame in the column `packed`. Rows of both kinds stand side by side, whatever the setting is now:
//
//   const PackedContent stored = pack_content(block.content, options.compress);
//   db.query("INSERT INTO block (…, content, packed) VALUES (…)", {…, stored.content,
//   stored.packed});
//
//   auto rows = db.query("SELECT " + std::string(kBlockColumns) + " FROM block b WHERE …");
//   auto block = read_block(rows->front());
//
// docs/formats/database.md says how to read such a block without Hone.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "store/database.h"
#include "store/records.h"

namespace hone::store {

// One of the two is NULL.
struct PackedContent {
  Value content;
  Value packed;
};

// Short texts, and those that zstd makes hardly shorter, stay text.
[[nodiscard]] PackedContent pack_content(std::string_view content, bool compress);

// What a query must select of a block `b` for the readers below. Where it comes by a LEFT JOIN,
// the column "block" is NULL where there is none.
inline constexpr std::string_view kBlockColumns =
    "encode(b.hash, 'hex') AS block, b.role, b.content, b.packed";

// kCorrupt where the frame is damaged or says that it holds more than a record may: names the
// block.
[[nodiscard]] Result<std::string> read_content(const Row& row);
[[nodiscard]] Result<Block> read_block(const Row& row);

}  // namespace hone::store
