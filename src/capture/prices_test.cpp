#include "capture/prices.h"

#include <gtest/gtest.h>

namespace hone::capture {
namespace {

const Prices kPrices("USD", {{"claude-*", {.input = 3, .output = 15, .cached_input = 0.3}},
                             {"claude-haiku-*", {.input = 1, .output = 5}},
                             {"claude-haiku-4-5", {.input = 0.8, .output = 4}},
                             {"*", {.input = 0.5, .output = 0.5}}});

TEST(Prices, TakeTheExactNameThenTheLongestPattern) {
  EXPECT_EQ(kPrices.find("claude-haiku-4-5")->input, 0.8);
  EXPECT_EQ(kPrices.find("claude-haiku-4-5-20261001")->input, 1);
  EXPECT_EQ(kPrices.find("claude-opus-5")->input, 3);
  EXPECT_EQ(kPrices.find("gpt-x")->input, 0.5);
  EXPECT_EQ(Prices("USD", {{"gpt-x", {}}}).find("gpt-xl"), nullptr);
}

TEST(Prices, CountWhatWasCachedByItsOwnPrice) {
  const Prices prices(
      "USD", {{"m", {.input = 3, .output = 15, .cached_input = 0.3, .cache_write = 3.75}}});
  const Usage usage{.prompt_tokens = 1'000'000,
                    .cached_tokens = 600'000,
                    .cache_write_tokens = 100'000,
                    .completion_tokens = 10'000};
  EXPECT_DOUBLE_EQ(prices.cost({"m"}, usage), 0.3 * 3 + 0.6 * 0.3 + 0.1 * 3.75 + 0.01 * 15);
}

TEST(Prices, TakeTheFirstNameThatHasOne) {
  const Prices prices("USD", {{"assistant", {.input = 2}}});
  const Usage usage{.prompt_tokens = 1'000'000};
  EXPECT_EQ(prices.cost({"0123abcd", "assistant"}, usage), 2);
  EXPECT_EQ(prices.cost({"0123abcd"}, usage), 0);
}

TEST(Prices, AreNotFooledByCountsThatCannotBe) {
  const Prices prices("USD", {{"m", {.input = 1, .cached_input = 0.1}}});
  const Usage usage{.prompt_tokens = 10, .cached_tokens = 1'000'000'000};
  EXPECT_DOUBLE_EQ(prices.cost({"m"}, usage), 10 * 0.1 / 1e6);
}

}  // namespace
}  // namespace hone::capture
