#include "net/turnstile.h"

#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_future.hpp>
#include <thread>
#include <vector>

#include "net/runtime.h"

namespace hone::net {
namespace {

using namespace std::chrono_literals;

class TurnstileTest : public ::testing::Test {
 protected:
  std::future<bool> come(std::chrono::milliseconds patience) {
    auto closed = [this] { return closed_.load(); };
    return asio::co_spawn(runtime_.io().get_executor(), turnstile_.wait(patience, closed),
                          asio::use_future);
  }
  void wait_until_waiting(std::size_t count) {
    for (int i = 0; i < 1000 && turnstile_.waiting() < count; ++i) std::this_thread::sleep_for(5ms);
    ASSERT_EQ(turnstile_.waiting(), count);
  }

  std::atomic<bool> closed_ = true;
  Turnstile turnstile_;
  Runtime runtime_{1};
};

TEST_F(TurnstileTest, LetsAllThroughWhileItIsOpen) {
  closed_ = false;
  EXPECT_TRUE(come(1h).get());
  EXPECT_EQ(turnstile_.waiting(), 0U);
}

TEST_F(TurnstileTest, LetsThroughAsManyAsAreLetInTheOrderTheyCame) {
  std::vector<std::future<bool>> people;
  for (std::size_t i = 0; i < 3; ++i) {
    people.push_back(come(1h));
    wait_until_waiting(i + 1);
  }
  turnstile_.let(2);
  EXPECT_TRUE(people[0].get());
  EXPECT_TRUE(people[1].get());
  EXPECT_EQ(people[2].wait_for(50ms), std::future_status::timeout);
  turnstile_.let(5);
  EXPECT_TRUE(people[2].get());
}

TEST_F(TurnstileTest, NobodyWaitsForEver) {
  EXPECT_FALSE(come(20ms).get());
  turnstile_.let(1);  // for one who is gone
  EXPECT_EQ(turnstile_.waiting(), 0U);
}

TEST_F(TurnstileTest, WhoComesAsItOpensDoesNotWait) {
  int asked = 0;
  const auto opens = [&asked] { return ++asked == 1; };
  EXPECT_TRUE(
      asio::co_spawn(runtime_.io().get_executor(), turnstile_.wait(1h, opens), asio::use_future)
          .get());
}

}  // namespace
}  // namespace hone::net
