// The conversation tree. A block is one message in canonical neutral form, named by its keyed hash
// and stored once; a node is (parent node, block); an interaction points at one node. Walking down
// from the root, a known prefix costs a hash per message and no parse, redaction or write. Written
// by store/tree_rows.h.
//
//   Path context = build_path(tenant_key, messages);
//   Path answer = build_path(tenant_key, {answer}, context.leaf, context.depth);
//
// Pure functions but for the readers, which take the database.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "store/database.h"
#include "store/records.h"

namespace hone::store {

// HMAC-SHA-256 under the tenant's key of the message's canonical JSON, in hex.
[[nodiscard]] std::string block_hash(std::string_view tenant_key, std::string_view canonical_json);
// SHA-256 over parent and block, in hex. `parent` is empty at a root.
[[nodiscard]] std::string node_hash(std::string_view parent, std::string_view block);

// A node with its block.
struct Step {
  Node node;
  Block block;
};

// The step that a message makes below `parent`, which has `parent_depth`.
[[nodiscard]] Step build_step(std::string_view tenant_key, std::string_view role,
                              std::string canonical_json, std::string_view parent,
                              std::int64_t parent_depth);

struct Path {
  std::vector<Node> nodes;    // from the root (or below `parent`) down
  std::vector<Block> blocks;  // one for each node
  std::string leaf;           // the last node; `parent` if there were no messages
  std::int64_t depth = 0;     // of the leaf
};

// The path of `messages` ({"role", "content": [parts]}) below `parent`, which has `parent_depth`.
// Block::content is the canonical JSON of the whole message.
[[nodiscard]] Path build_path(std::string_view tenant_key,
                              const std::vector<json::object>& messages,
                              std::string_view parent = {}, std::int64_t parent_depth = 0);

// The node with its block. kNotFound if either is not there.
[[nodiscard]] Result<Step> load_step(Database& db, std::string_view node);
// The messages from the root down to `node`. kNotFound if the node or one above it is not there.
[[nodiscard]] Result<std::vector<Block>> load_path(Database& db, std::string_view node);
// The messages below `ancestor` down to `node`; kNotFound if it does not lie below.
[[nodiscard]] Result<std::vector<Block>> load_suffix(Database& db, std::string_view ancestor,
                                                     std::string_view node);
// What directly follows `node`, by hash.
[[nodiscard]] Result<std::vector<Step>> children(Database& db, std::string_view node);
// Everything below `node`, nearest first; at most `limit`.
[[nodiscard]] Result<std::vector<Step>> descendants(Database& db, std::string_view node,
                                                    std::int64_t limit = 1000);

}  // namespace hone::store
