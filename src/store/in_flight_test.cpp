#include "store/in_flight.h"

#include <gtest/gtest.h>

#include <set>
#include <thread>

#include "base/test_support.h"
#include "store/indexer.h"
#include "support/faulty_files.h"

namespace hone::store {
namespace {

InteractionStart start(const std::string& id) {
  return {id, "per_1", "assistant", "digest", from_millis(7)};
}

class InFlightTest : public ::testing::Test {
 protected:
  std::unique_ptr<InFlight> open(std::uint32_t places = 128) {
    return std::move(InFlight::open(posix_files(), folder_.path("in-flight"), places).value());
  }
  hone::testing::TempFolder folder_;
};

TEST_F(InFlightTest, TellsWhatWasBegunAndNotEnded) {
  {
    auto calls = open();
    EXPECT_TRUE(calls->left().empty());
    const auto ended = calls->begin(start("int_ended"));
    ASSERT_TRUE(calls->begin(start("int_cut")));
    calls->end(*ended);
  }
  auto calls = open();
  ASSERT_EQ(calls->left().size(), 1U);
  EXPECT_EQ(calls->left()[0].id, "int_cut");
  EXPECT_EQ(calls->left()[0].person, "per_1");
  EXPECT_EQ(calls->left()[0].alias, "assistant");
  EXPECT_EQ(calls->left()[0].model, "digest");
  EXPECT_EQ(to_millis(calls->left()[0].started_at), 7);
  EXPECT_EQ(open()->left().size(), 1U) << "kept until it is forgotten";
  calls->forget_left();
  EXPECT_TRUE(open()->left().empty());
}

TEST_F(InFlightTest, CutsLongNames) {
  auto long_one = start("int_1");
  long_one.alias = std::string(1000, 'a');
  long_one.model = std::string(1000, 'm');
  ASSERT_TRUE(open()->begin(long_one));
  const auto left = open()->left();
  ASSERT_EQ(left.size(), 1U);
  EXPECT_EQ(left[0].id, "int_1");
  EXPECT_EQ(left[0].person, "per_1");
  EXPECT_TRUE(left[0].alias.size() > 50 && long_one.alias.starts_with(left[0].alias));
  EXPECT_TRUE(left[0].model.size() > 50 && long_one.model.starts_with(left[0].model));
}

TEST_F(InFlightTest, GivesNoPlaceTwiceAndNoneWhereAllAreTaken) {
  auto calls = open(8);
  std::set<InFlight::Place> places;
  for (int i = 0; i < 8; ++i) {
    const auto place = calls->begin(start("int_" + std::to_string(i)));
    ASSERT_TRUE(place);
    EXPECT_TRUE(places.insert(*place).second);
  }
  EXPECT_FALSE(calls->begin(start("int_8")));
  calls->end(3);
  EXPECT_EQ(calls->begin(start("int_9")), 3U);
}

TEST_F(InFlightTest, ThreadsShareIt) {
  auto calls = open();
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&calls, t] {
      for (int i = 0; i < 5'000; ++i) {
        const auto place = calls->begin(start("int_" + std::to_string(t)));
        ASSERT_TRUE(place);
        calls->end(*place);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_TRUE(open()->left().empty());
}

TEST_F(InFlightTest, GarbageIsNoCall) {
  testing::write_all(folder_.path("in-flight"), std::string(128 * 256, '\x7f'));
  EXPECT_TRUE(open()->left().empty());
  ASSERT_TRUE(open()->begin(start("int_1"))) << "and its places are free";
}

TEST(InFlight, ADiskWithoutRoomIsSaidAtTheStart) {
  test::FaultyFiles files(1);
  files.fail_operation(1, ErrorCode::kUnavailable);
  EXPECT_EQ(InFlight::open(files, "in-flight").error().code, ErrorCode::kUnavailable);
}

TEST_F(InFlightTest, WhatAProcessLeftIsCountedByTheIndex) {
  SystemClock clock;
  ASSERT_TRUE(open()->begin(start("int_cut")));
  auto outbox = std::move(Outbox::open(posix_files(), folder_.path("outbox"), clock).value());
  auto calls = open();
  const auto cut_off = move_left(*calls, *outbox);
  ASSERT_TRUE(cut_off);
  const auto running = calls->begin(start("int_running"));
  ASSERT_TRUE(running);
  auto db = std::move(Database::open("sqlite:" + folder_.path("hone.db")).value());
  ASSERT_TRUE(db->migrate());
  Indexer indexer(*outbox, *db, clock, {.cut_off_up_to = *cut_off});
  ASSERT_TRUE(indexer.run_until_idle());
  const auto rows = db->query("SELECT id, content FROM interaction");
  ASSERT_EQ(rows->size(), 1U);
  EXPECT_EQ(rows->front().text("id"), "int_cut");
  EXPECT_EQ(rows->front().text("content"), "cut");
}

}  // namespace
}  // namespace hone::store
