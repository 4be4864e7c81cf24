#include "feedback/edit_distance.h"

#include <gtest/gtest.h>

#include <numeric>

#include "base/random.h"

namespace hone::feedback {
namespace {

// The textbook matrix (Wagner and Fischer, 1974), for ASCII.
double by_matrix(const std::string& a, const std::string& b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
      diagonal = above;
    }
  }
  const auto longer = std::max(a.size(), b.size());
  return longer == 0 ? 0 : static_cast<double>(row.back()) / static_cast<double>(longer);
}

TEST(EditDistance, HasKnownValues) {
  EXPECT_EQ(edit_distance("", ""), 0);
  EXPECT_EQ(edit_distance("same", "same"), 0);
  EXPECT_EQ(edit_distance("", "abc"), 1);
  EXPECT_EQ(edit_distance("abc", ""), 1);
  EXPECT_EQ(edit_distance("abc", "xyz"), 1);
  EXPECT_DOUBLE_EQ(edit_distance("kitten", "sitting"), 3.0 / 7);
  EXPECT_DOUBLE_EQ(edit_distance("aaa", "aa"), 1.0 / 3);
}

TEST(EditDistance, CountsCharactersNotBytes) {
  EXPECT_DOUBLE_EQ(edit_distance("größe", "grösse"), 2.0 / 6);
  EXPECT_DOUBLE_EQ(edit_distance("日本語", "日本人"), 1.0 / 3);
  EXPECT_DOUBLE_EQ(edit_distance("a\xff", "a\xfe"), 0.5);
}

TEST(EditDistance, EqualsTheMatrixOnRandomTexts) {
  Random random(3);
  for (int round = 0; round < 400; ++round) {
    std::string a(random.below(300), ' ');
    std::string b(random.below(300), ' ');
    for (auto* text : {&a, &b}) {
      for (char& c : *text) c = static_cast<char>('a' + random.below(1 + random.below(6)));
    }
    ASSERT_DOUBLE_EQ(edit_distance(a, b), by_matrix(a, b)) << a << "\n" << b;
  }
}

TEST(EditDistance, OfALongTextWithAFewEditsIsSmall) {
  Random random(4);
  std::string a(60000, ' ');
  for (char& c : a) c = static_cast<char>('a' + random.below(20));
  std::string b = a;
  for (int i = 0; i < 100; ++i) b[random.below(b.size())] = '#';
  b.insert(30000, "an insertion");
  EXPECT_NEAR(edit_distance(a, b), 112.0 / 60012, 1e-4);
}

}  // namespace
}  // namespace hone::feedback
