#include "store/block_content.h"

#include <gtest/gtest.h>

#include "base/hash.h"
#include "base/random.h"
#include "store/compression.h"
#include "store/outbox_format.h"
#include "store/tree_rows.h"
#include "support/databases.h"

namespace hone::store {
namespace {

std::string text_of(std::size_t bytes) {
  std::string text;
  for (int line = 0; text.size() < bytes; ++line) {
    text += "line " + std::to_string(line) + ": \"ünï\" \\n of a message\n";
  }
  return text;
}

class BlockContentBoth : public test::OnBothDatabases {
 protected:
  // Stores `content` and reads it back; `packed` tells how it was stored.
  void store_and_read(Database& db, const std::string& content, bool compress, bool packed) {
    const Block block{hex(sha256(content)), "user", content};
    const auto written = TreeWriter(db, compress).write({block}, {});
    ASSERT_TRUE(written) << written.error().message;
    const auto rows = select(db);
    ASSERT_TRUE(rows) << rows.error().message;
    ASSERT_EQ(rows->size(), 1U);
    const Row row = rows->front();
    EXPECT_EQ(row.is_null("content"), packed);
    EXPECT_EQ(row.is_null("packed"), !packed);
    const auto read = read_block(row);
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(read->hash, block.hash);
    EXPECT_EQ(read->role, "user");
    EXPECT_EQ(read->content, content);
    ASSERT_TRUE(db.execute("DELETE FROM block"));
  }
  static Result<Rows> select(Database& db) {
    return db.query("SELECT " + std::string(kBlockColumns) + " FROM block b");
  }
};
INSTANTIATE_TEST_SUITE_P(Databases, BlockContentBoth, test::both_databases(), test::database_name);

TEST_P(BlockContentBoth, IsReadBackHoweverItIsStored) {
  const auto db = open();
  store_and_read(*db, text_of(4'000), true, true);
  store_and_read(*db, text_of(2'000'000), true, true);
  store_and_read(*db, text_of(4'000), false, false);
  store_and_read(*db, text_of(100), true, false);
  store_and_read(*db, "", true, false);
}

TEST_P(BlockContentBoth, WhatHardlyGetsShorterStaysText) {
  const auto db = open();
  Random random(1);
  std::string noise;
  while (noise.size() < 300) noise += static_cast<char>('!' + random.below(90));
  store_and_read(*db, noise, true, false);
}

TEST_P(BlockContentBoth, ADamagedOneNamesItself) {
  const auto db = open();
  const std::string content = text_of(4'000);
  const std::string hash = hex(sha256(content));
  ASSERT_TRUE(TreeWriter(*db, true).write({{hash, "user", content}}, {}));
  const std::string frame = compress(content, 3);
  const std::string half = frame.substr(0, frame.size() / 2);
  for (const std::string& damaged : {half, std::string("no frame"), std::string()}) {
    ASSERT_TRUE(db->execute("UPDATE block SET packed = ?", {Bytes{damaged}}));
    const auto rows = select(*db);
    ASSERT_TRUE(rows) << rows.error().message;
    const auto read = read_block(rows->front());
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().code, ErrorCode::kCorrupt);
    EXPECT_NE(read.error().message.find(hash), std::string::npos);
  }
}

TEST_P(BlockContentBoth, AFrameThatSaysItIsHugeIsNotUnpacked) {
  const auto db = open();
  const std::string content = text_of(4'000);
  ASSERT_TRUE(TreeWriter(*db, true).write({{hex(sha256(content)), "user", content}}, {}));
  const std::string huge = compress(std::string(kMaxPayloadBytes + 1, 'a'), 1);
  ASSERT_TRUE(db->execute("UPDATE block SET packed = ?", {Bytes{huge}}));
  const auto rows = select(*db);
  ASSERT_TRUE(rows) << rows.error().message;
  EXPECT_EQ(read_content(rows->front()).error().code, ErrorCode::kCorrupt);
}

TEST(Compression, AFrameHasExactlyTheContentThatItSays) {
  const std::string text = text_of(10'000);
  const std::string frame = compress(text, 3);
  EXPECT_LT(frame.size(), text.size() / 4);
  EXPECT_EQ(content_size(frame), text.size());
  EXPECT_EQ(decompress(frame, text.size()), text);
  EXPECT_FALSE(decompress(frame, text.size() - 1));
  EXPECT_FALSE(decompress(frame, text.size() + 1));
  EXPECT_FALSE(content_size("no frame"));
}

}  // namespace
}  // namespace hone::store
