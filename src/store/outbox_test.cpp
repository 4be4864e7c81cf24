#include "store/outbox.h"

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

#include "support/temp_folder.h"

namespace hone::store {
namespace {

using namespace std::chrono_literals;

OutboxRecord record(const std::string& id, std::string payload = "{}") {
  OutboxRecord made;
  made.kind = RecordKind::kFeedback;
  made.id = id;
  made.persons = {"per_" + id, "per_other"};
  made.payload = std::move(payload);
  return made;
}

class OutboxTest : public ::testing::Test {
 protected:
  std::unique_ptr<Outbox> open(OutboxOptions options = {}) {
    auto outbox = Outbox::open(posix_files(), path_, clock_, options);
    EXPECT_TRUE(outbox) << outbox.error().message;
    return std::move(*outbox);
  }
  static std::vector<OutboxRecord> read_all(Outbox& outbox, std::int64_t after = 0) {
    std::vector<OutboxRecord> records;
    const auto reader = outbox.read_after(after);
    while (true) {
      auto next = reader->next();
      if (!next) {
        ++damaged_;
        continue;
      }
      if (!*next) return records;
      records.push_back(std::move(**next));
    }
  }
  [[nodiscard]] std::vector<std::string> segment_paths() const {
    const auto names = posix_files().list(path_).value();
    std::vector<std::string> paths;
    for (const auto& name : names) {
      if (name.starts_with("segment-")) paths.push_back(path_ + "/" + name);
    }
    return paths;
  }

  test::TempFolder folder_;
  const std::string path_ = folder_ / "outbox";
  SystemClock clock_;
  static inline int damaged_ = 0;
  void SetUp() override { damaged_ = 0; }
};

TEST_F(OutboxTest, GivesBackWhatWasAppended) {
  const auto outbox = open();
  std::string large;
  for (int i = 0; i < 5000; ++i) large += "line " + std::to_string(i) + "\n";
  ASSERT_TRUE(outbox->append(record("a")));
  ASSERT_TRUE(outbox->append(record("b", large)));
  ASSERT_TRUE(outbox->append(record("c", "")));
  ASSERT_EQ(outbox->append_and_wait(record("d")), 4);
  const auto records = read_all(*outbox);
  ASSERT_EQ(records.size(), 4U);
  EXPECT_EQ(records[0].id, "a");
  EXPECT_EQ(records[0].kind, RecordKind::kFeedback);
  EXPECT_EQ(records[0].persons, (std::vector<std::string>{"per_a", "per_other"}));
  EXPECT_EQ(records[1].payload, large);
  EXPECT_EQ(records[2].payload, "");
  EXPECT_EQ(records[3].position, 4);
  EXPECT_EQ(read_all(*outbox, 2).size(), 2U);
}

TEST_F(OutboxTest, CompressesOnceItHasGrown) {
  std::string large;
  for (int i = 0; i < 5000; ++i) large += "line " + std::to_string(i) + "\n";
  OutboxOptions options;
  options.compress_from =
      static_cast<double>(large.size()) / static_cast<double>(options.max_total_bytes);
  const auto outbox = open(options);
  ASSERT_TRUE(outbox->append_and_wait(record("a", large)));
  const auto plain = outbox->status().total_bytes;
  EXPECT_GT(plain, large.size());
  ASSERT_TRUE(outbox->append_and_wait(record("b", large)));
  EXPECT_LT(outbox->status().total_bytes, plain + large.size() / 2);
  const auto records = read_all(*outbox);
  ASSERT_EQ(records.size(), 2U);
  EXPECT_EQ(records[0].payload, large);
  EXPECT_EQ(records[1].payload, large);
}

TEST_F(OutboxTest, KeepsRecordsAcrossRestarts) {
  std::string identity;
  {
    const auto outbox = open();
    identity = outbox->identity();
    ASSERT_TRUE(outbox->append(record("a")));
  }  // closing syncs
  const auto outbox = open();
  EXPECT_EQ(outbox->identity(), identity);
  EXPECT_EQ(outbox->recovered_position(), 1);
  EXPECT_EQ(outbox->append_and_wait(record("b")), 2);
  EXPECT_EQ(read_all(*outbox).size(), 2U);
  EXPECT_TRUE(outbox->damage().empty());
}

TEST_F(OutboxTest, IsForOneProcessAtATime) {
  const auto outbox = open();
  const auto second = Outbox::open(posix_files(), path_, clock_);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::kUnavailable);
  EXPECT_NE(second.error().message.find(path_), std::string::npos);
}

TEST_F(OutboxTest, CommitsInGroupsAndWhatNobodyWaitsForWithinTheInterval) {
  const auto outbox = open({.commit_interval = 20ms});
  ASSERT_TRUE(outbox->append(record("quiet")));
  EXPECT_TRUE(outbox->wait_for_more(0, 5s));
  std::atomic<int> done = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 25; ++i) {
        outbox->append_synced(record(std::to_string(t) + "-" + std::to_string(i)),
                              [&](Result<std::int64_t> position) { done += position ? 1 : 0; });
      }
    });
  }
  for (auto& thread : threads) thread.join();
  ASSERT_TRUE(outbox->append_and_wait(record("last")));
  EXPECT_EQ(done, 200);
  EXPECT_LT(outbox->status().commits, 150);
  EXPECT_EQ(read_all(*outbox).size(), 202U);
}

