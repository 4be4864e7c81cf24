#include "engine/model/import_merges.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>

namespace hone::engine {
namespace {

using Tokens = std::vector<std::string_view>;
using Pair = std::pair<std::string_view, std::string_view>;

std::string error_of(const Tokens& tokens, const std::vector<double>& scores) {
  const auto merges = merges_of_scores(tokens, scores, std::vector<bool>(tokens.size(), true));
  return merges ? "accepted" : merges.error().message;
}

TEST(ImportMerges, OrdersByScoreThenByLengthThenById) {
  const Tokens tokens{"a", "b", "ab", "abb", "bb"};
  const auto merges =
      merges_of_scores(tokens, {0, 0, -1, -2, -1}, std::vector<bool>(tokens.size(), true));
  ASSERT_TRUE(merges) << merges.error().message;
  EXPECT_EQ(*merges, (std::vector<Pair>{{"a", "b"}, {"b", "b"}, {"ab", "b"}, {"a", "bb"}}));
}

TEST(ImportMerges, CountsCharactersNotBytes) {
  // In bytes "\u2581" would be the longest left part.
  const Tokens tokens{"\u2581", "ab", "\u2581ab", "x", "yz", "xyz", "xy", "z"};
  const auto merges = merges_of_scores(tokens, {0, 0, -1, 0, 0, -1, 0, 0},
                                       {false, false, true, false, false, true, false, false});
  ASSERT_TRUE(merges) << merges.error().message;
  EXPECT_EQ(*merges, (std::vector<Pair>{{"xy", "z"}, {"\u2581", "ab"}, {"x", "yz"}}));
}

TEST(ImportMerges, MergesNormalTokensOnly) {
  const auto merges = merges_of_scores({"<", "s>", "<s>"}, {0, 0, 0}, {true, true, false});
  ASSERT_TRUE(merges);
  EXPECT_TRUE(merges->empty());
}

TEST(ImportMerges, RefusesWhatHasNoEnd) {
  EXPECT_EQ(error_of({"a", "aa"}, {0, 0}), "accepted");
  const std::string longest(513, 'a');
  EXPECT_NE(error_of({"a", longest}, {0, 0}).find("token 1"), std::string::npos);
  EXPECT_NE(error_of({"a\xFF"}, {0}).find("token 0"), std::string::npos);
  EXPECT_NE(error_of({"a"}, {std::numeric_limits<double>::quiet_NaN()}).find("scores"),
            std::string::npos);
  // All texts of up to 17 letters of two: each is merged wherever it is cut.
  std::vector<std::string> texts;
  for (std::size_t size = 1; size <= 17; ++size) {
    for (std::size_t bits = 0; bits < std::size_t{1} << size; ++bits) {
      std::string text;
      for (std::size_t i = 0; i < size; ++i) text.push_back((bits >> i & 1) != 0 ? 'b' : 'a');
      texts.push_back(std::move(text));
    }
  }
  EXPECT_NE(error_of(Tokens(texts.begin(), texts.end()), std::vector<double>(texts.size(), 0))
                .find("more than"),
            std::string::npos);
}

}  // namespace
}  // namespace hone::engine
