// How a dataset's cost grows with what the store holds: 10,000, 100,000 and, with --full, 1,000,000
// judged interactions made into a fifth as many examples, near-duplicates and an evaluation set
// looked for. Limits, for the million: 300 seconds and 2 GiB (issue 6).
//
//   curate_bench [--full] [FOLDER]       FOLDER is emptied; --full needs 8 GB there
//
// Conversations have five calls of a new message and an answer each; one prompt in ten is an
// earlier one with another word. Filling and building are processes of their own, so that the
// memory that is measured is the build's.
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/json.h"
#include "base/random.h"
#include "calls.h"
#include "curate/dataset.h"
#include "store/database.h"
#include "store/tree.h"
#include "store/tree_rows.h"
#include "support.h"

namespace {

using namespace hone;
using bench::must;

constexpr std::int64_t kBatch = 1000;
constexpr double kMostSeconds = 300;
constexpr double kMostMebibytes = 2048;
constexpr double kLinear = 1.5;  // of the seconds an interaction that the smaller store takes

class Filler {
 public:
  explicit Filler(store::Database& db) : db_(db) {}

  void fill(std::int64_t count) {
    must(db_.migrate());
    const std::int64_t people = std::clamp<std::int64_t>(count / 14, 20, 70'000);
    must(db_.transaction([&]() -> Result<void> {
      for (std::int64_t p = 0; p < people; ++p) {
        auto written = db_.execute(
            "INSERT INTO person (id, team_id, role, capture, train, created_at)"
            " VALUES (?, 'team', 'employee', 1, 1, 0)",
            {"per_" + std::to_string(p)});
        if (!written) return fail(written.error());
      }
      return {};
    }));
    for (std::int64_t done = 0; done < count; done += kBatch) {
      must(db_.transaction([&]() -> Result<void> {
        for (std::int64_t i = done; i < std::min(count, done + kBatch); ++i) {
          if (auto written = write(i, people); !written) return written;
        }
        return {};
      }));
    }
  }

 private:
  std::string words(int count) {
    std::string text;
    for (int i = 0; i < count; ++i) {
      for (std::uint64_t letter = 3 + random_.below(6); letter > 0; --letter) {
        text += static_cast<char>('a' + random_.below(26));
      }
      text += ' ';
    }
    return text;
  }
  std::string prompt() {
    constexpr std::size_t kKept = 1000;
    if (earlier_.size() == kKept && random_.below(10) == 0) {
      return earlier_[random_.below(kKept)] + words(1);
    }
    std::string text = words(70);
    if (earlier_.size() < kKept) earlier_.push_back(text);
    return text;
  }
  Result<void> say(std::string_view role, const std::string& text, store::TreeWriter& tree) {
    const json::object message{{"role", role},
                               {"content", json::array{{{"type", "text"}, {"text", text}}}}};
    auto path = store::build_path("key", {message}, leaf_, depth_);
    if (auto written = tree.write(path.blocks, path.nodes); !written) return written;
    leaf_ = path.leaf;
    depth_ = path.depth;
    return {};
  }
  Result<void> write(std::int64_t number, std::int64_t people) {
    if (number % bench::kCallsOfASession == 0) {
      leaf_.clear();
      depth_ = 0;
    }
    store::TreeWriter tree(db_, true);
    if (auto said = say("user", prompt(), tree); !said) return said;
    auto context = tree.reference(leaf_);
    if (auto said = say("assistant", words(60), tree); !said) return said;
    auto output = tree.reference(leaf_);
    if (!context || !output) return fail(ErrorCode::kInvalid, "no node");
    const std::string id = bench::name_of(number);
    auto written = db_.execute(
        "INSERT INTO interaction (id, person_id, team_id, tool, wire, alias, arm, release_id,"
        " propensity, model, upstream, trainable, purpose, access_label, started_at, first_byte_ms,"
        " duration_ms, status, stop_reason, error, streamed, prompt_tokens, completion_tokens,"
        " cost, params, content, context_node, output_node) VALUES (?, ?, 'team', ?,"
        " 'openai-chat', 'assistant', '', '', 1, 'base', 'engine', 1, ?, '', ?, 1, 2, 200, 'stop',"
        " '', 0, 3, 4, 0, '{}', 'stored', ?, ?)",
        {id, "per_" + std::to_string(number / bench::kCallsOfASession % people),
         number % 3 == 0 ? "chat" : "claude-code", number % 7 == 0 ? "support" : "", number,
         *context, *output});
    if (!written) return fail(written.error());
    const bool edited = number % 4 == 0;
    written = db_.execute(
        "INSERT INTO verdict (interaction_id, policy, verdict, strength, final_text,"
        " edit_distance, reasons, decided_at) VALUES (?, '1', ?, 0.8, ?, NULL, '[]', 1)",
        {id,
         edited            ? "modified"
         : number % 4 == 3 ? "rejected"
                           : "accepted",
         edited ? store::Value(words(60)) : store::Value()});
    if (!written) return fail(written.error());
    return {};
  }

  store::Database& db_;
  Random random_{11};
  std::vector<std::string> earlier_;
  std::string leaf_;
  std::int64_t depth_ = 0;
};

struct Measured {
  double seconds = 0;
  double mebibytes = 0;
  std::int64_t examples = 0;
};

Measured build(const std::string& folder, std::int64_t count) {
  auto db = must(store::Database::open("sqlite:" + folder + "/hone.db"));
  std::ofstream(folder + "/eval.jsonl")
      << R"({"question":"which of the words in this question does nobody ever say in a row"})"
      << "\n";
  curate::Recipe recipe;
  recipe.name = "bench";
  recipe.alias = "assistant";
  recipe.dataset.kinds = {"demonstration"};
  recipe.dataset.max_per_person = 0;
  recipe.dataset.held_out_people = 0.05;
  recipe.dataset.near_duplicates = 0.8;
  recipe.dataset.decontaminate = {folder + "/eval.jsonl"};
  recipe.dataset.languages = {"en"};
  recipe.dataset.leave_out = {"refusal", "truncated"};
  recipe.dataset.max_examples = count / 5;
  recipe.dataset.stratify = "source";
  SystemClock clock;
  const auto before = std::chrono::steady_clock::now();
  const auto dataset = must(curate::build_dataset(*db, recipe, folder + "/datasets", clock));
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - before;
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return {took.count(), static_cast<double>(usage.ru_maxrss) / 1024, dataset.examples};
}

// Runs `work` in a process of its own, which hands back what it measured.
Measured apart(const std::function<Measured()>& work) {
  int ends[2];
  if (::pipe(ends) != 0) std::exit(1);
  const pid_t child = ::fork();
  if (child == 0) {
    const Measured measured = work();
    const bool written = ::write(ends[1], &measured, sizeof measured) == sizeof measured;
    std::fflush(nullptr);
    ::_exit(written ? 0 : 1);
  }
  ::close(ends[1]);
  Measured measured;
  const bool whole = ::read(ends[0], &measured, sizeof measured) == sizeof measured;
  ::close(ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  if (!whole || status != 0) {
    std::fprintf(stderr, "a part of the benchmark failed\n");
    std::exit(1);
  }
  return measured;
}

}  // namespace

int main(int argc, char** argv) {
  bool full = false;
  std::string folder = "curate_bench.data";
  for (int i = 1; i < argc; ++i) {
    if (std::string_view(argv[i]) == "--full") {
      full = true;
    } else {
      folder = argv[i];
    }
  }
  std::vector<std::int64_t> counts = {10'000, 100'000};
  if (full) counts.push_back(1'000'000);
  double before = 0;
  bool good = true;
  std::printf("%12s %10s %10s %12s %16s\n", "interactions", "examples", "seconds", "peak MiB",
              "us an interaction");
  for (const auto count : counts) {
    std::filesystem::remove_all(folder);
    std::filesystem::create_directories(folder);
    const std::string url = "sqlite:" + folder + "/hone.db";
    apart([&]() -> Measured {
      auto db = must(store::Database::open(url));
      must(db->execute_script("PRAGMA synchronous = OFF"));
      Filler(*db).fill(count);
      return {};
    });
    const Measured measured = apart([&] { return build(folder, count); });
    const double each = measured.seconds / static_cast<double>(count) * 1e6;
    std::printf("%12lld %10lld %10.1f %12.0f %16.1f\n", static_cast<long long>(count),
                static_cast<long long>(measured.examples), measured.seconds, measured.mebibytes,
                each);
    std::fflush(stdout);
    if (before > 0 && each > before * kLinear) good = false;
    if (measured.seconds > kMostSeconds || measured.mebibytes > kMostMebibytes) good = false;
    before = each;
  }
  std::filesystem::remove_all(folder);
  std::printf(
      "%s: at most %.0f s and %.0f MiB, and at most %.1f times the cost an interaction of "
      "the smaller store\n",
      good ? "within its limits" : "BEYOND ITS LIMITS", kMostSeconds, kMostMebibytes, kLinear);
  return good ? 0 : 1;
}
