#include "curate/dataset.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <set>

#include "base/file.h"
#include "curate/curate_test_support.h"
#include "support/databases.h"

namespace hone::curate {
namespace {

class DatasetBuild : public testing::DatasetTest {
 protected:
  DatasetBuild() {
    recipe_.name = "style";
    recipe_.alias = "assistant";
    recipe_.text = "name = \"style\"";
  }
  // `people` with `each` interactions on prompts of their own: a third edited, accepted, rejected.
  static void fill_day(test::SampleStore& sample, int people, int each, bool backwards = false) {
    for (int n = 0; n < people * each; ++n) {
      const int i = backwards ? people * each - 1 - n : n;
      const std::string person = "p" + std::to_string(i % people);
      const std::string number = std::to_string(i);
      const std::string id = "int" + number;
      if (n < people) sample.person(person);
      sample.interaction({.id = id,
                          .person = person,
                          .prompt = "Question " + number,
                          .answer = "Answer to " + number});
      if (i / people % 3 == 0)
        sample.feedback(id, {.kind = "edited", .final_text = "Edit " + number});
      if (i / people % 3 == 1) sample.feedback(id, {.kind = "accepted"});
      if (i / people % 3 == 2) sample.feedback(id, {.kind = "rejected"});
    }
  }
};

TEST_F(DatasetBuild, SplitsByPersonAndAccountsForEveryInteraction) {
  fill_day(sample_, 8, 9);
  const Dataset dataset = build();
  EXPECT_EQ(dataset.counts.at("train").at("demonstration"), 36);
  EXPECT_EQ(dataset.left_out.at("other_kind"), 18);  // rejected, and trained on by nobody
  EXPECT_EQ(dataset.counts.at("held_out"),
            (Counts{{"accepted", 6}, {"modified", 6}, {"rejected", 6}}));
  EXPECT_EQ(dataset.people, (Counts{{"train", 6}, {"held_out", 2}}));

  std::map<std::string, std::set<std::string>> splits;
  for (const auto& line : lines_of(dataset.folder + "/lineage.jsonl")) {
    splits[std::string(line.at("person").as_string())].insert(
        std::string(line.at("split").as_string()));
  }
  EXPECT_EQ(splits.size(), 8U);
  for (const auto& [person, sides] : splits) EXPECT_EQ(sides.size(), 1U) << person;
}

TEST_F(DatasetBuild, WritesWhatPeopleMadeOfTheAnswers) {
  no_split();
  sample_.person("ann");
  sample_.interaction(
      {.id = "i1",
       .person = "ann",
       .prompt = "Write to Kim",
       .answer = "Dear Kim",
       .before = {test::sample_message("system", "Be brief."), test::sample_message("user", "Hi"),
                  test::sample_message("assistant", "Yes?")}});
  sample_.feedback("i1", {.kind = "edited", .final_text = "Hello Kim"});
  recipe_.dataset.kinds = {"demonstration", "preference", "judgement"};
  const auto lines = lines_of(build().train_file());
  ASSERT_EQ(lines.size(), 3U);
  std::map<std::string, json::object> by_kind;
  for (const auto& line : lines) by_kind[std::string(line.at("kind").as_string())] = line;
  EXPECT_EQ(json::serialize(by_kind["demonstration"].at("messages")),
            R"([{"role":"system","content":"Be brief."},{"role":"user","content":"Hi"},)"
            R"({"role":"assistant","content":"Yes?"},{"role":"user","content":"Write to Kim"},)"
            R"({"role":"assistant","content":"Hello Kim"}])");
  EXPECT_EQ(by_kind["preference"].at("chosen"), "Hello Kim");
  EXPECT_EQ(by_kind["preference"].at("rejected"), "Dear Kim");
  EXPECT_EQ(by_kind["judgement"].at("label"), false);
}

TEST_F(DatasetBuild, PairsAcceptedWithRejectedAnswersToOnePrompt) {
  no_split();
  recipe_.dataset.kinds = {"preference"};
  for (const auto* person : {"ann", "bob", "cy"}) sample_.person(person);
  sample_.interaction({.id = "i1", .person = "ann", .answer = "Good"});
  sample_.interaction({.id = "i2", .person = "bob", .answer = "Bad"});
  sample_.interaction({.id = "i3", .person = "cy", .answer = "Also bad"});
  sample_.feedback("i1", {.kind = "accepted"});
  sample_.feedback("i2", {.kind = "rejected"});
  sample_.feedback("i3", {.kind = "rejected"});
  const Dataset dataset = build();
  const auto lines = lines_of(dataset.train_file());
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_EQ(lines[0].at("chosen"), "Good");
  EXPECT_EQ(dataset.left_out, (Counts{{"other_kind", 1}}));
  const auto rows = db_->query("SELECT COUNT(*) AS n FROM dataset_example");
  EXPECT_EQ(rows->front().integer("n"), 2);
}

TEST_F(DatasetBuild, SameStoreRecipeAndSeedGiveTheSameDigestInAnyOrderOfRows) {
  fill_day(sample_, 8, 9);
  const auto other = open("other.db");
  test::SampleStore other_sample(*other);
  fill_day(other_sample, 8, 9, true);
  const Dataset one = build();
  std::filesystem::remove_all(one.folder);
  const auto two = try_build(*other);
  ASSERT_TRUE(two) << two.error().message;
  EXPECT_EQ(one.digest, two->digest);

  recipe_.dataset.seed = 2;
  EXPECT_NE(build().digest, one.digest);
}

TEST_F(DatasetBuild, SqliteAndPostgresGiveTheSameDigest) {
  const std::string url = test::new_postgres_schema();
  if (url.empty()) GTEST_SKIP() << "SKIPPED: no PostgreSQL";
  auto postgres = store::Database::open(url);
  ASSERT_TRUE(postgres) << postgres.error().message;
  ASSERT_TRUE((*postgres)->migrate());
  test::SampleStore other_sample(**postgres);
  fill_day(sample_, 6, 6);
  fill_day(other_sample, 6, 6);
  recipe_.dataset.kinds = {"demonstration", "preference", "judgement", "task"};
  recipe_.dataset.near_duplicates = 0.9;
  recipe_.dataset.whole_conversations = true;
  recipe_.dataset.since = from_millis(1);
  recipe_.dataset.aliases = {"assistant"};
  const Dataset one = build();
  const auto two = try_build(**postgres);
  ASSERT_TRUE(two) << two.error().message;
  EXPECT_EQ(one.digest, two->digest);
  EXPECT_EQ(one.left_out, two->left_out);
}

TEST_F(DatasetBuild, ASecondBuildReturnsTheFirst) {
  fill_day(sample_, 4, 6);
  const Dataset one = build();
  clock_.advance(std::chrono::hours(1));
  const Dataset two = build();
  EXPECT_EQ(two.digest, one.digest);
  EXPECT_EQ(two.created_at, one.created_at);
  EXPECT_EQ(list_datasets(*db_)->size(), 1U);
}

TEST_F(DatasetBuild, ABuildThatWasCutOffIsMadeAgain) {
  fill_day(sample_, 4, 6);
  const Dataset one = build();
  // As a build leaves it that dies while it writes: the name that is not final, half of the files.
  std::string building;
  for (const auto& entry : std::filesystem::directory_iterator(folder_ / "datasets")) {
    const std::string name = entry.path().filename();
    if (name.ends_with(".lock")) building = name.substr(0, name.size() - 5) + ".part";
  }
  ASSERT_FALSE(building.empty());
  const std::string part = folder_ / "datasets" + "/" + building;
  std::filesystem::rename(one.folder, part);
  std::filesystem::rename(part + "/train.jsonl", part + "/half");
  const Dataset two = build();
  EXPECT_EQ(two.digest, one.digest);
  EXPECT_EQ(lines_of(two.train_file()).size(),
            static_cast<std::size_t>(two.counts.at("train").at("demonstration")));
  EXPECT_FALSE(std::filesystem::exists(part));
  EXPECT_FALSE(std::filesystem::exists(two.folder + "/half"));
}

TEST_F(DatasetBuild, TwoBuildsOfARecipeAtOnceDoNotMix) {
  fill_day(sample_, 4, 6);
  const Dataset one = build();
  std::string held;
  for (const auto& entry : std::filesystem::directory_iterator(folder_ / "datasets")) {
    if (entry.path().extension() == ".lock") held = entry.path();
  }
  auto lock = posix_files().lock(held);
  ASSERT_TRUE(lock) << lock.error().message;
  const auto refused = try_build();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kUnavailable);
  lock->reset();
  EXPECT_EQ(build().digest, one.digest);
}

TEST_F(DatasetBuild, LeavesOutWhatMayNotBeTrainedOnAndSaysHowMany) {
  no_split();
  sample_.person("yes");
  sample_.person("no", false);
  const auto add = [&](test::SampleInteraction interaction, test::SampleFeedback given) {
    interaction.prompt = "About " + interaction.id;
    sample_.interaction(interaction);
    sample_.feedback(interaction.id, given);
  };
  add({.id = "used", .person = "yes"}, {.kind = "accepted"});
  add({.id = "refused", .person = "no"}, {.kind = "accepted"});
  add({.id = "stranger", .person = "nobody"}, {.kind = "accepted"});
  add({.id = "hosted", .person = "yes", .trainable = false}, {.kind = "accepted"});
  add({.id = "holdback", .person = "yes", .arm = "holdback"}, {.kind = "accepted"});
  add({.id = "uncaptured", .person = "yes", .content = "no_consent"}, {.kind = "accepted"});
  add({.id = "automatic", .person = "yes"}, {.kind = "accepted", .by = "automatic"});
  add({.id = "weak", .person = "yes"}, {.kind = "accepted", .by = "agent"});
  add({.id = "textless", .person = "yes"}, {.kind = "edited"});
  add({.id = "empty", .person = "yes", .answer = ""}, {.kind = "accepted"});
  add({.id = "contested", .person = "yes"}, {.kind = "accepted", .person = "yes"});
  sample_.feedback("contested", {.kind = "rejected", .person = "other"});
  recipe_.dataset.max_characters = 40;
  add({.id = "long", .person = "yes", .answer = std::string(40, 'x')}, {.kind = "accepted"});
  json::object tool_message{{"role", "user"},
                            {"content", json::array{{{"type", "image"}, {"source", "sha256:00"}}}}};
  add({.id = "image", .person = "yes", .before = {tool_message}}, {.kind = "accepted"});

  const Dataset dataset = build();
  EXPECT_EQ(dataset.left_out, (Counts{{"no_train_consent", 2},
                                      {"not_trainable", 1},
                                      {"holdback", 1},
                                      {"no_content", 2},
                                      {"automatic", 1},
                                      {"weak", 1},
                                      {"no_final_text", 1},
                                      {"contested", 1},
                                      {"too_long", 1},
                                      {"not_text", 1}}));
  const auto lines = lines_of(dataset.folder + "/lineage.jsonl");
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_EQ(json::serialize(lines[0].at("interactions")), R"(["used"])");
}

TEST_F(DatasetBuild, ConsentWithdrawnAfterwardsCounts) {
  no_split();
  sample_.person("ann");
  sample_.person("bob");
  for (const auto* person : {"ann", "bob"}) {
    sample_.interaction({.id = person, .person = person, .prompt = person});
    sample_.feedback(person, {.kind = "accepted"});
  }
  EXPECT_EQ(build().examples, 2);
  ASSERT_TRUE(db_->execute("UPDATE person SET train = 0 WHERE id = 'ann'"));
  const Dataset after = build();
  EXPECT_EQ(after.examples, 1);
  EXPECT_EQ(after.left_out.at("no_train_consent"), 1);
}

TEST_F(DatasetBuild, CapsArePerPersonAndPerTeamAndPerSplit) {
  for (int i = 0; i < 60; ++i) {
    const std::string id = "i" + std::to_string(i);
    const std::string person = i < 30 ? "busy" : "p" + std::to_string(i % 10);
    if (i == 0 || (i >= 30 && i < 40)) sample_.person(person);
    sample_.interaction(
        {.id = id, .person = person, .prompt = "Prompt " + id, .team = i < 45 ? "big" : "small"});
    sample_.feedback(id, {.kind = "accepted"});
  }
  no_split();
  recipe_.dataset.max_per_person = 5;
  EXPECT_EQ(build().left_out, (Counts{{"over_person_cap", 25}}));
  recipe_.dataset.max_per_team = 8;
  const Dataset capped = build();
  EXPECT_EQ(capped.examples, 16);
  EXPECT_EQ(capped.left_out, (Counts{{"over_person_cap", 25}, {"over_team_cap", 19}}));
}

TEST_F(DatasetBuild, NearDuplicatesNeverStraddleAndExactOnesCountOnce) {
  for (int p = 0; p < 8; ++p) {
    const std::string person = "p" + std::to_string(p);
    sample_.person(person);
    for (int i = 0; i < 10; ++i) {
      const std::string id = person + "." + std::to_string(i);
      // Everyone has the same prompts, in one of two ways of writing them.
      sample_.interaction(
          {.id = id,
           .person = person,
           .prompt = (p % 2 == 0 ? "Please explain " : "please  EXPLAIN: ") + std::to_string(i),
           .answer = "It is " + std::to_string(i)});
      sample_.feedback(id, {.kind = "accepted"});
    }
  }
  const Dataset dataset = build();
  EXPECT_EQ(dataset.counts.at("train").at("demonstration"), 16);  // 8 prompts, two writings
  EXPECT_EQ(dataset.left_out.at("duplicate"), 6 * 8 - 16);
  EXPECT_EQ(dataset.left_out.at("straddles_split"), 2 * 8 + 6 * 2);
  std::map<std::string, std::set<std::string>> sides;  // by the number that prompts end with
  const auto last = [](const json::value& messages, std::size_t from_end) {
    const auto& array = messages.as_array();
    return std::string(1, array[array.size() - from_end].at("content").as_string().back());
  };
  for (const auto& line : lines_of(dataset.train_file())) {
    sides[last(line.at("messages"), 2)].insert("train");
  }
  for (const auto& line : lines_of(dataset.held_out_file())) {
    sides[last(line.at("prompt"), 1)].insert("held_out");
  }
  EXPECT_EQ(sides.size(), 10U);
  for (const auto& [prompt, on] : sides) EXPECT_EQ(on.size(), 1U) << prompt;
}

TEST_F(DatasetBuild, WhereLabelsConflictTheMajorityStands) {
  no_split();
  const auto add = [&](const std::string& person, const std::string& prompt, std::string kind) {
    const std::string id = person + "-" + prompt;
    sample_.interaction({.id = id, .person = person, .prompt = prompt, .answer = "Same"});
    sample_.feedback(id, {.kind = std::move(kind)});
  };
  for (const auto* person : {"ann", "bob", "cy"}) sample_.person(person);
  recipe_.dataset.kinds = {"judgement"};
  add("ann", "two to one", "accepted");
  add("bob", "two to one", "accepted");
  add("cy", "two to one", "rejected");
  add("ann", "a tie", "accepted");
  add("bob", "a tie", "rejected");
  const Dataset dataset = build();
  EXPECT_EQ(dataset.left_out, (Counts{{"conflicting", 3}, {"duplicate", 1}}));
  const auto lines = lines_of(dataset.train_file());
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_EQ(lines[0].at("label"), true);
}

TEST_F(DatasetBuild, PlaceholdersBecomeTheSameMadeUpValueThroughoutAnExample) {
  no_split();
  sample_.person("ann");
  sample_.interaction({.id = "i1",
                       .person = "ann",
                       .prompt = "Write to <EMAIL:7f3a>",
                       .answer = "To: <EMAIL:7f3a>"});
  sample_.feedback("i1", {.kind = "accepted"});
  const auto lines = lines_of(build().train_file());
  ASSERT_EQ(lines.size(), 1U);
  const auto& messages = lines[0].at("messages").as_array();
  const std::string prompt(messages[0].at("content").as_string());
  const std::string answer(messages[1].at("content").as_string());
  EXPECT_EQ(prompt.find("<EMAIL"), std::string::npos);
  EXPECT_EQ(prompt.substr(std::string("Write to ").size()),
            answer.substr(std::string("To: ").size()));
  EXPECT_NE(answer.find('@'), std::string::npos);
}

TEST_F(DatasetBuild, AnEmptyOneIsAnErrorThatSaysWhy) {
  const auto nothing = try_build();
  ASSERT_FALSE(nothing);
  EXPECT_EQ(nothing.error().code, ErrorCode::kInvalid);
  EXPECT_NE(nothing.error().message.find("no feedback yet"), std::string::npos);

  sample_.person("ann", false);
  sample_.interaction({.id = "i1", .person = "ann"});
  sample_.feedback("i1", {.kind = "accepted"});
  const auto refused = try_build();
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("no_train_consent 1"), std::string::npos);
  EXPECT_TRUE(list_datasets(*db_)->empty());
}

TEST_F(DatasetBuild, IsFoundByAnyUnambiguousBeginningOfItsDigest) {
  fill_day(sample_, 4, 6);
  const Dataset dataset = build();
  EXPECT_EQ(find_dataset(*db_, dataset.digest.substr(0, 12))->digest, dataset.digest);
  for (const auto* wrong : {"%", "", "zz", "ffffffffffffffffffff"}) {
    EXPECT_EQ(find_dataset(*db_, wrong).error().code, ErrorCode::kNotFound) << wrong;
  }
}

}  // namespace
}  // namespace hone::curate
