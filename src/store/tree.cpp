#include "store/tree.h"

#include "base/hash.h"

namespace hone::store {
namespace {

Block read_block(const Row& row) {
  return {row.text("block"), row.text("role"), row.text("content")};
}

Result<std::vector<Step>> read_steps(const Result<Rows>& rows) {
  if (!rows) return fail(rows.error());
  std::vector<Step> steps;
  steps.reserve(rows->size());
  for (const Row row : *rows) {
    steps.push_back(
        {{row.text("hash"), row.text("parent"), row.text("block"), row.integer("depth")},
         read_block(row)});
  }
  return steps;
}

}  // namespace

std::string block_hash(std::string_view tenant_key, std::string_view canonical_json) {
  return hex(hmac_sha256(tenant_key, canonical_json));
}

std::string node_hash(std::string_view parent, std::string_view block) {
  Sha256 hash;
  hash.update(parent);
  hash.update("/");
  hash.update(block);
  return hex(hash.finish());
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

bool KnownNodes::contains(std::string_view node) {
  const std::lock_guard lock(mutex_);
  const auto found = places_.find(node);
  if (found == places_.end()) return false;
  order_.splice(order_.begin(), order_, found->second);
  return true;
}

void KnownNodes::add(std::string_view node) {
  const std::lock_guard lock(mutex_);
  if (capacity_ == 0 || places_.contains(node)) return;
  if (order_.size() == capacity_) {
    places_.erase(order_.back());
    order_.pop_back();
  }
  order_.emplace_front(node);
  places_.emplace(order_.front(),
                  order_.begin());  // a view of the list's own string, which stays put
}

std::size_t KnownNodes::size() const {
  const std::lock_guard lock(mutex_);
  return order_.size();
}

Result<std::vector<Block>> load_path(Database& db, std::string_view node) {
  return load_suffix(db, {}, node);
}

Result<std::vector<Block>> load_suffix(Database& db, std::string_view ancestor,
                                       std::string_view node) {
  if (ancestor == node) return std::vector<Block>();
  const auto rows = db.query(
      "WITH RECURSIVE path (hash, parent, block, depth) AS ("
      " SELECT hash, parent, block, depth FROM node WHERE hash = ?"
      " UNION ALL"
      " SELECT n.hash, n.parent, n.block, n.depth FROM node n JOIN path p ON n.hash = p.parent"
      " WHERE p.parent <> ?) "
      "SELECT p.parent, p.block, b.role, b.content FROM path p"
      " LEFT JOIN block b ON b.hash = p.block ORDER BY p.depth",
      {node, ancestor});
  if (!rows) return fail(rows.error());
  if (rows->empty() || rows->front().text("parent") != ancestor) {
    return fail(ErrorCode::kNotFound, "node " + std::string(node.substr(0, 64)) +
                                          " has no path from " +
                                          (ancestor.empty() ? "a root" : "the node given"));
  }
  std::vector<Block> blocks;
  blocks.reserve(rows->size());
  for (const Row row : *rows) {
    if (row.is_null("content")) {
      return fail(ErrorCode::kNotFound, "block " + row.text("block") + " is not stored");
    }
    blocks.push_back(read_block(row));
  }
  return blocks;
}

Result<std::vector<Step>> children(Database& db, std::string_view node) {
  return read_steps(
      db.query("SELECT n.hash, n.parent, n.block, n.depth, b.role, b.content FROM node n"
               " JOIN block b ON b.hash = n.block WHERE n.parent = ? ORDER BY n.hash",
               {node}));
}

Result<std::vector<Step>> descendants(Database& db, std::string_view node, std::int64_t limit) {
  return read_steps(db.query(
      "WITH RECURSIVE below (hash, parent, block, depth) AS ("
      " SELECT hash, parent, block, depth FROM node WHERE parent = ?"
      " UNION ALL"
      " SELECT n.hash, n.parent, n.block, n.depth FROM node n JOIN below ON n.parent = below.hash) "
      "SELECT below.hash, below.parent, below.block, below.depth, b.role, b.content FROM below"
      " JOIN block b ON b.hash = below.block ORDER BY below.depth, below.hash LIMIT ?",
      {node, limit}));
}

}  // namespace hone::store
