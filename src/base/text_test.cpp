#include "base/text.h"

#include <gtest/gtest.h>

namespace hone {
namespace {

TEST(Text, SmallLettersAreOfAsciiAlone) {
  EXPECT_EQ(lower_case("@AZ[ az É \xC3\x89 İ 09"), "@az[ az É \xC3\x89 İ 09");
  EXPECT_EQ(lower_case(""), "");
}

TEST(Text, BlanksGoFromTheEndsAlone) {
  EXPECT_EQ(trimmed(" \t\r\na b\n c\r\n"), "a b\n c");
  EXPECT_EQ(trimmed("a"), "a");
  EXPECT_EQ(trimmed(" \n\t"), "");
  EXPECT_EQ(trimmed(""), "");
  EXPECT_EQ(trimmed("\va\f"), "\va\f");
  EXPECT_EQ(trimmed("\n a \n", " \t"), "\n a \n");
}

TEST(Text, WhatIsLeftIsAPartOfTheText) {
  const std::string_view text = "  word ";
  EXPECT_EQ(trimmed(text).data(), text.data() + 2);
}

}  // namespace
}  // namespace hone
