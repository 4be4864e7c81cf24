// Interactions with all that was said of them, as a verdict needs them: read by their ids, or all
// in the order of ids, page by page, with one query a page and none an interaction (one more for
// the answers that somebody edited, since only those are compared with anything).
//
//   CaseReader reader(database, {.stored = true});
//   while (true) {
//     auto page = reader.next();
//     if (!page) return fail(page.error());
//     if (page->empty()) break;
//     …
//   }
//
// Memory is a page's. Blocking; from a worker thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "feedback/signal.h"
#include "feedback/verdict.h"
#include "store/database.h"

namespace hone::feedback {

// A row of table `verdict`.
struct StoredVerdict {
  std::string policy;
  std::string verdict;
  double strength = 0;
  std::optional<std::string> final_text;
  std::optional<double> edit_distance;
  std::string reasons;
  Time decided_at{};

  [[nodiscard]] bool operator==(const StoredVerdict&) const = default;
};

struct Case {
  std::string id;
  std::string model, tool, purpose;
  std::string answer;       // only where a signal brings a final text
  bool has_answer = false;  // or else an edit cannot be measured
  std::vector<Signal> signals;
  std::optional<StoredVerdict> stored;
};

struct CaseOptions {
  bool stored = false;       // the verdict that the table has
  bool answers = true;       // of what was edited
  std::int64_t page = 1000;  // signals; an interaction is never cut
};

class CaseReader {
 public:
  explicit CaseReader(store::Database& database, CaseOptions options = {})
      : database_(database), options_(options) {}

  // The next interactions that have feedback, in the order of their ids; none at the end. In a
  // transaction of the caller's where he has one.
  [[nodiscard]] Result<std::vector<Case>> next();

 private:
  [[nodiscard]] Result<std::string> page_end() const;

  store::Database& database_;
  CaseOptions options_;
  std::string after_;
};

// Those of `ids` that are there and have feedback.
[[nodiscard]] Result<std::vector<Case>> load_cases(store::Database& database,
                                                   const store::Params& ids);

[[nodiscard]] std::optional<Verdict> decide_case(const Case& one, const Policy& policy);

// As table `verdict` has it.
[[nodiscard]] std::optional<StoredVerdict> to_stored(const std::optional<Verdict>& verdict,
                                                     const Policy& policy);

// Writes it in place of what was there; nothing where there is none.
[[nodiscard]] Result<void> write_verdict(store::Database& database, const std::string& interaction,
                                         const std::optional<StoredVerdict>& verdict);

// "?, ?, ?"
[[nodiscard]] std::string placeholders(std::size_t count);

}  // namespace hone::feedback
