// What it takes to decide everything again: `hone verdict replay` over a store of 100,000 and, with
// --full, 1,000,000 interactions, as a dry run, written, and again (which must write nothing).
//
//   verdict_bench [--full] [FOLDER]      FOLDER is emptied; --full needs 4 GB there
//
// Every interaction has feedback: of ten, six are accepted, two rejected, one edited, one accepted
// and looked at twice later; one person in ten accepts whatever comes. The limit is 60 s for a
// million; the peer is a plain read of the rows that a verdict rests on.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "calls.h"
#include "feedback/policy.h"
#include "feedback/verdicts.h"
#include "store/database.h"
#include "store/feedback_record.h"
#include "store/rows.h"
#include "support.h"

namespace {

using namespace hone;
using bench::must;

constexpr std::int64_t kBatch = 1'000;
constexpr double kLimitSeconds = 60;  // for a million
constexpr int kPeople = 7'000;

double seconds_of(auto&& work) {
  const auto before = std::chrono::steady_clock::now();
  work();
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - before;
  return took.count();
}

// What is said of call `number`.
std::vector<store::OutboxRecord> said_of(std::int64_t number, Random& random) {
  const std::int64_t person = number / bench::kCallsOfASession % kPeople;
  store::Feedback feedback;
  feedback.id = "fb_" + std::to_string(number);
  feedback.idempotency_key = std::to_string(number);
  feedback.source = "api:key_" + std::to_string(person % 20);
  feedback.handle = {"id", bench::name_of(number)};
  feedback.person = "per_" + std::to_string(person);
  feedback.at = feedback.received_at = from_millis(1'700'000'100'000 + number * 10);
  const auto kind = random.below(10);
  feedback.kind = kind < 6 || person % 10 == 0 ? "accepted" : kind < 8 ? "rejected" : "accepted";
  if (kind == 8) {
    feedback.kind = "edited";
    feedback.final_text = std::string(300, static_cast<char>('a' + random.below(26)));
  }
  std::vector<store::OutboxRecord> records = {store::feedback_record(feedback, feedback.person)};
  for (const int after : {30, 600}) {
    if (kind != 9) break;
    store::Feedback look = feedback;
    look.id += "-" + std::to_string(after);
    look.idempotency_key = look.id;
    look.source = "git";
    look.kind = "persisted";
    look.by = "automatic";
    look.value = random.uniform();
    look.at = feedback.at + std::chrono::seconds(after);
    look.detail = {{"after_seconds", after}};
    records.push_back(store::feedback_record(look, look.person));
  }
  return records;
}

void fill(store::Database& db, bench::Calls& calls, std::int64_t size) {
  Random random(3);
  while (calls.made() < size) {
    must(db.transaction([&]() -> Result<void> {
      for (std::int64_t i = 0; i < kBatch; ++i) {
        const std::int64_t number = calls.made();
        if (auto done = store::write_record(db, calls.next(), {.feedback_waits = false}); !done) {
          return done;
        }
        for (const auto& record : said_of(number, random)) {
          if (auto done = store::write_record(db, record); !done) return done;
        }
      }
      return {};
    }));
  }
}

// The least that anybody must read: every signal, with its interaction, in order.
double plain_read(store::Database& db) {
  return seconds_of([&] {
    std::string after;
    while (true) {
      const auto rows = must(
          db.query("SELECT f.interaction_id, f.id, f.kind, f.by_whom, f.person_id, f.at, i.model"
                   " FROM feedback f JOIN interaction i ON i.id = f.interaction_id"
                   " WHERE f.interaction_id > ? ORDER BY f.interaction_id LIMIT 2000",
                   {after}));
      if (rows.empty()) break;
      after = rows[rows.size() - 1].text(std::size_t{0});
    }
  });
}

void replayed(store::Database& db, std::int64_t size, const char* what, bool apply, double peer) {
  feedback::Replayed report;
  const double took = seconds_of(
      [&] { report = must(feedback::replay(db, feedback::default_policy(), {.apply = apply})); });
  const double limit = kLimitSeconds * static_cast<double>(size) / 1e6;
  std::printf(
      "%12lld  %-14s %7.1f s  %5.1f us each  %5.2f of the limit  %5.1f of a plain read"
      "  %lld written, %zu people%s\n",
      static_cast<long long>(size), what, took, 1e6 * took / static_cast<double>(size),
      took / limit, took / peer, static_cast<long long>(report.written), report.people.size(),
      took > limit ? "   (over the limit)" : "");
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  const bool full = argc > 1 && std::string_view(argv[1]) == "--full";
  const std::string folder = argc > (full ? 2 : 1) ? argv[full ? 2 : 1] : "build/verdict-bench";
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  auto db = must(store::Database::open("sqlite:" + folder + "/hone.db"));
  must(db->migrate());
  bench::Calls calls;
  std::vector<std::int64_t> sizes = {100'000};
  if (full) sizes.push_back(1'000'000);
  for (const std::int64_t size : sizes) {
    fill(*db, calls, size);
    const double peer = plain_read(*db);
    replayed(*db, size, "dry run", false, peer);
    replayed(*db, size, "written", true, peer);
    replayed(*db, size, "again", true, peer);
  }
  db.reset();
  std::filesystem::remove_all(folder);
}
