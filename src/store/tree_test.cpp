#include "store/tree.h"

#include <gtest/gtest.h>

#include "store/digest.h"
#include "store/tree_rows.h"
#include "support/databases.h"

namespace hone::store {
namespace {

json::object message(std::string_view role, std::string_view text) {
  return {{"role", role}, {"content", json::array{{{"type", "text"}, {"text", text}}}}};
}

void store(Database& db, const Path& path) {
  const auto written = TreeWriter(db, true).write(path.blocks, path.nodes);
  ASSERT_TRUE(written) << written.error().message;
}

TEST(Tree, CallsOfOneConversationAreOneChain) {
  const Path first = build_path("key", {message("user", "a")});
  const Path answer = build_path("key", {message("assistant", "b")}, first.leaf, first.depth);
  const Path next =
      build_path("key", {message("user", "a"), message("assistant", "b"), message("user", "c")});
  EXPECT_EQ(next.nodes[0].hash, first.leaf);
  EXPECT_EQ(next.nodes[1].hash, answer.leaf);
  EXPECT_EQ(next.nodes[2].depth, 3);
  EXPECT_EQ(answer.depth, 2);
}

TEST(Tree, EqualMessagesHaveOneNameUnderOneKey) {
  json::object turned{{"content", json::array{{{"text", "a"}, {"type", "text"}}}},
                      {"role", "user"}};
  EXPECT_EQ(build_path("key", {turned}).leaf, build_path("key", {message("user", "a")}).leaf);
  EXPECT_NE(build_path("key", {turned}).leaf, build_path("other", {turned}).leaf);
  EXPECT_NE(node_hash("a", "b"), node_hash("", "ab"));
}

class TreeBoth : public test::OnBothDatabases {};
INSTANTIATE_TEST_SUITE_P(Databases, TreeBoth, test::both_databases(), test::database_name);

TEST_P(TreeBoth, ReadsPathsAndWhatHangsBelow) {
  const auto db = open();
  const Path one = build_path("k", {message("system", "s"), message("user", "a")});
  const Path left =
      build_path("k", {message("assistant", "l"), message("user", "no")}, one.leaf, 2);
  const Path right = build_path("k", {message("assistant", "r")}, one.leaf, 2);
  for (const Path& path : {one, left, right}) store(*db, path);

  const auto path = load_path(*db, left.leaf);
  ASSERT_TRUE(path) << path.error().message;
  ASSERT_EQ(path->size(), 4U);
  EXPECT_EQ((*path)[0].content, one.blocks[0].content);
  EXPECT_EQ((*path)[3].content, left.blocks[1].content);

  const auto suffix = load_suffix(*db, one.leaf, left.leaf);
  ASSERT_TRUE(suffix);
  ASSERT_EQ(suffix->size(), 2U);
  EXPECT_EQ((*suffix)[0].hash, left.blocks[0].hash);
  EXPECT_TRUE(load_suffix(*db, one.leaf, one.leaf)->empty());

  EXPECT_EQ(children(*db, one.leaf)->size(), 2U);
  EXPECT_EQ(children(*db, left.leaf)->size(), 0U);
  const auto step = load_step(*db, left.leaf);
  ASSERT_TRUE(step) << step.error().message;
  EXPECT_EQ(step->node.hash, left.leaf);
  EXPECT_EQ(step->node.parent, left.nodes[0].hash);
  EXPECT_EQ(step->node.block, left.blocks[1].hash);
  EXPECT_EQ(step->node.depth, 4);
  EXPECT_EQ(step->block.content, left.blocks[1].content);
  const auto below = descendants(*db, one.leaf);
  ASSERT_EQ(below->size(), 3U);
  EXPECT_EQ(below->back().node.hash, left.leaf);
  EXPECT_EQ(below->back().node.parent, left.nodes[0].hash);
  EXPECT_EQ(below->front().node.parent, one.leaf);
  EXPECT_EQ(descendants(*db, one.leaf, 1)->size(), 1U);
}

TEST_P(TreeBoth, SaysWhatIsMissing) {
  const auto db = open();
  EXPECT_EQ(load_path(*db, "nothing").error().code, ErrorCode::kNotFound);
  const Path path = build_path("k", {message("user", "a"), message("assistant", "b")});
  EXPECT_EQ(load_path(*db, path.leaf).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(load_step(*db, path.leaf).error().code, ErrorCode::kNotFound);
  store(*db, path);
  EXPECT_EQ(load_suffix(*db, "elsewhere", path.leaf).error().code, ErrorCode::kNotFound);
  const auto remove = [&](const std::string& sql, const std::string& hash) {
    const auto removed = db->execute(sql, {*digest_bytes(hash)});
    ASSERT_TRUE(removed) << removed.error().message;
    ASSERT_EQ(*removed, 1);
  };
  remove("DELETE FROM block WHERE hash = ?", path.blocks[0].hash);
  EXPECT_EQ(load_path(*db, path.leaf).error().code, ErrorCode::kNotFound);
  remove("DELETE FROM node WHERE hash = ?", path.nodes[0].hash);
  EXPECT_EQ(load_path(*db, path.leaf).error().code, ErrorCode::kNotFound);
}

}  // namespace
}  // namespace hone::store
