// What tests of datasets share: a store of people's work with what they said of it, a recipe over
// it, the datasets that come of the two, and the likeness of texts by its definition.
//
//   class Curation : public testing::DatasetTest {};
//   TEST_F(Curation, …) { sample_.interaction({…}); recipe_.dataset.kinds = {…}; build(); }
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "curate/dataset.h"
#include "curate/prompt.h"
#include "feedback/verdicts.h"
#include "store/database.h"
#include "support/sample_store.h"
#include "support/temp_folder.h"

namespace hone::curate::testing {

// The Jaccard index of two texts' shingles, over the sets themselves.
inline double true_jaccard(const std::string& a, const std::string& b) {
  const auto shingles = [](const std::string& text) {
    std::set<std::string> set;
    const std::string plain = normalised(text);
    for (std::size_t i = 0; i + 8 <= plain.size(); ++i) set.insert(plain.substr(i, 8));
    return set;
  };
  const auto one = shingles(a);
  const auto other = shingles(b);
  const auto both = static_cast<std::size_t>(
      std::ranges::count_if(one, [&](const auto& shingle) { return other.contains(shingle); }));
  return static_cast<double>(both) / static_cast<double>(one.size() + other.size() - both);
}

class DatasetTest : public ::testing::Test {
 protected:
  // One more migrated database in the test's folder.
  [[nodiscard]] std::unique_ptr<store::Database> open(const std::string& name) const {
    auto db = store::Database::open("sqlite:" + (folder_ / name));
    EXPECT_TRUE(db) << db.error().message;
    EXPECT_TRUE((*db)->migrate());
    return std::move(*db);
  }
  Result<Dataset> try_build(store::Database& db) {
    const auto refreshed = feedback::refresh(db, feedback::default_policy());
    EXPECT_TRUE(refreshed) << refreshed.error().message;
    return build_dataset(db, recipe_, folder_ / "datasets", clock_);
  }
  Result<Dataset> try_build() { return try_build(*db_); }
  Dataset build() {
    auto dataset = try_build();
    EXPECT_TRUE(dataset) << dataset.error().message;
    return dataset.value_or(Dataset{});
  }
  void no_split() {
    recipe_.dataset.held_out_people = 0;
    recipe_.dataset.held_out_prompts = 0;
  }
  static std::vector<json::object> lines_of(const std::string& path) {
    const auto text = read_file(posix_files(), path);
    EXPECT_TRUE(text);
    std::vector<json::object> lines;
    std::istringstream stream(text.value_or(""));
    for (std::string line; std::getline(stream, line);) {
      const auto object = parse_json_object(line);
      EXPECT_TRUE(object) << line;
      lines.push_back(*object);
    }
    return lines;
  }

  test::TempFolder folder_;
  ManualClock clock_{from_millis(5'000'000)};
  std::unique_ptr<store::Database> db_ = open("hone.db");
  test::SampleStore sample_{*db_};
  Recipe recipe_;
};

}  // namespace hone::curate::testing
