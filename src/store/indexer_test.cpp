#include "store/indexer.h"

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <thread>

#include "store/tree.h"
#include "support/databases.h"

namespace hone::store {
namespace {

using namespace std::chrono_literals;

OutboxRecord as_record(const Interaction& i) {
  return {.kind = RecordKind::kInteraction, .id = i.id, .payload = to_payload(i)};
}
OutboxRecord as_record(const Feedback& f) {
  return {.kind = RecordKind::kFeedback, .id = f.id, .payload = to_payload(f)};
}
OutboxRecord as_record(const Consent& c) {
  return {.kind = RecordKind::kConsent, .id = c.id, .payload = to_payload(c)};
}
OutboxRecord as_record(const InteractionStart& s) {
  return {.kind = RecordKind::kInteractionStart, .id = s.id, .payload = to_payload(s)};
}

Interaction interaction(const std::string& id, std::int64_t started_at = 1000) {
  Interaction i;
  i.id = id;
  i.person = "per_1";
  i.status = 200;
  i.started_at = from_millis(started_at);
  i.handles = {{"response", "resp-" + id}};
  return i;
}

Feedback feedback(const std::string& id, Handle handle) {
  Feedback f;
  f.id = id;
  f.idempotency_key = "key-" + id;
  f.source = "api:key_1";
  f.handle = std::move(handle);
  f.kind = "accepted";
  f.at = from_millis(2000);
  return f;
}

class IndexerBoth : public test::OnBothDatabases {
 protected:
  void SetUp() override {
    OnBothDatabases::SetUp();
    if (IsSkipped()) return;
    db_ = open();
    open_outbox();
  }
  void open_outbox() {
    outbox_.reset();
    auto opened = Outbox::open(posix_files(), folder_ / "outbox", clock_);
    ASSERT_TRUE(opened) << opened.error().message;
    outbox_ = std::move(*opened);
  }
  void append(const auto& item) { ASSERT_TRUE(outbox_->append_and_wait(as_record(item))); }
  void index() {
    Indexer indexer(*outbox_, *db_, clock_, {.batch_records = 3});
    const auto done = indexer.run_until_idle();
    ASSERT_TRUE(done) << done.error().message;
  }
  std::int64_t number(std::string_view sql, const Params& params = {}) {
    const auto rows = db_->query(sql, params);
    EXPECT_TRUE(rows) << rows.error().message;
    return !rows || rows->empty() ? -1 : rows->front().integer(std::size_t{0});
  }
  std::string linked(const std::string& id) {
    const auto rows = db_->query("SELECT interaction_id FROM feedback WHERE id = ?", {id});
    return rows->empty() ? "(none)" : rows->front().text("interaction_id");
  }

