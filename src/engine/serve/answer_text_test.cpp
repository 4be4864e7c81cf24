#include "engine/serve/answer_text.h"

#include <gtest/gtest.h>

namespace hone::engine {
namespace {

// What is shown of `bytes`, given one at a time.
std::string shown(std::string_view bytes, std::vector<std::string> stop,
                  std::string* stop_string = nullptr) {
  AnswerText text(std::move(stop));
  std::string all;
  for (const char& byte : bytes) {
    const bool stopped = text.add(std::string_view(&byte, 1));
    if (stopped) break;
    all += text.take();
  }
  all += text.take_rest();
  if (stop_string != nullptr) *stop_string = text.stop_string();
  return all;
}

TEST(AnswerText, ShowsOnlyWholeCharacters) {
  AnswerText text({});
  EXPECT_FALSE(text.add("a\xE2\x82"));
  EXPECT_EQ(text.take(), "a");
  EXPECT_FALSE(text.add("\xAC!"));
  EXPECT_EQ(text.take(), "\u20ac!");
  EXPECT_FALSE(text.add("\xE2\x82"));
  EXPECT_EQ(text.take(), "");
  EXPECT_EQ(text.take_rest(), "\uFFFD");
}

TEST(AnswerText, EndsBeforeTheFirstStopString) {
  std::string stop;
  EXPECT_EQ(shown("one. two. three", {"three", ". t"}, &stop), "one");
  EXPECT_EQ(stop, ". t");
  EXPECT_EQ(shown("one. two", {"\n", "x"}, &stop), "one. two");
  EXPECT_EQ(stop, "");
  EXPECT_EQ(shown("aaab", {"aab"}), "a");
}

TEST(AnswerText, HoldsBackWhatMayBeginAStopString) {
  AnswerText text({"</end>", "\xE2\x82\xAC"});
  EXPECT_FALSE(text.add("hi </e"));
  EXPECT_EQ(text.take(), "hi ");
  EXPECT_FALSE(text.add("m>"));
  EXPECT_EQ(text.take(), "</em>");
  EXPECT_FALSE(text.add("x\xE2"));
  EXPECT_EQ(text.take(), "x");
}

TEST(AnswerText, CutsAWholeTokenAtTheStopString) {
  AnswerText text({"END"});
  EXPECT_TRUE(text.add("before END after"));
  EXPECT_EQ(text.take_rest(), "before ");
}

}  // namespace
}  // namespace hone::engine
