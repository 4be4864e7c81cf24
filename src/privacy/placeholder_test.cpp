#include "privacy/placeholder.h"

#include <gtest/gtest.h>

#include "privacy/finding.h"
#include "privacy/number.h"
#include "privacy/redactor.h"

namespace hone::privacy {
namespace {

TEST(Placeholder, FindsOurTypesOnly) {
  const std::string text =
      "a <EMAIL:1c0f83aa> <PHONE:00ff> <ABC:1234> <EMAIL:12G4> <EMAIL:123> <IP:abcd";
  const auto found = find_placeholders(text);
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(text.substr(found[0].begin, found[0].size), "<EMAIL:1c0f83aa>");
  EXPECT_EQ(found[0].hex, "1c0f83aa");
  EXPECT_EQ(found[1].type, "PHONE");
}

TEST(Placeholder, EqualOnesAreFilledEquallyUnderOneSeed) {
  const std::string text = "<EMAIL:1c0f83aa> and <EMAIL:1c0f83aa>, <IP:12345678>";
  const std::string filled = fill_placeholders(text, 7);
  EXPECT_EQ(filled, fill_placeholders(text, 7));
  EXPECT_NE(filled, fill_placeholders(text, 8));
  EXPECT_TRUE(find_placeholders(filled).empty());
  const std::size_t comma = filled.find(" and ");
  EXPECT_EQ(filled.substr(0, comma), filled.substr(comma + 5, comma));
  // The same value in another text of the same example.
  EXPECT_EQ(fill_placeholders("x <EMAIL:1c0f83aa>", 7), "x " + filled.substr(0, comma));
}

// The others say themselves that they are examples, or need a word beside them.
bool has_own_form(Type type) {
  return type == Type::kEmail || type == Type::kPhone || type == Type::kCard || type == Type::kIp ||
         type == Type::kIban || type == Type::kMac;
}

TEST(Placeholder, MadeUpValuesHaveTheirTypesForm) {
  const auto redactor = Redactor::create("key").value();
  for (const Type type : kTypes) {
    for (std::uint64_t seed = 0; seed < 200; ++seed) {
      const std::string value = surrogate(name(type), seed);
      ASSERT_FALSE(value.empty());
      if (!has_own_form(type)) continue;
      const auto found = find_placeholders(redactor->redact(value).value());
      ASSERT_EQ(found.size(), 1U) << value;
    }
  }
  EXPECT_EQ(surrogate("NOTHING", 1), "");
}

}  // namespace
}  // namespace hone::privacy
