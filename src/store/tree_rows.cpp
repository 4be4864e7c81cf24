#include "store/tree_rows.h"

#include <optional>

#include "store/block_content.h"
#include "store/digest.h"

namespace hone::store {
namespace {

constexpr std::string_view kFindBlock = "SELECT id FROM block WHERE hash = ?";
constexpr std::string_view kFindNode = "SELECT id FROM node WHERE hash = ?";

Result<Bytes> digest_of(std::string_view what, std::string_view hash) {
  auto bytes = digest_bytes(hash);
  if (bytes) return std::move(*bytes);
  return fail(ErrorCode::kInvalid, std::string(what) + " '" + std::string(hash.substr(0, 64)) +
                                       "' is no digest of 64 hexadecimal digits");
}

// The number in the only row and column, where there is one.
Result<std::optional<std::int64_t>> number_in(const Result<Rows>& rows) {
  if (!rows) return fail(rows.error());
  if (rows->empty()) return std::optional<std::int64_t>();
  return std::optional(rows->front().integer(std::size_t{0}));
}

// What was not inserted because it was there: written earlier, or by another process meanwhile.
Result<std::int64_t> inserted_or_found(Database& db, const Result<Rows>& inserted,
                                       std::string_view find, const Bytes& hash) {
  auto number = number_in(inserted);
  if (number && !*number) number = number_in(db.query(find, {hash}));
  if (!number) return fail(number.error());
  if (*number) return **number;
  return fail(ErrorCode::kUnavailable, "a row went away while it was looked for");
}

}  // namespace

Result<void> TreeWriter::write(const std::vector<Block>& blocks, const std::vector<Node>& nodes) {
  for (const Block& block : blocks) {
    if (auto written = write_block(block); !written) return written;
  }
  for (const Node& node : nodes) {
    if (auto written = write_node(node); !written) return written;
  }
  return {};
}

Result<Value> TreeWriter::reference(std::string_view node) {
  return refer_to_node(node, 0);
}

// Looked for first: many blocks are there already, and compressing one costs more than a look.
Result<void> TreeWriter::write_block(const Block& block) {
  auto hash = digest_of("block", block.hash);
  if (!hash) return fail(hash.error());
  auto known = number_in(db_.query(kFindBlock, {*hash}));
  if (!known) return fail(known.error());
  if (*known) {
    blocks_[block.hash] = **known;
    return {};
  }
  const PackedContent stored = pack_content(block.content, compress_);
  const auto inserted = db_.query(
      "INSERT INTO block (hash, role, content, packed) VALUES (?, ?, ?, ?)"
      " ON CONFLICT (hash) DO NOTHING RETURNING id",
      {*hash, block.role, stored.content, stored.packed});
  const auto number = inserted_or_found(db_, inserted, kFindBlock, *hash);
  if (!number) return fail(number.error());
  blocks_[block.hash] = *number;
  return {};
}

Result<void> TreeWriter::write_node(const Node& node) {
  auto hash = digest_of("node", node.hash);
  if (!hash) return fail(hash.error());
  auto parent = refer_to_node(node.parent, node.depth - 1);
  if (!parent) return fail(parent.error());
  auto block = find_block(node.block);
  if (!block) return fail(block.error());
  const auto inserted = db_.query(
      "INSERT INTO node (hash, parent, block, depth) VALUES (?, ?, ?, ?)"
      " ON CONFLICT (hash) DO UPDATE SET parent = excluded.parent, block = excluded.block,"
      " depth = excluded.depth WHERE node.block IS NULL RETURNING id",
      {*hash, *parent, *block, node.depth});
  const auto number = inserted_or_found(db_, inserted, kFindNode, *hash);
  if (!number) return fail(number.error());
  nodes_[node.hash] = *number;
  return {};
}

Result<Value> TreeWriter::refer_to_node(std::string_view node, std::int64_t depth) {
  if (node.empty()) return Value();
  const std::string name(node);
  if (const auto known = nodes_.find(name); known != nodes_.end()) return known->second;
  auto hash = digest_of("node", node);
  if (!hash) return fail(hash.error());
  auto found = number_in(db_.query(kFindNode, {*hash}));
  if (!found) return fail(found.error());
  if (!*found) {
    const auto inserted = db_.query(
        "INSERT INTO node (hash, depth) VALUES (?, ?) ON CONFLICT (hash) DO NOTHING RETURNING id",
        {*hash, depth});
    const auto number = inserted_or_found(db_, inserted, kFindNode, *hash);
    if (!number) return fail(number.error());
    found = std::optional(*number);
  }
  nodes_[name] = **found;
  return **found;
}

Result<Value> TreeWriter::find_block(const std::string& hash) {
  if (const auto known = blocks_.find(hash); known != blocks_.end()) return known->second;
  auto bytes = digest_of("block", hash);
  if (!bytes) return fail(bytes.error());
  auto found = number_in(db_.query(kFindBlock, {*bytes}));
  if (!found) return fail(found.error());
  return *found ? Value(**found) : Value();
}

}  // namespace hone::store
