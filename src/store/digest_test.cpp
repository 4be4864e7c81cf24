#include "store/digest.h"

#include <gtest/gtest.h>

#include <cctype>

#include "base/hash.h"

namespace hone::store {
namespace {

TEST(Digest, BytesOfANameAndBack) {
  const std::string name = hex(sha256("a"));
  const auto bytes = digest_bytes(name);
  ASSERT_TRUE(bytes);
  EXPECT_EQ(bytes->data, as_bytes(sha256("a")));
  EXPECT_EQ(hex(bytes->data), name);
}

TEST(Digest, NothingElseIsOne) {
  const std::string name = hex(sha256("a"));
  std::string capital = name;
  for (char& c : capital) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  for (const std::string& other :
       {std::string(), name.substr(2), name + "00", capital, std::string(64, 'g')}) {
    EXPECT_FALSE(digest_bytes(other)) << other;
  }
}

TEST(Digest, UnhexTakesPairsOfDigits) {
  EXPECT_EQ(unhex(""), "");
  EXPECT_EQ(unhex("00fFa9"), std::string("\x00\xff\xa9", 3));
  EXPECT_FALSE(unhex("0"));
  EXPECT_FALSE(unhex("0x"));
  EXPECT_FALSE(unhex("+1"));
}

}  // namespace
}  // namespace hone::store
