#include "base/json_scan.h"

#include <gtest/gtest.h>

#include <string>

#include "base/json.h"
#include "base/random.h"

namespace hone {
namespace {

// Strings of every length around the sixty-four bytes that are read at once, with escapes anywhere.
TEST(JsonScanner, FindsWhereEveryStringEnds) {
  Random random(7);
  for (int round = 0; round < 20'000; ++round) {
    std::string value;
    const auto size = random.below(200);
    while (value.size() < size) value += "ab\\\"\n{}[],"[random.below(10)];
    const std::string text = json::serialize(json::string_view(value));
    const std::string before(random.below(3), ' ');
    const std::string body = before + text + ",\"next\" ";
    JsonScanner scanner(body);
    const auto found = scanner.string();
    ASSERT_TRUE(found);
    ASSERT_EQ(*found, text);
    ASSERT_TRUE(scanner.take(','));
    ASSERT_EQ(scanner.string(), "\"next\"");
  }
}

TEST(JsonScanner, AStringWithoutEndIsNone) {
  Random random(8);
  for (std::size_t size = 0; size < 300; ++size) {
    for (const char* end : {"", "\\", "\\\"", "\\\\\\"}) {
      const std::string body = "\"" + std::string(size, 'x') + end;
      EXPECT_FALSE(JsonScanner(body).string()) << body;
      EXPECT_FALSE(JsonScanner("[" + body).value()) << body;
    }
  }
}

}  // namespace
}  // namespace hone
