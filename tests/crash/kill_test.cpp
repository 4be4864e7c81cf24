// kill -9 at any moment, over and over: what was acknowledged is there, once, in outbox and
// database. The journal of acknowledgements is kept by this process, which is not killed. 20
// cycles; 200 with HONE_FULL=1.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <map>
#include <set>
#include <thread>

#include "base/random.h"
#include "store/database.h"
#include "store/indexer.h"
#include "store/outbox.h"
#include "support/places.h"
#include "support/temp_folder.h"

namespace hone::store {
namespace {

using Steady = std::chrono::steady_clock;

// Runs the writer for `life` from its first acknowledgement on, kills it, and returns what it
// acknowledged.
std::vector<std::string> run_and_kill(const std::string& folder, const std::string& prefix,
                                      std::chrono::milliseconds life) {
  int ends[2];
  HONE_ASSERT(pipe(ends) == 0);
  const std::string program = bin_dir() + "/outbox_writer";
  std::fflush(nullptr);  // or the child writes our buffers again
  const pid_t child = fork();
  if (child == 0) {
    dup2(ends[1], 1);
    close(ends[0]);
    close(ends[1]);
    execl(program.c_str(), program.c_str(), folder.c_str(), prefix.c_str(), nullptr);
    _exit(127);
  }
  close(ends[1]);
  std::string text;
  std::thread killer;
  char buffer[4096];
  ssize_t size = 0;
  while ((size = read(ends[0], buffer, sizeof buffer)) > 0) {
    text.append(buffer, static_cast<std::size_t>(size));
    if (killer.joinable()) continue;
    killer = std::thread([=] {
      std::this_thread::sleep_for(life);
      kill(child, SIGKILL);
    });
  }
  close(ends[0]);
  if (killer.joinable()) killer.join();
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status)) << program << " ended by itself: " << status;
  std::vector<std::string> lines;
  for (std::size_t at = 0, end = 0; (end = text.find('\n', at)) != text.npos; at = end + 1) {
    lines.push_back(text.substr(at, end - at));
  }
  return lines;
}

// How often each id stands in the outbox, as far as it is kept.
std::map<std::string, int> ids_in(Outbox& outbox) {
  std::map<std::string, int> ids;
  const auto reader = outbox.read_after(0);
  while (true) {
    auto next = reader->next();
    EXPECT_TRUE(next) << next.error().message;
    if (!next || !*next) return ids;
    ++ids[(*next)->id];
  }
}

TEST(Kill, NothingAcknowledgedIsLostOrDoubled) {
  const bool full = std::getenv("HONE_FULL") != nullptr;
  const int cycles = full ? 200 : 20;
  const test::TempFolder folder;
  SystemClock clock;
  Random random(1);
  std::set<std::string> journal;
  Steady::duration slowest{};
  for (int cycle = 0; cycle < cycles; ++cycle) {
    const std::chrono::milliseconds life(10 + static_cast<int>(random.below(full ? 490 : 140)));
    const auto acknowledged = run_and_kill(folder.path(), "fb_" + std::to_string(cycle), life);
    ASSERT_FALSE(acknowledged.empty());
    journal.insert(acknowledged.begin(), acknowledged.end());

    const auto began = Steady::now();
    auto outbox = Outbox::open(posix_files(), folder / "outbox", clock);
    ASSERT_TRUE(outbox) << outbox.error().message;
    slowest = std::max(slowest, Steady::now() - began);
    for (const auto& damage : (*outbox)->damage()) {
      EXPECT_FALSE(damage.acknowledged) << damage.message();
    }
    for (const auto& [id, times] : ids_in(**outbox)) EXPECT_EQ(times, 1) << id;

    auto db = Database::open("sqlite:" + (folder / "hone.db"));
    ASSERT_TRUE(db && (*db)->migrate());
    Indexer indexer(**outbox, **db, clock, {.keep = std::chrono::seconds(1)});
    const auto indexed = indexer.run_until_idle();
    ASSERT_TRUE(indexed) << indexed.error().message;
    const auto rows = (*db)->query("SELECT id FROM feedback");
    std::set<std::string> stored;
    for (const Row row : *rows) stored.insert(row.text("id"));
    EXPECT_EQ(stored.size(), rows->size());
    std::size_t lost = 0;
    for (const auto& id : journal) lost += stored.contains(id) ? 0 : 1;
    ASSERT_EQ(lost, 0U) << "in cycle " << cycle;
  }
  std::printf("%d kills, %zu acknowledged, lost 0, doubled 0, slowest recovery %lld ms\n", cycles,
              journal.size(),
              static_cast<long long>(
                  std::chrono::duration_cast<std::chrono::milliseconds>(slowest).count()));
}

}  // namespace
}  // namespace hone::store
