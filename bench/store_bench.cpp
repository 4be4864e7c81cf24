// How the store's cost grows with what it holds: writing one more interaction, and showing one with
// its conversation, in a store of 1,000, 100,000 and, with --full, 10,000,000 interactions.
//
//   store_bench [--full] [FOLDER]        FOLDER is emptied; --full needs 20 GB there
//   store_bench --fill COUNT FILE        only fills the database, for `./dev bench gateway --works
//   stored-COUNT`
//
// The store is filled as the indexer fills it, in batches of 1,000 records of one transaction each;
// each conversation has five calls of one new message and one answer.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "calls.h"
#include "store/database.h"
#include "store/rows.h"
#include "store/session.h"
#include "support.h"

namespace {

using namespace hone;
using bench::Calls;
using bench::cpu_seconds;
using bench::kCallsOfASession;
using bench::must;
using bench::name_of;

constexpr std::int64_t kBatch = 1'000;
constexpr std::int64_t kMeasuredWrites = 20'000;
constexpr int kMeasuredReads = 2'000;
constexpr double kLimit = 1.2;  // of what the smallest store takes

// Processor time of the database's work alone; making the records is not counted.
double write_batch(store::Database& db, Calls& calls) {
  std::vector<store::OutboxRecord> records;
  for (std::int64_t i = 0; i < kBatch; ++i) records.push_back(calls.next());
  const double before = cpu_seconds();
  must(db.transaction([&]() -> Result<void> {
    for (const auto& record : records) {
      if (auto written = store::write_record(db, record, {.feedback_waits = false}); !written)
        return written;
    }
    return {};
  }));
  return cpu_seconds() - before;
}

double median_read(store::Database& db, std::int64_t stored) {
  Random random(5);
  std::vector<double> times;
  for (int i = 0; i < kMeasuredReads; ++i) {
    const auto name =
        name_of(static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(stored))));
    const auto before = std::chrono::steady_clock::now();
    const auto session = must(store::load_session(db, name, 100));
    const std::chrono::duration<double, std::micro> took =
        std::chrono::steady_clock::now() - before;
    if (session.calls.size() != kCallsOfASession) {
      std::fprintf(stderr, "%s: a session of %zu calls\n", name.c_str(), session.calls.size());
      std::exit(1);
    }
    times.push_back(took.count());
  }
  std::ranges::nth_element(times, times.begin() + kMeasuredReads / 2);
  return times[kMeasuredReads / 2];
}

int fill(std::int64_t count, const std::string& file) {
  auto db = must(store::Database::open("sqlite:" + file));
  must(db->migrate());
  Calls calls;
  while (calls.made() < count) write_batch(*db, calls);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 4 && std::string_view(argv[1]) == "--fill") return fill(std::atoll(argv[2]), argv[3]);
  const bool full = argc > 1 && std::string_view(argv[1]) == "--full";
  std::string folder = argc > (full ? 2 : 1) ? argv[full ? 2 : 1] : "build/store-bench";
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  const std::string file = folder + "/hone.db";
  auto db = must(store::Database::open("sqlite:" + file));
  must(db->migrate());
  Calls calls;
  double smallest_write = 0;
  std::vector<std::int64_t> sizes = {1'000, 100'000};
  if (full) sizes.push_back(10'000'000);
  std::printf("%12s %10s %18s %8s %20s\n", "interactions", "GB", "write, CPU us each", "ratio",
              "show a session, us");
  for (const std::int64_t size : sizes) {
    while (calls.made() < size) write_batch(*db, calls);
    double cpu = 0;
    const auto before = calls.made();
    while (calls.made() < before + kMeasuredWrites) cpu += write_batch(*db, calls);
    const double write = 1e6 * cpu / static_cast<double>(calls.made() - before);
    if (smallest_write == 0) smallest_write = write;
    const double read = median_read(*db, before);
    std::printf("%12lld %10.2f %18.1f %8.2f %20.0f%s\n", static_cast<long long>(before),
                static_cast<double>(std::filesystem::file_size(file)) / 1e9, write,
                write / smallest_write, read,
                write > kLimit * smallest_write ? "   (over the limit of 1.20)" : "");
    std::fflush(stdout);
  }
  db.reset();
  std::filesystem::remove_all(folder);
}
