// outbox_writer FOLDER PREFIX: what kill_test kills. Feeds feedback into FOLDER/outbox from several
// threads, indexes it into FOLDER/hone.db at the same time, and writes each acknowledged id to
// standard output, one a line: the journal that its parent keeps.
#include <unistd.h>

#include <cstdio>
#include <string>
#include <thread>
#include <vector>

#include "store/database.h"
#include "store/indexer.h"
#include "store/outbox.h"

namespace hone::store {
namespace {

OutboxRecord feedback_record(const std::string& id) {
  Feedback feedback;
  feedback.id = id;
  feedback.idempotency_key = id;
  feedback.source = "api:key_1";
  feedback.handle = {"id", "int_1"};
  feedback.kind = "edited";
  feedback.final_text = "final text of " + id + std::string(id.size() * 37 % 500, '.');
  return {.kind = RecordKind::kFeedback, .id = id, .payload = to_payload(feedback)};
}

// One write of a short line to a pipe is atomic.
void acknowledge(const std::string& id) {
  const std::string line = id + "\n";
  if (::write(1, line.data(), line.size()) < 0) std::abort();
}

void feed(Outbox& outbox, const std::string& prefix) {
  for (int i = 0;; ++i) {
    const std::string id = prefix + std::to_string(i);
    if (outbox.append_and_wait(feedback_record(id))) acknowledge(id);
  }
}

int run(const std::string& folder, const std::string& prefix) {
  SystemClock clock;
  auto outbox = Outbox::open(posix_files(), folder + "/outbox", clock,
                             {.segment_bytes = 50000, .compress_from = 0});
  auto db = Database::open("sqlite:" + folder + "/hone.db");
  if (!outbox || !db || !(*db)->migrate()) {
    std::fprintf(stderr, "outbox_writer: cannot open %s\n", folder.c_str());
    return 1;
  }
  Indexer indexer(**outbox, **db, clock, {.keep = std::chrono::seconds(1)});
  indexer.start();
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] { feed(**outbox, prefix + "_" + std::to_string(t) + "_"); });
  }
  for (auto& thread : threads) thread.join();
  return 0;
}

}  // namespace
}  // namespace hone::store

int main(int argc, char** argv) {
  return argc == 3 ? hone::store::run(argv[1], argv[2]) : 2;
}