TEST_F(OutboxTest, RollsSegmentsAndRemovesThoseThatAreDone) {
  const auto outbox = open({.segment_bytes = 2000});
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(outbox->append_and_wait(record(std::to_string(i), std::string(100, 'x'))));
  }
  ASSERT_TRUE(outbox->wait_for_more(99, 1s));
  const auto status = outbox->status();
  EXPECT_GT(status.segments, 3);
  EXPECT_EQ(read_all(*outbox).size(), 100U);
  EXPECT_EQ(outbox->remove_segments(100, clock_.now() - 1h), 0);  // too young
  EXPECT_EQ(outbox->remove_segments(3, clock_.now() + 1h), 0);    // not indexed
  const auto removed = outbox->remove_segments(100, clock_.now() + 1h);
  EXPECT_EQ(removed, status.segments - 1);
  EXPECT_LT(outbox->status().total_bytes, status.total_bytes);
  EXPECT_EQ(outbox->append_and_wait(record("next")), 101);
}

TEST_F(OutboxTest, RecordsGrowOldThoughItIsOpenedAgainAndAgain) {
  ManualClock clock(from_millis(1'800'000'000'000));
  const auto reopen = [&] { return Outbox::open(posix_files(), path_, clock).value(); };
  ASSERT_TRUE(reopen()->append_and_wait(record("old")));
  for (int hour = 0; hour < 24; ++hour) {
    const auto outbox = reopen();
    EXPECT_EQ(outbox->remove_segments(1, clock.now() - 24h), 0) << "after " << hour << " hours";
    clock.advance(1h);
  }
  {
    const auto outbox = reopen();
    EXPECT_EQ(outbox->remove_segments(1, clock.now() - 24h), 1);
    EXPECT_EQ(outbox->status().segments, 1) << "the one that would take appends";
    ASSERT_TRUE(outbox->append_and_wait(record("new")));
  }
  clock.advance(1h);
  EXPECT_EQ(read_all(*reopen()).size(), 1U);
  EXPECT_EQ(reopen()->remove_segments(2, clock.now() - 24h), 0) << "what came later is younger";
}

TEST_F(OutboxTest, AReaderFollowsTheWriterAcrossSegments) {
  const auto outbox = open({.segment_bytes = 1000, .commit_interval = 1ms});
  std::thread writer([&] {
    for (int i = 0; i < 300; ++i) ASSERT_TRUE(outbox->append(record(std::to_string(i))));
  });
  const auto reader = outbox->read_after(0);
  int seen = 0;
  while (seen < 300) {
    auto next = reader->next();
    ASSERT_TRUE(next) << next.error().message;
    if (!*next) {
      (void)outbox->wait_for_more(reader->position(), 100ms);
      continue;
    }
    ASSERT_EQ((*next)->id, std::to_string(seen));
    ++seen;
  }
  writer.join();
}

TEST_F(OutboxTest, RefusesWhenFullAndGoesOnWhenThereIsRoom) {
  const auto outbox = open({.segment_bytes = 1000, .max_total_bytes = 4000});
  Result<std::int64_t> appended = 0;
  std::int64_t last = 0;
  while ((appended = outbox->append_and_wait(record("x", std::string(100, 'x'))))) last = *appended;
  EXPECT_EQ(appended.error().code, ErrorCode::kUnavailable);
  EXPECT_NE(appended.error().message.find("full"), std::string::npos);
  EXPECT_FALSE(outbox->fenced());
  EXPECT_EQ(outbox->status().refused_full, 1);
  EXPECT_EQ(std::ssize(read_all(*outbox)), last);
  ASSERT_TRUE(outbox->remove_segments(last, clock_.now() + 1h));
  EXPECT_TRUE(outbox->append_and_wait(record("y")));
}

