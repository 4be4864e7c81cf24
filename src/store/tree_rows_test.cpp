#include "store/tree_rows.h"

#include <gtest/gtest.h>

#include "store/tree.h"
#include "support/databases.h"

namespace hone::store {
namespace {

json::object message(std::string_view role, std::string_view text) {
  return {{"role", role}, {"content", json::array{{{"type", "text"}, {"text", text}}}}};
}

class TreeRowsBoth : public test::OnBothDatabases {
 protected:
  void SetUp() override {
    OnBothDatabases::SetUp();
    if (!IsSkipped()) db_ = open();
  }
  void write(const std::vector<Block>& blocks, const std::vector<Node>& nodes) {
    const auto written = TreeWriter(*db_, true).write(blocks, nodes);
    ASSERT_TRUE(written) << written.error().message;
  }
  std::int64_t number(std::string_view sql) {
    const auto rows = db_->query(sql);
    EXPECT_TRUE(rows) << rows.error().message;
    return rows->front().integer(std::size_t{0});
  }
  // What load_path gives: the contents, or the error's code.
  std::string path_of(const std::string& node) {
    const auto path = load_path(*db_, node);
    if (!path) return std::string(name(path.error().code));
    std::string contents;
    for (const Block& block : *path) contents += block.content;
    return contents;
  }
  static std::string contents(const Path& path) {
    std::string all;
    for (const Block& block : path.blocks) all += block.content;
    return all;
  }

  std::unique_ptr<Database> db_;
  const Path path_ =
      build_path("k", {message("system", "s"), message("user", "u"), message("assistant", "a")});
};
INSTANTIATE_TEST_SUITE_P(Databases, TreeRowsBoth, test::both_databases(), test::database_name);

TEST_P(TreeRowsBoth, WritingAgainChangesNothing) {
  write(path_.blocks, path_.nodes);
  write(path_.blocks, path_.nodes);
  EXPECT_EQ(number("SELECT COUNT(*) FROM node"), 3);
  EXPECT_EQ(number("SELECT COUNT(*) FROM block"), 3);
  EXPECT_EQ(path_of(path_.leaf), contents(path_));
}

TEST_P(TreeRowsBoth, OneBlockHangsInManyPlaces) {
  const Path other = build_path("k", {message("user", "u"), message("user", "u")});
  write(path_.blocks, path_.nodes);
  write(other.blocks, other.nodes);
  EXPECT_EQ(number("SELECT COUNT(*) FROM node"), 5);
  EXPECT_EQ(number("SELECT COUNT(*) FROM block"), 3);
  EXPECT_EQ(path_of(other.leaf), contents(other));
}

// The record with the parent was damaged, say; what came after it is there when the parent comes
// with another one.
TEST_P(TreeRowsBoth, ANodeWaitsForItsParent) {
  write({path_.blocks[2]}, {path_.nodes[2]});
  EXPECT_EQ(path_of(path_.leaf), "not_found");
  EXPECT_EQ(number("SELECT COUNT(*) FROM node"), 2) << "itself, and its parent's name";
  EXPECT_EQ(load_step(*db_, path_.nodes[1].hash).error().code, ErrorCode::kNotFound);
  write({path_.blocks[0]}, {path_.nodes[0]});
  EXPECT_EQ(path_of(path_.leaf), "not_found");
  write({path_.blocks[1]}, {path_.nodes[1]});
  EXPECT_EQ(path_of(path_.leaf), contents(path_));
  EXPECT_EQ(number("SELECT COUNT(*) FROM node"), 3);
  EXPECT_EQ(descendants(*db_, path_.nodes[0].hash)->size(), 2U);
}

TEST_P(TreeRowsBoth, ANodeWithoutItsBlockIsANameOnly) {
  write({path_.blocks[0], path_.blocks[2]}, path_.nodes);
  EXPECT_EQ(path_of(path_.nodes[0].hash), path_.blocks[0].content);
  EXPECT_EQ(path_of(path_.leaf), "not_found");
  EXPECT_TRUE(children(*db_, path_.nodes[0].hash)->empty());
  write({path_.blocks[1]}, {path_.nodes[1]});
  EXPECT_EQ(path_of(path_.leaf), contents(path_));
}

TEST_P(TreeRowsBoth, WhatRefersToANodeMayComeFirst) {
  const auto early = TreeWriter(*db_, true).reference(path_.leaf);
  ASSERT_TRUE(early) << early.error().message;
  EXPECT_EQ(path_of(path_.leaf), "not_found");
  write(path_.blocks, path_.nodes);
  const auto late = TreeWriter(*db_, true).reference(path_.leaf);
  ASSERT_TRUE(late) << late.error().message;
  EXPECT_EQ(std::get<std::int64_t>(early->kinds()), std::get<std::int64_t>(late->kinds()));
  EXPECT_EQ(path_of(path_.leaf), contents(path_));
  EXPECT_TRUE(TreeWriter(*db_, true).reference("")->is_null());
}

TEST_P(TreeRowsBoth, RefusesWhatIsNoHash) {
  EXPECT_EQ(TreeWriter(*db_, true).reference("x").error().code, ErrorCode::kInvalid);
  EXPECT_EQ(TreeWriter(*db_, true).write({{"x", "user", "{}"}}, {}).error().code,
            ErrorCode::kInvalid);
  Node node = path_.nodes[0];
  node.parent = std::string(64, 'X');
  const auto written = TreeWriter(*db_, true).write(path_.blocks, {node});
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, ErrorCode::kInvalid);
}

}  // namespace
}  // namespace hone::store
