#include "capture/memo.h"

#include <gtest/gtest.h>

#include <string>

namespace hone::capture {
namespace {

TEST(Memo, FindsWhatWasAddedAndWhatWasAddedLast) {
  Memo<int> memo(64);
  EXPECT_FALSE(memo.find(memo_key("a")));
  memo.add(memo_key("a"), 1);
  memo.add(memo_key("b"), 2);
  memo.add(memo_key("a"), 3);
  EXPECT_EQ(memo.find(memo_key("a")), 3);
  EXPECT_EQ(memo.find(memo_key("b")), 2);
  EXPECT_FALSE(memo.find({}));  // an empty place has no key, not that of zeros
}

TEST(Memo, ForgetsWhatWasNotAskedForTheLongest) {
  Memo<int> memo(1);  // one group of four places
  for (int i = 0; i < 4; ++i) memo.add(memo_key(std::to_string(i)), i);
  EXPECT_EQ(memo.find(memo_key("0")), 0);
  memo.add(memo_key("4"), 4);
  EXPECT_FALSE(memo.find(memo_key("1")));
  for (const int kept : {0, 2, 3, 4}) EXPECT_EQ(memo.find(memo_key(std::to_string(kept))), kept);
}

TEST(Memo, KeepsMostOfAsManyAsItHasPlacesFor) {
  constexpr int kMany = 4096;
  Memo<int> memo(kMany);
  for (int i = 0; i < 2 * kMany; ++i) memo.add(memo_key(std::to_string(i)), i);
  int kept = 0;
  for (int i = kMany; i < 2 * kMany; ++i) kept += memo.find(memo_key(std::to_string(i))) ? 1 : 0;
  EXPECT_GT(kept, kMany * 7 / 10);
}

TEST(MemoKey, DependsOnWhatCameBefore) {
  EXPECT_EQ(memo_key("a"), memo_key("a"));
  EXPECT_NE(memo_key("a"), memo_key("b"));
  EXPECT_NE(memo_key("b", memo_key("a")), memo_key("ab"));
}

}  // namespace
}  // namespace hone::capture
