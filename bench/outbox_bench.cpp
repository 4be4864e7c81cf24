// How many acknowledged records a second the outbox takes, beside the limit of this disk: one
// record and one fdatasync at a time. Group commit should be well over the limit as soon as several
// wait.
#include <atomic>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "base/file.h"
#include "store/outbox.h"

namespace {

using namespace std::chrono_literals;
using hone::store::Outbox;

constexpr auto kSpan = 2s;
const std::string kPayload(600, 'x');

// Raw file, one sync a record.
double syncs_a_second(const std::string& folder) {
  auto file = hone::posix_files().open(folder + "/raw", hone::FileSystem::Mode::kCreate).value();
  const auto end = std::chrono::steady_clock::now() + kSpan;
  std::uint64_t count = 0;
  while (std::chrono::steady_clock::now() < end) {
    if (!file->write_at(count * kPayload.size(), kPayload) || !file->sync_data()) return 0;
    ++count;
  }
  return static_cast<double>(count) / std::chrono::duration<double>(kSpan).count();
}

// `writers` threads that each wait for their record before they write the next.
double acknowledged_a_second(const std::string& folder, int writers) {
  hone::SystemClock clock;
  auto outbox = Outbox::open(hone::posix_files(), folder + "/" + std::to_string(writers), clock);
  if (!outbox) return 0;
  std::atomic<std::uint64_t> count = 0;
  const auto end = std::chrono::steady_clock::now() + kSpan;
  std::vector<std::thread> threads;
  for (int i = 0; i < writers; ++i) {
    threads.emplace_back([&, i] {
      for (int n = 0; std::chrono::steady_clock::now() < end; ++n) {
        const auto stored =
            (*outbox)->append_and_wait({.kind = hone::store::RecordKind::kFeedback,
                                        .id = std::to_string(i) + "-" + std::to_string(n),
                                        .persons = {"per_bench"},
                                        .payload = kPayload});
        if (stored) ++count;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  return static_cast<double>(count) / std::chrono::duration<double>(kSpan).count();
}

}  // namespace

int main() {
  const auto folder = std::filesystem::temp_directory_path() / "hone-bench-outbox";
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  const double limit = syncs_a_second(folder.string());
  std::printf("limit: %.0f writes with a sync each a second\n", limit);
  for (const int writers : {1, 8, 64}) {
    const double rate = acknowledged_a_second(folder.string(), writers);
    std::printf("outbox, %2d writers: %.0f acknowledged a second, %.2f of the limit\n", writers,
                rate, limit > 0 ? rate / limit : 0);
  }
  std::filesystem::remove_all(folder);
  return 0;
}
