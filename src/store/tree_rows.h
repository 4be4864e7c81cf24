// The conversation tree as rows: blocks and nodes are known outside by their hashes, and refer to
// each other by the numbers that the database gives them. For one record, in the caller's
// transaction:
//
//   TreeWriter tree(db, options.compress);
//   if (auto written = tree.write(interaction.blocks, interaction.nodes); !written) …
//   auto context = tree.reference(interaction.context_node);   // what the column takes
//
// Writing again changes nothing. A node may come before its parent, or be referred to and never
// come (the record that brings it was damaged, erased or set aside): it is then a row with nothing
// but its name, `block` NULL, and becomes whole when it comes. Readers take it as not there
// (kNotFound), and what hangs below it is not lost.
//
// Errors: the database's; kInvalid for a hash that is none.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "store/database.h"
#include "store/records.h"

namespace hone::store {

class TreeWriter {
 public:
  // `compress`: what pack_content may do (store/block_content.h).
  TreeWriter(Database& db, bool compress) : db_(db), compress_(compress) {}

  // A node whose block is neither among `blocks` nor stored is written as a name only.
  [[nodiscard]] Result<void> write(const std::vector<Block>& blocks,
                                   const std::vector<Node>& nodes);

  // The node's number, NULL for "". One that is not there is written as a name only.
  [[nodiscard]] Result<Value> reference(std::string_view node);

 private:
  using Numbers = std::unordered_map<std::string, std::int64_t>;  // by hash

  Result<void> write_block(const Block& block);
  Result<void> write_node(const Node& node);
  Result<Value> refer_to_node(std::string_view node, std::int64_t depth);
  Result<Value> find_block(const std::string& hash);

  Database& db_;
  const bool compress_;
  Numbers blocks_;  // of this record, so that what it brings is not looked up again
  Numbers nodes_;
};

}  // namespace hone::store
