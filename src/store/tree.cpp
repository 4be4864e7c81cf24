#include "store/tree.h"

#include "base/hash.h"
#include "store/block_content.h"
#include "store/digest.h"

namespace hone::store {
namespace {

// What read_step wants of a node `n`, its parent's hash `above` and its block `b`.
std::string step_columns(std::string_view above) {
  return "encode(n.hash, 'hex') AS hash, encode(" + std::string(above) +
         ", 'hex') AS parent, n.depth, " + std::string(kBlockColumns);
}

Result<Step> read_step(const Row& row) {
  auto block = read_block(row);
  if (!block) return fail(block.error());
  Node node{row.text("hash"), row.text("parent"), row.text("block"), row.integer("depth")};
  return Step{std::move(node), std::move(*block)};
}

Result<std::vector<Step>> read_steps(const Result<Rows>& rows) {
  if (!rows) return fail(rows.error());
  std::vector<Step> steps;
  steps.reserve(rows->size());
  for (const Row row : *rows) {
    auto step = read_step(row);
    if (!step) return fail(step.error());
    steps.push_back(std::move(*step));
  }
  return steps;
}

std::unexpected<Error> not_stored(std::string_view node) {
  return fail(ErrorCode::kNotFound, "node " + std::string(node.substr(0, 64)) + " is not stored");
}

// 0, which no node has, for "": above the roots.
Result<std::int64_t> find_node(Database& db, std::string_view node) {
  if (node.empty()) return 0;
  const auto hash = digest_bytes(node);
  if (!hash) return not_stored(node);
  const auto rows = db.query("SELECT id FROM node WHERE hash = ?", {*hash});
  if (!rows) return fail(rows.error());
  if (rows->empty()) return not_stored(node);
  return rows->front().integer("id");
}

}  // namespace

std::string block_hash(std::string_view tenant_key, std::string_view canonical_json) {
  return hex(hmac_sha256(tenant_key, canonical_json));
}

std::string node_hash(std::string_view parent, std::string_view block) {
  std::string text(parent);
  text += '/';
  text += block;
  return hex(sha256(text));
}

Step build_step(std::string_view tenant_key, std::string_view role, std::string canonical_json,
                std::string_view parent, std::int64_t parent_depth) {
  Step step;
  step.block.role = role;
  step.block.content = std::move(canonical_json);
  step.block.hash = block_hash(tenant_key, step.block.content);
  step.node.hash = node_hash(parent, step.block.hash);
  step.node.parent = parent;
  step.node.block = step.block.hash;
  step.node.depth = parent_depth + 1;
  return step;
}

Path build_path(std::string_view tenant_key, const std::vector<json::object>& messages,
                std::string_view parent, std::int64_t parent_depth) {
  Path path;
  path.leaf = parent;
  path.depth = parent_depth;
  for (const json::object& message : messages) {
    Step step = build_step(tenant_key, string_or_empty(message, "role"), canonical(message),
                           path.leaf, path.depth);
    path.leaf = step.node.hash;
    path.depth = step.node.depth;
    path.nodes.push_back(std::move(step.node));
    path.blocks.push_back(std::move(step.block));
  }
  return path;
}

Result<std::vector<Block>> load_path(Database& db, std::string_view node) {
  return load_suffix(db, {}, node);
}

Result<std::vector<Block>> load_suffix(Database& db, std::string_view ancestor,
                                       std::string_view node) {
  if (ancestor == node) return std::vector<Block>();
  const auto top = find_node(db, ancestor);
  if (!top) return fail(top.error());
  const auto leaf = find_node(db, node);
  if (!leaf) return fail(leaf.error());
  // It ends at a root by itself: there `parent` is NULL.
  const auto rows = db.query(
      "WITH RECURSIVE path (id, parent, block, depth) AS ("
      " SELECT id, parent, block, depth FROM node WHERE id = ?"
      " UNION ALL"
      " SELECT n.id, n.parent, n.block, n.depth FROM path p JOIN node n ON n.id = p.parent"
      " WHERE p.parent <> ?) "
      "SELECT p.parent, " +
          std::string(kBlockColumns) +
          " FROM path p LEFT JOIN block b ON b.id = p.block ORDER BY p.depth",
      {*leaf, *top});
  if (!rows) return fail(rows.error());
  const std::string name(node.substr(0, 64));
  if (rows->empty() || rows->front().integer("parent") != *top) {
    return fail(ErrorCode::kNotFound, "node " + name + " has no path from " +
                                          (ancestor.empty() ? "a root" : "the node given"));
  }
  std::vector<Block> blocks;
  blocks.reserve(rows->size());
  for (const Row row : *rows) {
    if (row.is_null("block")) {
      return fail(ErrorCode::kNotFound, "a message on the way to node " + name + " is not stored");
    }
    auto block = read_block(row);
    if (!block) return fail(block.error());
    blocks.push_back(std::move(*block));
  }
  return blocks;
}

Result<Step> load_step(Database& db, std::string_view node) {
  const auto id = find_node(db, node);
  if (!id) return fail(id.error());
  const auto rows = db.query("SELECT " + step_columns("p.hash") +
                                 " FROM node n JOIN block b ON b.id = n.block"
                                 " LEFT JOIN node p ON p.id = n.parent WHERE n.id = ?",
                             {*id});
  if (!rows) return fail(rows.error());
  if (rows->empty()) return not_stored(node);
  return read_step(rows->front());
}

Result<std::vector<Step>> children(Database& db, std::string_view node) {
  const auto hash = digest_bytes(node);
  if (!hash) return std::vector<Step>();
  return read_steps(db.query("SELECT " + step_columns("p.hash") +
                                 " FROM node p JOIN node n ON n.parent = p.id"
                                 " JOIN block b ON b.id = n.block WHERE p.hash = ? ORDER BY n.hash",
                             {*hash}));
}

Result<std::vector<Step>> descendants(Database& db, std::string_view node, std::int64_t limit) {
  const auto hash = digest_bytes(node);
  if (!hash) return std::vector<Step>();
  return read_steps(db.query(
      "WITH RECURSIVE below (id, hash, parent, block, depth) AS ("
      " SELECT n.id, n.hash, p.hash, n.block, n.depth FROM node p JOIN node n ON n.parent = p.id"
      " WHERE p.hash = ?"
      " UNION ALL"
      " SELECT n.id, n.hash, below.hash, n.block, n.depth FROM below"
      " JOIN node n ON n.parent = below.id) "
      "SELECT " +
          step_columns("n.parent") +
          " FROM below n JOIN block b ON b.id = n.block ORDER BY n.depth, n.hash LIMIT ?",
      {*hash, limit}));
}

}  // namespace hone::store