  SystemClock clock_;
  std::unique_ptr<Database> db_;
  std::unique_ptr<Outbox> outbox_;
};
INSTANTIATE_TEST_SUITE_P(Databases, IndexerBoth, test::both_databases(), test::database_name);

TEST_P(IndexerBoth, TurnsRecordsIntoRows) {
  Interaction i = interaction("int_1");
  const Path path = build_path("k", {{{"role", "user"}, {"content", json::array{}}}});
  i.nodes = path.nodes;
  i.blocks = path.blocks;
  i.context_node = path.leaf;
  i.propensity = 0.3;
  i.params = {{"temperature", 0.5}};
  append(i);
  Feedback f = feedback("fb_1", {"", "resp-int_1"});
  f.final_text = "better";
  f.value = 0.75;
  append(f);
  index();
  const auto rows = db_->query("SELECT * FROM interaction");
  ASSERT_EQ(rows->size(), 1U);
  EXPECT_EQ(rows->front().real("propensity"), 0.3);
  EXPECT_EQ(rows->front().text("params"), R"({"temperature":5E-1})");
  EXPECT_EQ(rows->front().integer("started_at"), 1000);
  EXPECT_EQ(load_path(*db_, path.leaf)->size(), 1U);
  const auto given = db_->query("SELECT * FROM feedback");
  ASSERT_EQ(given->size(), 1U);
  EXPECT_EQ(given->front().text("interaction_id"), "int_1");
  EXPECT_EQ(given->front().text("final_text"), "better");
  EXPECT_EQ(given->front().optional_text("comment"), std::nullopt);
  EXPECT_EQ(given->front().real("value"), 0.75);
}

TEST_P(IndexerBoth, ABatchThatTakesLongIsWrittenInSeveralTransactions) {
  append(InteractionStart{.id = "int_1", .person = "p", .alias = "a", .model = "m"});
  for (const std::string n : {"1", "2", "3"}) {
    append(interaction("int_" + n));
    append(feedback("fb_" + n, {"id", "int_" + n}));
  }
  const bool counts = db_->dialect() == Database::Dialect::kSqlite;
  if (counts) {  // each transaction but the first
    ASSERT_TRUE(db_->execute("INSERT INTO counter (name, value) VALUES ('moves', 0)"));
    ASSERT_TRUE(
        db_->execute("CREATE TRIGGER moves AFTER UPDATE ON outbox_position BEGIN"
                     " UPDATE counter SET value = value + 1 WHERE name = 'moves'; END"));
  }
  Indexer indexer(*outbox_, *db_, clock_, {.batch_time = 0ms});
  const auto records = indexer.run_once();
  ASSERT_TRUE(records) << records.error().message;
  EXPECT_EQ(*records, 7);
  if (counts) {
    EXPECT_EQ(number("SELECT value FROM counter WHERE name = 'moves'"), 6);
  }
  EXPECT_EQ(number("SELECT COUNT(*) FROM interaction WHERE content <> 'cut'"), 3);
  EXPECT_EQ(number("SELECT COUNT(*) FROM feedback WHERE interaction_id <> ''"), 3);
  EXPECT_EQ(number("SELECT position FROM outbox_position"), outbox_->status().durable_position);
  EXPECT_EQ(indexer.run_once().value(), 0);
}

TEST_P(IndexerBoth, WaitsWhereANewerHoneHasMigratedTheDatabase) {
  append(interaction("int_1"));
  ASSERT_TRUE(db_->execute("INSERT INTO schema_migration (number, title) VALUES (1000, 'later')"));
  Indexer indexer(*outbox_, *db_, clock_, {.batch_records = 3});
  const auto refused = indexer.run_until_idle();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(number("SELECT COUNT(*) FROM interaction"), 0);
  EXPECT_EQ(number("SELECT COUNT(*) FROM set_aside"), 0);
  ASSERT_TRUE(db_->execute("DELETE FROM schema_migration WHERE number = 1000"));
  ASSERT_TRUE(indexer.run_until_idle());
  EXPECT_EQ(number("SELECT COUNT(*) FROM interaction"), 1);
}

TEST_P(IndexerBoth, FeedbackFindsItsInteractionByAnyHandleBeforeOrAfterIt) {
  append(feedback("fb_early", {"response", "resp-int_1"}));
  append(feedback("fb_any", {"", "int_1"}));
  append(feedback("fb_wrong", {"tool_call", "resp-int_1"}));
  index();
  EXPECT_EQ(linked("fb_early"), "");
  append(interaction("int_1"));
  append(feedback("fb_late", {"id", "int_1"}));
  index();
  EXPECT_EQ(linked("fb_early"), "int_1");
  EXPECT_EQ(linked("fb_any"), "int_1");
  EXPECT_EQ(linked("fb_late"), "int_1");
  EXPECT_EQ(number("SELECT COUNT(*) FROM verdict_due"), 1);
  EXPECT_EQ(linked("fb_wrong"), "");
}

TEST_P(IndexerBoth, AnInteractionsOwnIdIsAHandleWithoutARow) {
  Interaction i = interaction("int_1");
  i.handles = {{"id", "int_1"}, {"id", "elsewhere-1"}};
  append(feedback("fb_early", {"id", "int_1"}));
  append(feedback("fb_other", {"response", "int_1"}));
  index();
  append(i);
  append(feedback("fb_late", {"", "int_1"}));
  append(feedback("fb_given", {"id", "elsewhere-1"}));
  index();
  for (const char* id : {"fb_early", "fb_late", "fb_given"}) EXPECT_EQ(linked(id), "int_1") << id;
  EXPECT_EQ(linked("fb_other"), "") << "of another kind";
  EXPECT_EQ(number("SELECT COUNT(*) FROM handle"), 1);
}

TEST_P(IndexerBoth, CompressesBlocksWhereTheSettingSaysSo) {
  const auto path_of = [](char letter) {
    const json::object text{{"type", "text"}, {"text", std::string(5000, letter)}};
    return build_path("k", {{{"role", "user"}, {"content", json::array{text}}}});
  };
  for (const auto& [letter, compress] : {std::pair('a', true), std::pair('b', false)}) {
    Interaction i = interaction(std::string("int_") + letter);
    const Path path = path_of(letter);
    i.nodes = path.nodes;
    i.blocks = path.blocks;
    i.context_node = path.leaf;
    append(i);
    Indexer indexer(*outbox_, *db_, clock_, {.compress = compress});
    const auto done = indexer.run_until_idle();
    ASSERT_TRUE(done) << done.error().message;
    EXPECT_EQ(number("SELECT COUNT(*) FROM block WHERE packed IS NOT NULL"), 1);
    const auto read = load_path(*db_, path.leaf);
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(read->front().content, path.blocks.front().content);
  }
}

TEST_P(IndexerBoth, SetsAsideWhatIsNoHash) {
  Interaction i = interaction("int_bad");
  i.context_node = "not a hash";
  append(i);
  append(interaction("int_good"));
  index();
  EXPECT_EQ(number("SELECT COUNT(*) FROM interaction"), 1);
  const auto kept = db_->query("SELECT * FROM set_aside");
  ASSERT_EQ(kept->size(), 1U);
  EXPECT_NE(kept->front().text("reason").find("node 'not a hash' is no digest"), std::string::npos);
}

TEST_P(IndexerBoth, OfSeveralInteractionsAHandleNamesTheLatest) {
  for (const auto& [id, at] : {std::pair("int_b", 2000), std::pair("int_a", 1000)}) {
    Interaction i = interaction(id, at);
    i.handles = {{"session", "s1"}};
    append(i);
  }
  append(feedback("fb_1", {"session", "s1"}));
  index();
  EXPECT_EQ(linked("fb_1"), "int_b");
}

TEST_P(IndexerBoth, TheSameKeyOfTheSameSourceStoresOnce) {
  Feedback first = feedback("fb_1", {"id", "int_1"});
  first.idempotency_key = "k";
  Feedback again = first;
  again.id = "fb_2";
  Feedback elsewhere = again;
  elsewhere.id = "fb_3";
  elsewhere.source = "api:key_2";
  for (const auto& f : {first, again, elsewhere}) append(f);
  index();
  EXPECT_EQ(number("SELECT COUNT(*) FROM feedback"), 2);
  EXPECT_EQ(linked("fb_2"), "(none)");
}

TEST_P(IndexerBoth, ReadingAgainChangesNothing) {
  append(InteractionStart{.id = "int_1", .person = "p", .alias = "a", .model = "m"});
  append(interaction("int_1"));
  append(feedback("fb_1", {"id", "int_1"}));
  append(Consent{"con_1", "per_1", true, std::nullopt, "per_1", from_millis(1)});
  index();
  ASSERT_TRUE(db_->execute("DELETE FROM outbox_position"));
  index();
  for (const char* table : {"interaction", "feedback", "consent", "outbox_position"}) {
    EXPECT_EQ(number(std::string("SELECT COUNT(*) FROM ") + table), 1) << table;
  }
  EXPECT_EQ(number("SELECT COUNT(*) FROM handle"), 1) << "its own id needs no row";
  EXPECT_EQ(number("SELECT COUNT(*) FROM interaction_start"), 0);
}

TEST_P(IndexerBoth, TheLatestConsentHolds) {
  ASSERT_TRUE(
      db_->execute("INSERT INTO person (id, team_id, role, capture, train, created_at)"
                   " VALUES ('per_1', 't', 'member', 1, 1, 0)"));
  append(Consent{"con_new", "per_1", false, std::nullopt, "per_1", from_millis(20)});
  append(Consent{"con_old", "per_1", true, false, "per_1", from_millis(10)});
  index();
  EXPECT_EQ(number("SELECT capture FROM person WHERE id = 'per_1'"), 0);
  EXPECT_EQ(number("SELECT train FROM person WHERE id = 'per_1'"), 0);
  EXPECT_EQ(number("SELECT COUNT(*) FROM consent"), 2);
}

TEST_P(IndexerBoth, CountsWhatAnEarlierProcessLeftUnfinished) {
  append(InteractionStart{"int_cut", "per_1", "assistant", "m", from_millis(500)});
  append(InteractionStart{"int_whole", "per_1", "assistant", "m", from_millis(600)});
  for (int i = 0; i < 5; ++i) append(interaction("int_" + std::to_string(i)));
  append(interaction("int_whole"));
  index();
  EXPECT_EQ(number("SELECT COUNT(*) FROM interaction WHERE content = 'cut'"), 0);
  open_outbox();  // another process
  append(InteractionStart{"int_running", "per_1", "assistant", "m", from_millis(700)});
  index();
  const auto cut = db_->query("SELECT * FROM interaction WHERE content = 'cut'");
  ASSERT_EQ(cut->size(), 1U);
  EXPECT_EQ(cut->front().text("id"), "int_cut");
  EXPECT_EQ(cut->front().integer("status"), 0);
  EXPECT_EQ(number("SELECT value FROM counter WHERE name = 'interactions_cut_off'"), 1);
  append(interaction("int_running"));
  index();
  EXPECT_EQ(number("SELECT COUNT(*) FROM interaction WHERE content = 'cut'"), 1);
}

TEST_P(IndexerBoth, SetsAsideARecordThatMakesNoRow) {
  append(interaction("int_1"));
  ASSERT_TRUE(outbox_->append_and_wait(
      {.kind = RecordKind::kFeedback, .id = "fb_bad", .payload = R"({"id": 3})"}));
  append(interaction("int_2"));
  index();
  EXPECT_EQ(number("SELECT COUNT(*) FROM interaction"), 2);
  const auto kept = db_->query("SELECT * FROM set_aside");
  ASSERT_EQ(kept->size(), 1U);
  EXPECT_EQ(kept->front().text("record_id"), "fb_bad");
  EXPECT_EQ(kept->front().text("payload"), R"({"id": 3})");
  EXPECT_NE(kept->front().text("reason").find("'id' must be a string"), std::string::npos);
  EXPECT_EQ(number("SELECT value FROM counter WHERE name = 'records_set_aside'"), 1);
}

TEST_P(IndexerBoth, SkipsAndCountsTombstones) {
  append(feedback("fb_1", {"id", "int_1"}));
  ASSERT_TRUE(outbox_->tombstone(1));
  append(interaction("int_1"));
  index();
  EXPECT_EQ(number("SELECT COUNT(*) FROM feedback"), 0);
  EXPECT_EQ(number("SELECT value FROM counter WHERE name = 'records_tombstoned'"), 1);
}

TEST_P(IndexerBoth, ALockedDatabaseDelaysAndLosesNothing) {
  const auto mine = open({.busy_timeout = 50ms});
  ASSERT_TRUE(db_->execute("INSERT INTO counter (name, value) VALUES ('records_tombstoned', 0)"));
  Indexer indexer(*outbox_, *mine, clock_, {.first_backoff = 10ms, .max_backoff = 50ms});
  indexer.start();
  append(interaction("int_0"));
  ASSERT_TRUE(indexer.wait_for(1, 10s));
  ASSERT_TRUE(db_->transaction([&]() -> Result<void> {
    if (db_->dialect() == Database::Dialect::kPostgres) {
      auto locked = db_->execute("LOCK TABLE interaction IN ACCESS EXCLUSIVE MODE");
      if (!locked) return fail(locked.error());
    }
    for (int i = 1; i < 20; ++i) append(interaction("int_" + std::to_string(i)));
    EXPECT_EQ(indexer.wait_for(20, 300ms).error().code, ErrorCode::kTimeout);
    EXPECT_GT(indexer.status().failed_batches, 0);
    EXPECT_NE(indexer.status().last_error.find("locked by another process"), std::string::npos);
    EXPECT_EQ(indexer.status().lag_records, 19);
    return {};
  }));
  EXPECT_TRUE(indexer.wait_for(20, 10s));
  indexer.stop();
  EXPECT_EQ(indexer.status().lag_records, 0);
  EXPECT_EQ(indexer.status().last_error, "");
  EXPECT_EQ(number("SELECT COUNT(*) FROM interaction"), 20);
}

TEST_P(IndexerBoth, AReaderCanWaitForItsOwnWrite) {
  const auto mine = open();
  Indexer indexer(*outbox_, *mine, clock_, {});
  indexer.start();
  for (int i = 0; i < 5; ++i) {
    const std::string id = "fb_" + std::to_string(i);
    const auto position = outbox_->append_and_wait(as_record(feedback(id, {"id", "int_1"})));
    ASSERT_TRUE(indexer.wait_for(*position, 10s));
    EXPECT_EQ(linked(id), "");
  }
}

// Without anybody who waits for it.
bool indexed_by_itself(const Indexer& indexer, std::int64_t position) {
  for (int i = 0; i < 1000 && indexer.status().indexed_position < position; ++i) {
    std::this_thread::sleep_for(10ms);
  }
  return indexer.status().indexed_position >= position;
}

TEST_P(IndexerBoth, GivesWayUntilSomebodyWaitsOrItOwesMuch) {
  const auto mine = open();
  Indexer indexer(*outbox_, *mine, clock_, {.owes_at_most = 3, .rests_at_most = 1h});
  std::atomic<bool> busy = true;
  indexer.give_way_while([&busy] { return busy.load(); });
  indexer.start();
  append(interaction("int_1"));
  ASSERT_TRUE(indexer.wait_for(1, 10s));
  append(interaction("int_2"));
  std::this_thread::sleep_for(200ms);
  EXPECT_EQ(indexer.status().indexed_position, 1);
  EXPECT_TRUE(indexer.wait_for(2, 10s));
  for (int i = 3; i <= 5; ++i) append(interaction("int_" + std::to_string(i)));
  EXPECT_TRUE(indexed_by_itself(indexer, 5));  // it owed three
  append(interaction("int_6"));
  busy = false;
  EXPECT_TRUE(indexed_by_itself(indexer, 6));
}

TEST_P(IndexerBoth, DoesNotLetConsentWaitNorAnythingForLong) {
  const auto mine = open();
  Indexer indexer(*outbox_, *mine, clock_, {.rests_at_most = 1h});
  indexer.give_way_while([] { return true; });
  indexer.start();
  append(interaction("int_1"));
  ASSERT_TRUE(indexer.wait_for(1, 10s));
  append(interaction("int_2"));
  append(Consent{.id = "con_1", .person = "per_1", .capture = false, .by = "per_1"});
  EXPECT_TRUE(indexed_by_itself(indexer, 3));
  indexer.stop();
  Indexer impatient(*outbox_, *mine, clock_, {.rests_at_most = 50ms});
  impatient.give_way_while([] { return true; });
  impatient.start();
  append(interaction("int_3"));
  EXPECT_TRUE(indexed_by_itself(impatient, 4));
}

TEST_P(IndexerBoth, MakesRoomThoughOthersAreBusy) {
  const auto mine = open();
  auto small = Outbox::open(posix_files(), folder_ / "small", clock_,
                            {.segment_bytes = 4'000, .max_total_bytes = 64'000})
                   .value();
  Indexer indexer(*small, *mine, clock_, {.rests_at_most = 1h, .keep = 1h});
  indexer.give_way_while([] { return true; });
  indexer.start();
  for (int i = 0; i < 200; ++i) {
    Interaction large = interaction("int_" + std::to_string(i));
    large.purpose = std::string(1'000, 'p');
    ASSERT_TRUE(small->append_and_wait(as_record(large))) << i;
    std::this_thread::sleep_for(2ms);
  }
  EXPECT_EQ(small->status().refused_full, 0);
}

TEST_P(IndexerBoth, LinksWhatTwoIndexersWroteAtTheSameMoment) {
  append(interaction("int_1"));
  append(feedback("fb_1", {"id", "int_1"}));
  index();
  ASSERT_TRUE(
      db_->execute("UPDATE feedback SET interaction_id = ''"));  // as if neither saw the other
  index();
  EXPECT_EQ(linked("fb_1"), "int_1");
}

TEST_P(IndexerBoth, FeedbackWaitsForSoLongAndNoLonger) {
  constexpr std::int64_t kCame = 1'800'000'000'000;
  ManualClock clock(from_millis(kCame));
  const auto give = [this](const std::string& id, Handle handle, std::int64_t received_at) {
    Feedback f = feedback(id, std::move(handle));
    f.received_at = from_millis(received_at);
    append(f);
  };
  append(interaction("int_1"));
  give("fb_linked", {"id", "int_1"}, kCame);
  give("fb_vain", {"tool_call", "toolu_never"}, kCame);
  give("fb_commit", {"commit", "0123"}, kCame);
  give("fb_later", {"tool_call", "toolu_late"}, kCame + 1000);
  give("fb_sometime", {"tool_call", "toolu_sometime"}, 0);  // of an old record
  const auto index_at = [&](std::chrono::milliseconds after) {
    clock.set(from_millis(kCame) + after);
    Indexer indexer(*outbox_, *db_, clock, {.waiting_keep = std::chrono::days(30)});
    const auto done = indexer.run_until_idle();
    EXPECT_TRUE(done) << done.error().message;
    return indexer.status();
  };
  (void)index_at(0ms);
  EXPECT_EQ(index_at(std::chrono::days(30)).waiting, 4);
  const auto status = index_at(std::chrono::days(30) + 1ms);
  EXPECT_EQ(status.waiting, 2);
  EXPECT_EQ(status.waited_in_vain, 2);
  EXPECT_EQ(status.crowded_out, 0);
  EXPECT_EQ(linked("fb_vain"), "(none)");
  EXPECT_EQ(linked("fb_commit"), "(none)");
  EXPECT_EQ(linked("fb_linked"), "int_1");
  EXPECT_EQ(number("SELECT value FROM counter WHERE name = 'feedback_expired'"), 1);
  EXPECT_EQ(number("SELECT value FROM counter WHERE name = 'outcomes_expired'"), 1);
  Interaction late = interaction("int_late");
  late.handles = {{"tool_call", "toolu_late"}, {"tool_call", "toolu_sometime"}};
  append(late);
  EXPECT_EQ(index_at(std::chrono::days(30) + 1ms).waited_in_vain, 0);
  EXPECT_EQ(linked("fb_later"), "int_late");
  EXPECT_EQ(linked("fb_sometime"), "int_late");
}

TEST_P(IndexerBoth, TenThousandThatWaitInVainAreBounded) {
  constexpr std::int64_t kCame = 1'800'000'000'000;
  constexpr std::int64_t kAtMost = 1'000;
  constexpr int kGiven = 10'000;
  ManualClock clock(from_millis(kCame));
  append(interaction("int_1"));
  append(feedback("fb_linked", {"id", "int_1"}));
  for (int n = 0; n < kGiven; ++n) {
    Feedback f = feedback("fb_" + std::to_string(n), {"tool_call", "toolu_" + std::to_string(n)});
    f.received_at = from_millis(kCame + n);
    ASSERT_TRUE(outbox_->append(as_record(f)));
  }
  const std::string last = std::to_string(kGiven - 1);
  Interaction late = interaction("int_late");
  late.handles = {{"tool_call", "toolu_" + last}};
  Indexer indexer(*outbox_, *db_, clock, {.batch_records = 100, .waiting_at_most = kAtMost});
  std::int64_t most = 0;
  while (true) {
    const auto records = indexer.run_once();
    ASSERT_TRUE(records) << records.error().message;
    if (*records == 0 && outbox_->status().last_position == indexer.status().indexed_position) {
      break;
    }
    most = std::max(most, number("SELECT COUNT(*) FROM feedback WHERE interaction_id = ''"));
  }
  EXPECT_LE(most, kAtMost + kAtMost / 10);
  EXPECT_GE(most, kAtMost) << "what may wait does";
  append(late);
  ASSERT_TRUE(indexer.run_until_idle());
  EXPECT_EQ(linked("fb_" + last), "int_late") << "the newest stay";
  EXPECT_EQ(linked("fb_0"), "(none)") << "the oldest go";
  EXPECT_EQ(linked("fb_linked"), "int_1");
  const auto waits = number("SELECT COUNT(*) FROM feedback WHERE interaction_id = ''");
  EXPECT_EQ(indexer.status().crowded_out, kGiven - 1 - waits);
  EXPECT_EQ(indexer.status().waited_in_vain, 0);
  EXPECT_EQ(number("SELECT value FROM counter WHERE name = 'feedback_crowded_out'"),
            kGiven - 1 - waits);
}

TEST_P(IndexerBoth, OutcomesOfCommitsCrowdOutNoOtherFeedback) {
  constexpr std::int64_t kCame = 1'800'000'000'000;
  constexpr std::int64_t kAtMost = 100;
  ManualClock clock(from_millis(kCame));
  const auto give = [&](const std::string& id, Handle handle, std::int64_t after) {
    Feedback f = feedback(id, std::move(handle));
    f.received_at = from_millis(kCame + after);
    ASSERT_TRUE(outbox_->append(as_record(f)));
  };
  give("fb_early", {"tool_call", "toolu_early"}, 0);
  for (int n = 0; n < 300; ++n) {
    give("fb_ci_" + std::to_string(n), {"commit", "c0ffee" + std::to_string(n)}, n + 1);
  }
  for (int n = 0; n < 50; ++n) {
    give("fb_" + std::to_string(n), {"tool_call", "toolu_" + std::to_string(n)}, n + 500);
  }
  append(interaction("int_1"));  // once this is synced, all are
  Indexer indexer(*outbox_, *db_, clock, {.waiting_at_most = kAtMost});
  ASSERT_TRUE(indexer.run_until_idle());
  EXPECT_EQ(linked("fb_early"), "");
  EXPECT_EQ(number("SELECT COUNT(*) FROM feedback WHERE handle_kind = 'commit'"), kAtMost);
  EXPECT_EQ(linked("fb_ci_299"), "") << "the newest stay";
  EXPECT_EQ(number("SELECT COUNT(*) FROM feedback WHERE handle_kind <> 'commit'"), 51);
  EXPECT_EQ(number("SELECT value FROM counter WHERE name = 'outcomes_crowded_out'"), 200);
  EXPECT_EQ(number("SELECT COUNT(*) FROM counter WHERE name = 'feedback_crowded_out'"), 0);
}

TEST_P(IndexerBoth, AnOutboxOfTheSameNameIsAnotherOutbox) {
  append(interaction("int_1"));
  append(interaction("int_2"));
  index();
  outbox_.reset();
  std::filesystem::remove_all(folder_ / "outbox");
  open_outbox();
  append(interaction("int_3"));
  index();
  EXPECT_EQ(number("SELECT COUNT(*) FROM interaction"), 3);
}

}  // namespace
}  // namespace hone::store
