// What the outbox promises when the disk fails or the power goes, tried at every operation in turn:
// every acknowledged record is there once, no half record ever reads as one, and damage is
// reported.
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <thread>

#include "store/outbox.h"
#include "support/faulty_files.h"

namespace hone::store {
namespace {

constexpr const char* kFolder = "outbox";
constexpr OutboxOptions kSmall{
    .segment_bytes = 1500, .commit_interval = std::chrono::milliseconds(1), .compress_from = 0};

// A payload from which its id can be told, some of it large enough to be compressed and to span
// sectors.
std::string payload_of(const std::string& id) {
  std::string payload = "{\"id\":\"" + id + "\"}";
  const std::size_t lines = std::hash<std::string>{}(id) % 40;
  for (std::size_t i = 0; i < lines; ++i) payload += id + "/" + std::to_string(i * i * 7919) + " ";
  return payload;
}

OutboxRecord record_of(const std::string& id) {
  return {.kind = RecordKind::kFeedback, .id = id, .persons = {"per_1"}, .payload = payload_of(id)};
}

struct Journal {
  std::set<std::string> acknowledged;
  std::map<std::string, std::string> refused;  // id to reason
};

// Appends until `count` are done or one is refused for good; stops at a fence as a server would.
void append_some(Outbox& outbox, const std::string& prefix, int count, Journal& journal) {
  for (int i = 0; i < count; ++i) {
    const std::string id = prefix + std::to_string(i);
    if (i % 3 == 2) (void)outbox.append(record_of(id + "-unsynced"));
    const auto position = outbox.append_and_wait(record_of(id));
    if (position) {
      journal.acknowledged.insert(id);
    } else {
      journal.refused[id] = position.error().message;
    }
  }
}

struct Contents {
  std::multiset<std::string> ids;
  int damaged = 0;
};

Contents read_all(Outbox& outbox) {
  Contents contents;
  std::int64_t last = 0;
  const auto reader = outbox.read_after(0);
  while (true) {
    const auto next = reader->next();
    if (!next) {
      EXPECT_EQ(next.error().code, ErrorCode::kCorrupt) << next.error().message;
      ++contents.damaged;
      continue;
    }
    if (!*next) return contents;
    const OutboxRecord& record = **next;
    const std::string id = record.id.substr(0, record.id.find("-unsynced"));
    EXPECT_EQ(record.payload, payload_of(record.id)) << "a half record";
    EXPECT_GT(record.position, last);
    last = record.position;
    contents.ids.insert(record.id);
  }
}

void expect_kept(const Contents& contents, const Journal& journal, const std::string& where) {
  for (const auto& id : journal.acknowledged) {
    EXPECT_EQ(contents.ids.count(id), 1U) << id << " after " << where;
  }
  for (const auto& id : contents.ids) EXPECT_EQ(contents.ids.count(id), 1U) << id << " " << where;
}

// One run: work with the n-th operation failing, then a power cut or only a restart, then recovery
// and more work, then a power cut in any case. False once n is beyond the operations that there
// are.
bool survives_fault(std::int64_t n, ErrorCode code, bool stuck, std::uint64_t seed) {
  test::FaultyFiles files(seed);
  SystemClock clock;
  Journal journal;
  {
    auto outbox = Outbox::open(files, kFolder, clock, kSmall);
    EXPECT_TRUE(outbox);
    append_some(**outbox, "before", 4, journal);
    files.fail_operation(n, code, stuck);
    append_some(**outbox, "during", 14, journal);
    if (code == ErrorCode::kIo && files.failed() && (*outbox)->fenced()) {
      const auto late = (*outbox)->append_and_wait(record_of("late"));
      EXPECT_FALSE(late) << "acknowledged after a failed sync";
      EXPECT_GT((*outbox)->status().refused_fenced, 0);
    }
    if (n % 2 == 0) files.crash();
  }
  const bool reached = files.failed();
  const std::string where = std::to_string(n) + " " + std::string(name(code));
  files.heal();
  {
    auto outbox = Outbox::open(files, kFolder, clock, kSmall);
    EXPECT_TRUE(outbox) << where << ": " << outbox.error().message;
    if (!outbox) return false;
    append_some(**outbox, "after", 3, journal);
    EXPECT_EQ(journal.refused.count("after0"), 0U) << where;
    files.crash();
  }
  auto outbox = Outbox::open(files, kFolder, clock, kSmall);
  EXPECT_TRUE(outbox) << where << ": " << outbox.error().message;
  if (!outbox) return false;
  const Contents contents = read_all(**outbox);
  expect_kept(contents, journal, where);
  EXPECT_EQ(contents.damaged, 0) << where;
  for (const auto& damage : (*outbox)->damage()) {
    EXPECT_FALSE(damage.acknowledged) << where << ": " << damage.message();
  }
  return reached && !::testing::Test::HasFailure();
}

TEST(OutboxFaults, EveryAcknowledgedRecordSurvivesAnIoErrorAtAnyOperation) {
  for (const bool stuck : {false, true}) {
    std::int64_t n = 1;
    while (survives_fault(n, ErrorCode::kIo, stuck, static_cast<std::uint64_t>(n))) ++n;
    EXPECT_GT(n, 20);
  }
}

TEST(OutboxFaults, EveryAcknowledgedRecordSurvivesAFullDiskAtAnyOperation) {
  for (const bool stuck : {false, true}) {
    std::int64_t n = 1;
    while (survives_fault(n, ErrorCode::kUnavailable, stuck, static_cast<std::uint64_t>(n))) ++n;
    EXPECT_GT(n, 20);
  }
}

TEST(OutboxFaults, AFullDiskRefusesWithoutAFenceAndEndsWithIt) {
  test::FaultyFiles files(1);
  SystemClock clock;
  auto outbox = Outbox::open(files, kFolder, clock, kSmall);
  ASSERT_TRUE(outbox);
  files.fail_operation(1, ErrorCode::kUnavailable);  // a write of the next append
  EXPECT_FALSE((*outbox)->append_and_wait(record_of("a")));
  EXPECT_FALSE((*outbox)->fenced());
  EXPECT_EQ((*outbox)->status().refused_full, 1);
  EXPECT_TRUE((*outbox)->append_and_wait(record_of("b")));
}

// Nobody appends any more while the disk is full: the outbox has to look by itself.
TEST(OutboxFaults, SeesThatADiskWithoutRoomHasRoomAgain) {
  test::FaultyFiles files(1);
  SystemClock clock;
  const auto outbox = Outbox::open(files, kFolder, clock, kSmall).value();
  EXPECT_TRUE(outbox->has_room());
  const auto wait_for_room = [&](bool room) {
    for (int i = 0; i < 1000 && outbox->has_room() != room; ++i) {
      // The disk is looked at with the commits, and once a second.
      if (!room) (void)outbox->append_and_wait(record_of("filler" + std::to_string(i)));
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return outbox->has_room() == room;
  };
  files.set_free_bytes(0);
  EXPECT_TRUE(wait_for_room(false));
  EXPECT_FALSE(outbox->append(record_of("a")));
  files.set_free_bytes(1ULL << 40);
  EXPECT_TRUE(wait_for_room(true));
  EXPECT_TRUE(outbox->append_and_wait(record_of("b")));
}

TEST(OutboxFaults, ANewCallTriesAgainWhereAWriteFoundNoSpace) {
  test::FaultyFiles files(1);
  SystemClock clock;
  const auto outbox = Outbox::open(files, kFolder, clock, kSmall).value();
  files.fail_operation(1, ErrorCode::kUnavailable);
  EXPECT_FALSE(outbox->append(record_of("a")));
  EXPECT_FALSE(outbox->has_room());
  for (int i = 0; i < 1000 && !outbox->has_room(); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_TRUE(outbox->has_room()) << "nobody would ever find out otherwise";
}

TEST(OutboxFaults, AFencedOutboxHasNoRoom) {
  test::FaultyFiles files(1);
  SystemClock clock;
  const auto outbox = Outbox::open(files, kFolder, clock, kSmall).value();
  files.fail_operation(2, ErrorCode::kIo);
  EXPECT_FALSE(outbox->append_and_wait(record_of("a")));
  EXPECT_FALSE(outbox->has_room());
}

TEST(OutboxFaults, AFailedSyncIsNeverRetried) {
  test::FaultyFiles files(1);
  SystemClock clock;
  auto outbox = Outbox::open(files, kFolder, clock, kSmall);
  ASSERT_TRUE(outbox);
  files.fail_operation(2, ErrorCode::kIo);  // the write is well, its sync is not
  EXPECT_EQ((*outbox)->append_and_wait(record_of("a")).error().code, ErrorCode::kUnavailable);
  EXPECT_TRUE((*outbox)->fenced());
  const auto operations = files.operations();
  EXPECT_EQ((*outbox)->append(record_of("b")).error().code, ErrorCode::kUnavailable);
  EXPECT_FALSE((*outbox)->close());
  EXPECT_EQ(files.operations(), operations);
  EXPECT_EQ(read_all(**outbox).ids.size(), 0U);  // nothing that is not durable is shown
}

// Power cuts at any moment, several in a row, over one store.
TEST(OutboxFaults, EveryAcknowledgedRecordSurvivesPowerCuts) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    test::FaultyFiles files(seed);
    Random random(seed);
    SystemClock clock;
    Journal journal;
    for (int life = 0; life < 6; ++life) {
      auto outbox = Outbox::open(files, kFolder, clock, kSmall);
      ASSERT_TRUE(outbox) << "seed " << seed << ": " << outbox.error().message;
      const Contents contents = read_all(**outbox);
      expect_kept(contents, journal, "seed " + std::to_string(seed));
      ASSERT_EQ(contents.damaged, 0) << "seed " << seed;
      for (const auto& damage : (*outbox)->damage()) {
        EXPECT_FALSE(damage.acknowledged) << "seed " << seed << ": " << damage.message();
      }
      append_some(**outbox, "life" + std::to_string(life) + "-", static_cast<int>(random.below(12)),
                  journal);
      (void)(*outbox)->append(record_of("last" + std::to_string(life) + "-unsynced"));
      files.crash();
    }
  }
}

// A bit flips in a record that others follow: that record is reported, and no other is lost.
TEST(OutboxFaults, AFlippedBitIsReportedAndCostsOneRecord) {
  Random random(7);
  for (int round = 0; round < 60; ++round) {
    test::FaultyFiles files(static_cast<std::uint64_t>(round));
    SystemClock clock;
    Journal journal;
    {
      auto outbox = Outbox::open(files, kFolder, clock, {});
      ASSERT_TRUE(outbox);
      append_some(**outbox, "x", 8, journal);
      if (round % 2 == 0) files.crash();  // half of them without an end marker
    }
    const std::string path = std::string(kFolder) + "/segment-00000000000000000001.log";
    const std::uint64_t size = files.bytes(path).size();
    files.flip_bit(path, 64 + random.below(size / 2));
    auto outbox = Outbox::open(files, kFolder, clock, {});
    ASSERT_TRUE(outbox) << outbox.error().message;
    const Contents contents = read_all(**outbox);
    std::int64_t reported = contents.damaged;
    for (const auto& damage : (*outbox)->damage()) reported += damage.acknowledged ? 1 : 0;
    std::size_t lost = 0;
    for (const auto& id : journal.acknowledged) lost += 1 - contents.ids.count(id);
    EXPECT_LE(lost, 1U) << round;
    if (lost > 0) {
      EXPECT_EQ(reported, 1) << round;
    }
    EXPECT_TRUE((*outbox)->append_and_wait(record_of("on")));
  }
}

TEST(OutboxFaults, AHeaderThatIsDamagedCostsNoRecord) {
  test::FaultyFiles files(3);
  SystemClock clock;
  Journal journal;
  {
    auto outbox = Outbox::open(files, kFolder, clock, {});
    append_some(**outbox, "x", 5, journal);
  }
  files.flip_bit(std::string(kFolder) + "/segment-00000000000000000001.log", 20);
  auto outbox = Outbox::open(files, kFolder, clock, {});
  ASSERT_TRUE(outbox);
  EXPECT_EQ((*outbox)->damage().size(), 1U);
  expect_kept(read_all(**outbox), journal, "a damaged header");
}

// Bytes of any kind in place of a segment: no crash, no record that nobody wrote.
TEST(OutboxFaults, GarbageIsNoRecord) {
  Random random(11);
  for (int round = 0; round < 40; ++round) {
    test::FaultyFiles files(1);
    SystemClock clock;
    std::string garbage(random.below(4000), '\0');
    for (char& c : garbage) c = static_cast<char>(round % 2 == 0 ? random.next() : random.below(3));
    {
      auto file = files.open(std::string(kFolder) + "/segment-00000000000000000001.log",
                             FileSystem::Mode::kCreate);
      ASSERT_TRUE((*file)->write_at(0, garbage));
    }
    auto outbox = Outbox::open(files, kFolder, clock, {});
    ASSERT_TRUE(outbox) << outbox.error().message;
    EXPECT_EQ(read_all(**outbox).ids.size(), 0U);
    EXPECT_TRUE((*outbox)->append_and_wait(record_of("on")));
  }
}

// The new slot is half written when the power goes: the next open finishes the erasure.
TEST(OutboxFaults, AnErasureThatACrashCutsShortIsFinished) {
  for (std::int64_t n = 1; n <= 8; ++n) {
    test::FaultyFiles files(static_cast<std::uint64_t>(n));
    SystemClock clock;
    Journal journal;
    {
      auto outbox = Outbox::open(files, kFolder, clock, {});
      append_some(**outbox, "x", 5, journal);
      files.fail_operation(n, ErrorCode::kIo, true);
      const auto erased = (*outbox)->tombstone(3);
      files.crash();
      if (erased) journal.acknowledged.insert("erased");
    }
    auto outbox = Outbox::open(files, kFolder, clock, {});
    ASSERT_TRUE(outbox) << n << ": " << outbox.error().message;
    EXPECT_TRUE((*outbox)->damage().empty()) << n << ": " << (*outbox)->damage()[0].message();
    const auto reader = (*outbox)->read_after(2);
    const auto third = reader->next();
    ASSERT_TRUE(third && *third) << n;
    EXPECT_EQ((*third)->position, 3);
    if (journal.acknowledged.contains("erased")) {
      EXPECT_TRUE((*third)->tombstone) << n;
    }
    EXPECT_TRUE((*outbox)->tombstone(3));
  }
}

}  // namespace
}  // namespace hone::store