TEST_F(OutboxTest, SaysThatItHasNoRoomBeforeItRefuses) {
  const auto outbox = open({.segment_bytes = 1000, .max_total_bytes = 16'000});
  std::int64_t last = 0;
  while (outbox->has_room()) {
    const auto appended = outbox->append_and_wait(record("x", std::string(100, 'x')));
    ASSERT_TRUE(appended) << "it said that it had room";
    last = *appended;
  }
  EXPECT_TRUE(outbox->append_and_wait(record("y"))) << "room for what had begun";
  ASSERT_TRUE(outbox->remove_segments(last, clock_.now() + 1h));
  EXPECT_TRUE(outbox->has_room());
}

TEST_F(OutboxTest, KeepsWhatIsIndexedOnlyWhileNobodyNeedsTheRoom) {
  const auto outbox = open({.segment_bytes = 1000, .max_total_bytes = 16'000});
  std::int64_t last = 0;
  while (outbox->status().total_bytes < 7'000) {
    last = outbox->append_and_wait(record("x", std::string(100, 'x'))).value();
  }
  EXPECT_EQ(outbox->remove_segments(last, clock_.now() - 1h), 0) << "young, and half is free";
  while (outbox->status().total_bytes < 12'000) {
    last = outbox->append_and_wait(record("x", std::string(100, 'x'))).value();
  }
  EXPECT_GT(outbox->remove_segments(last, clock_.now() - 1h).value(), 0);
  EXPECT_LE(outbox->status().total_bytes, 8'000U);
  EXPECT_GT(outbox->status().total_bytes, 6'000U) << "no more than is needed";
}

TEST_F(OutboxTest, RefusesRecordsOverTheLimits) {
  const auto outbox = open();
  EXPECT_EQ(outbox->append(record(std::string(70000, 'i'))).error().code, ErrorCode::kTooLarge);
  EXPECT_EQ(outbox->append(record("big", std::string(65U << 20, 'p'))).error().code,
            ErrorCode::kTooLarge);
  EXPECT_TRUE(outbox->append_and_wait(record("small")));
}

TEST_F(OutboxTest, ErasesARecordInPlace) {
  const std::string secret = "a secret that must go";
  {
    const auto outbox = open();
    ASSERT_TRUE(outbox->append(record("a", secret + " 1")));
    ASSERT_TRUE(outbox->append(record("b", secret + " 2")));
    ASSERT_TRUE(outbox->append_and_wait(record("c")));
    const auto reader = outbox->read_after(0);
    ASSERT_TRUE(reader->next());  // has the second record in its buffer
    ASSERT_TRUE(outbox->tombstone(2));
    ASSERT_TRUE(outbox->tombstone(2));  // again is no error
    const auto erased = reader->next();
    ASSERT_TRUE(erased);
    EXPECT_TRUE((*erased)->tombstone);
    EXPECT_EQ((*erased)->id, "b");
    EXPECT_EQ((*erased)->payload, "");
    EXPECT_TRUE((*erased)->persons.empty());
    EXPECT_EQ(outbox->tombstone(99).error().code, ErrorCode::kNotFound);
  }
  std::ifstream file(segment_paths().at(0), std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(file)), {});
  EXPECT_NE(bytes.find(secret + " 1"), std::string::npos);
  EXPECT_EQ(bytes.find(secret + " 2"), std::string::npos);
  EXPECT_EQ(bytes.find("per_b"), std::string::npos);
  const auto outbox = open();
  EXPECT_EQ(read_all(*outbox).size(), 3U);
  EXPECT_EQ(damaged_, 0);
}

TEST_F(OutboxTest, ReportsDamageAndReadsAround) {
  {
    const auto outbox = open();
    for (int i = 0; i < 9; ++i) ASSERT_TRUE(outbox->append_and_wait(record(std::to_string(i))));
  }
  std::fstream file(segment_paths().at(0), std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(64 + 88 * 4 + 50);
  file.put('!');
  file.close();
  const auto outbox = open();
  const auto reader = outbox->read_after(0);
  std::vector<std::string> ids;
  std::string damage;
  for (int i = 0; i < 20; ++i) {
    auto next = reader->next();
    if (!next) {
      EXPECT_EQ(next.error().code, ErrorCode::kCorrupt);
      damage += next.error().message;
    } else if (*next) {
      ids.push_back((*next)->id);
    }
  }
  EXPECT_EQ(ids.size(), 8U);
  EXPECT_NE(damage.find("segment-00000000000000000001.log at offset"), std::string::npos) << damage;
}

TEST_F(OutboxTest, SaysThatASegmentIsMissing) {
  {
    const auto outbox = open({.segment_bytes = 500});
    for (int i = 0; i < 30; ++i) ASSERT_TRUE(outbox->append_and_wait(record(std::to_string(i))));
  }
  const auto segments = segment_paths();
  ASSERT_GT(segments.size(), 3U);
  ASSERT_TRUE(posix_files().remove(segments[1]));
  const auto outbox = open();
  ASSERT_EQ(outbox->damage().size(), 1U);
  EXPECT_NE(outbox->damage()[0].message().find("missing"), std::string::npos);
}

TEST_F(OutboxTest, RefusesAfterClose) {
  const auto outbox = open();
  ASSERT_TRUE(outbox->close());
  EXPECT_EQ(outbox->append_and_wait(record("late")).error().code, ErrorCode::kUnavailable);
}

}  // namespace
}  // namespace hone::store
