#include "curate/dataset_leftovers.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "base/file.h"
#include "curate/curate_test_support.h"

namespace hone::curate {
namespace {

namespace fs = std::filesystem;

class DatasetLeftovers : public testing::DatasetTest {
 protected:
  DatasetLeftovers() {
    recipe_.name = "style";
    recipe_.alias = "assistant";
    recipe_.text = "name = \"style\"";
    recipe_.dataset.kinds = {"demonstration", "preference"};
    for (const auto* person : {"ann", "bob", "cy"}) sample_.person(person);
    add("ann", "one", "accepted");
    add("bob", "one", "rejected");  // with ann's a preference, of two people
    add("cy", "two", "accepted");
    no_split();
  }
  void add(const std::string& person, const std::string& prompt, const std::string& kind) {
    const std::string id = person + "-" + prompt;
    sample_.interaction({.id = id, .person = person, .prompt = prompt, .answer = "From " + person});
    sample_.feedback(id, {.kind = kind});
  }
  // All columns of both tables but the time, as text.
  std::vector<std::string> rows() const {
    std::vector<std::string> lines;
    const auto datasets = db_->query("SELECT * FROM dataset ORDER BY digest");
    for (const auto row : *datasets) {
      lines.push_back(row.text("digest") + row.text("name") + row.text("recipe") +
                      row.text("folder") + row.text("counts") + row.text("left_out") +
                      std::to_string(row.integer("seed")) +
                      std::to_string(row.integer("examples")));
    }
    const auto examples = db_->query(
        "SELECT * FROM dataset_example ORDER BY dataset_digest, example_id, interaction_id");
    for (const auto row : *examples) {
      lines.push_back(row.text("dataset_digest") + row.text("example_id") + row.text("kind") +
                      row.text("split") + row.text("interaction_id") + row.text("person_id"));
    }
    return lines;
  }
  void lose_rows() {
    ASSERT_TRUE(db_->execute_script("DELETE FROM dataset; DELETE FROM dataset_example"));
  }
  [[nodiscard]] std::string at(const std::string& name) const {
    return folder_ / "datasets" + "/" + name;
  }
  void leave(const std::string& name, const std::string& file) const {
    ASSERT_TRUE(posix_files().make_folder(at(name)));
    ASSERT_TRUE(write_file_atomically(posix_files(), at(name) + "/" + file, "{"));
  }
};

// As a kill leaves it between the folder's last name and the rows.
TEST_F(DatasetLeftovers, AFolderThatNoTableKnowsGetsItsRows) {
  const Dataset dataset = build();
  const auto before = rows();
  ASSERT_GE(before.size(), 4U);
  lose_rows();
  settle_leftovers(*db_, folder_ / "datasets", clock_);
  EXPECT_EQ(rows(), before);
  settle_leftovers(*db_, folder_ / "datasets", clock_);
  EXPECT_EQ(rows(), before);

  lose_rows();
  add("cy", "three", "accepted");
  EXPECT_NE(build().digest, dataset.digest) << "the next build is of other examples";
  const auto found = find_dataset(*db_, dataset.digest);
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(found->counts, dataset.counts);
  EXPECT_EQ(found->people, dataset.people);
  EXPECT_EQ(found->left_out, dataset.left_out);
  EXPECT_EQ(list_datasets(*db_)->size(), 2U);
}

TEST_F(DatasetLeftovers, WhatIsNotOfThisDatabaseStays) {
  const Dataset dataset = build();
  lose_rows();
  ASSERT_TRUE(db_->execute("DELETE FROM interaction WHERE id = 'bob-one'"));
  leave("0123456789ab", "manifest.json");
  leave("mine", "notes");
  settle_leftovers(*db_, folder_ / "datasets", clock_);
  EXPECT_TRUE(rows().empty());
  EXPECT_TRUE(fs::exists(dataset.train_file()));
  EXPECT_TRUE(fs::exists(at("0123456789ab")));
  EXPECT_TRUE(fs::exists(at("mine")));
}

TEST_F(DatasetLeftovers, UnfinishedFoldersGoUnlessABuildHoldsThem) {
  leave("building-aaaaaaaaaaaa.part", "train.jsonl");
  leave("building-bbbbbbbbbbbb.part", "train.jsonl");
  leave("building-cccccccccccc.stale", "train.jsonl");
  auto lock = posix_files().lock(at("building-bbbbbbbbbbbb.lock"));
  ASSERT_TRUE(lock) << lock.error().message;
  const Dataset dataset = build();
  EXPECT_FALSE(fs::exists(at("building-aaaaaaaaaaaa.part")));
  EXPECT_FALSE(fs::exists(at("building-aaaaaaaaaaaa.stale")));
  EXPECT_FALSE(fs::exists(at("building-cccccccccccc.stale")));
  EXPECT_TRUE(fs::exists(at("building-bbbbbbbbbbbb.part") + "/train.jsonl"));
  lock->reset();
  EXPECT_EQ(build().digest, dataset.digest);
  EXPECT_FALSE(fs::exists(at("building-bbbbbbbbbbbb.part")));
}

}  // namespace
}  // namespace hone::curate
