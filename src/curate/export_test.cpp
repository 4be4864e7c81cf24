// Exports, cards and diffs of a dataset.
#include "curate/export.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/file.h"
#include "base/hash.h"
#include "curate/card.h"
#include "curate/curate_test_support.h"
#include "curate/example.h"
#include "curate/example_lines.h"
#include "curate/lines.h"

namespace hone::curate {
namespace {

std::vector<std::string> exported_lines(const std::string& path) {
  const auto text = read_file(posix_files(), path);
  EXPECT_TRUE(text) << path;
  std::vector<std::string> lines;
  std::istringstream stream(text.value_or(""));
  for (std::string line; std::getline(stream, line);) {
    // Ids are digests that say nothing here.
    const auto at = line.find("\"id\":\"ex_");
    if (at != std::string::npos) line.erase(at, std::string("\"id\":\"ex_").size() + 22);
    lines.push_back(line);
  }
  return lines;
}

class DatasetExport : public testing::DatasetTest {
 protected:
  void SetUp() override {
    recipe_.name = "all";
    recipe_.alias = "assistant";
    recipe_.text = "name = \"all\"\nalias = \"assistant\"\n";
    recipe_.dataset.kinds = {"demonstration", "preference", "judgement", "task"};
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
    ASSERT_TRUE(db_->execute("UPDATE interaction SET params = ?",
                             {R"({"verifier":{"kind":"number","expected":"7"}})"}));
  }
  void expect_file(const std::string& format, const std::string& file, std::string_view line) {
    const auto lines = exported_lines(folder_ / format + "/" + file);
    ASSERT_EQ(lines.size(), 1U) << format << " " << file;
    EXPECT_EQ(lines[0], line) << format << " " << file;
  }
};

#define HONE_TEST_PROMPT                                                        \
  R"([{"role":"system","content":"Be brief."},{"role":"user","content":"Hi"},)" \
  R"({"role":"assistant","content":"Yes?"},{"role":"user","content":"Write to Kim"}])"

TEST_F(DatasetExport, HasTheFormsOfTrl) {
  const Dataset dataset = build();
  const auto about = export_dataset(dataset, "trl", folder_ / "trl");
  ASSERT_TRUE(about) << about.error().message;
  EXPECT_EQ(about->at("files").as_object().size(), 4U);
  EXPECT_TRUE(about->at("not_exported").as_object().empty());
  expect_file("trl", "demonstration.jsonl",
              R"({"prompt":)" HONE_TEST_PROMPT
              R"(,"completion":[{"role":"assistant","content":"Hello Kim"}]})");
  expect_file("trl", "preference.jsonl",
              R"({"prompt":)" HONE_TEST_PROMPT
              R"(,"chosen":[{"role":"assistant","content":"Hello Kim"}],)"
              R"("rejected":[{"role":"assistant","content":"Dear Kim"}]})");
  expect_file("trl", "judgement.jsonl",
              R"({"prompt":)" HONE_TEST_PROMPT
              R"(,"completion":[{"role":"assistant","content":"Dear Kim"}],"label":false})");
  expect_file("trl", "task.jsonl",
              R"({"prompt":)" HONE_TEST_PROMPT
              R"(,"verifier":"{\"type\":\"numeric\",\"answer\":\"7\"}"})");
  const auto text = read_file(posix_files(), folder_ / "trl/dataset.json");
  const auto written = parse_json_object(*text);
  ASSERT_TRUE(written);
  EXPECT_EQ(*written, *about);
}

TEST_F(DatasetExport, HasTheFormsOfShareGptOpenAiAndTorchtune) {
  const Dataset dataset = build();
  for (const auto& format : {"sharegpt", "openai", "torchtune"}) {
    const auto about = export_dataset(dataset, format, folder_ / format + "/");
    ASSERT_TRUE(about) << about.error().message;
    EXPECT_TRUE(about->at("not_exported").as_object().contains("task")) << format;
  }
  constexpr std::string_view kShared =
      R"({"conversations":[{"from":"system","value":"Be brief."},{"from":"human","value":"Hi"},)"
      R"({"from":"gpt","value":"Yes?"},{"from":"human","value":"Write to Kim"})";
  expect_file("sharegpt", "demonstration.jsonl",
              std::string(kShared) + R"(,{"from":"gpt","value":"Hello Kim"}]})");
  expect_file("sharegpt", "preference.jsonl",
              std::string(kShared) + R"(],"chosen":{"from":"gpt","value":"Hello Kim"},)"
                                     R"("rejected":{"from":"gpt","value":"Dear Kim"}})");
  expect_file("sharegpt", "judgement.jsonl",
              std::string(kShared) + R"(,{"from":"gpt","value":"Dear Kim"}],"kto_tag":false})");
  // Only the last answer is learnt.
  expect_file("openai", "demonstration.jsonl",
              R"({"messages":[{"role":"system","content":"Be brief."},)"
              R"({"role":"user","content":"Hi"},)"
              R"({"role":"assistant","content":"Yes?","weight":0},)"
              R"({"role":"user","content":"Write to Kim"},)"
              R"({"role":"assistant","content":"Hello Kim"}]})");
  expect_file("openai", "preference.jsonl",
              R"({"input":{"messages":)" HONE_TEST_PROMPT
              R"(},"preferred_output":[{"role":"assistant","content":"Hello Kim"}],)"
              R"("non_preferred_output":[{"role":"assistant","content":"Dear Kim"}]})");
  const auto pairs = exported_lines(folder_ / "torchtune/preference.jsonl");
  ASSERT_EQ(pairs.size(), 1U);
  const auto pair = parse_json_object(pairs[0]);
  ASSERT_TRUE(pair) << pairs[0];
  EXPECT_EQ(pair->at("chosen").as_array().size(), 5U);
  EXPECT_EQ(pair->at("rejected").as_array().back().at("content"), "Dear Kim");
}

#undef HONE_TEST_PROMPT

TEST_F(DatasetExport, IsWholeOrNotThere) {
  const Dataset dataset = build();
  const std::string there = folder_ / "there";
  std::filesystem::create_directories(there);
  EXPECT_EQ(export_dataset(dataset, "trl", there).error().code, ErrorCode::kConflict);
  EXPECT_EQ(export_dataset(dataset, "parquet", folder_ / "p").error().code, ErrorCode::kInvalid);
  EXPECT_FALSE(std::filesystem::exists(folder_ / "p"));

  // What an export that was cut off left behind is no part of the next.
  std::filesystem::create_directories(folder_ / "out.part");
  std::ofstream(folder_ / "out.part/judgement.jsonl") << "half";
  ASSERT_TRUE(export_dataset(dataset, "openai", folder_ / "out"));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "out/judgement.jsonl"));

  std::ofstream(dataset.train_file(), std::ios::app) << "{\"kind\":\"demonstration\"}\n";
  const auto damaged = export_dataset(dataset, "trl", folder_ / "damaged");
  ASSERT_FALSE(damaged);
  EXPECT_NE(damaged.error().message.find("train.jsonl: line 5"), std::string::npos)
      << damaged.error().message;
  EXPECT_FALSE(std::filesystem::exists(folder_ / "damaged"));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "damaged.part"));
}

TEST_F(DatasetExport, OfOneKindReplacesTheFile) {
  const Dataset dataset = build();
  const std::string file = folder_ / "train.jsonl";
  std::ofstream(file) << "old";
  const auto count = export_examples(dataset, "preference", file);
  ASSERT_TRUE(count) << count.error().message;
  EXPECT_EQ(*count, 1);
  EXPECT_EQ(exported_lines(file).size(), 1U);
  const auto none = export_examples(dataset, "nothing", file);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, ErrorCode::kNotFound);
  EXPECT_EQ(exported_lines(file).size(), 1U);
  EXPECT_FALSE(std::filesystem::exists(file + ".part"));
}

TEST_F(DatasetExport, CardSaysWhatIsInIt) {
  sample_.person("bob");
  for (int i = 0; i < 20; ++i) {
    const std::string id = "b" + std::to_string(i);
    sample_.interaction({.id = id,
                         .person = "bob",
                         .prompt = "What about the number that is written here: " + id,
                         .answer = "This is the answer to it, and it is " + std::to_string(i),
                         .purpose = "numbers"});
    sample_.feedback(id, {.kind = "accepted", .person = "bob"});
  }
  recipe_.dataset.kinds = {"demonstration"};
  const Dataset dataset = build();
  const auto card = make_card(dataset, {.seed = 3, .examples = 5});
  ASSERT_TRUE(card) << card.error().message;
  EXPECT_EQ(json::serialize(card->at("verdicts")), R"({"accepted":20,"modified":1})");
  EXPECT_EQ(json::serialize(card->at("domains")), R"x({"(none)":1,"numbers":20})x");
  EXPECT_EQ(json::serialize(card->at("sources")), R"({"sdk":21})");
  EXPECT_EQ(card->at("most_of_one_person"), 20);
  EXPECT_EQ(card->at("languages").at("en"), 20);
  EXPECT_GT(card->at("near_duplicates").at("examples").to_number<std::int64_t>(), 10);
  EXPECT_EQ(card->at("characters").at("answer").at("most"), 38.0);
  EXPECT_EQ(card->at("label_conflicts").at("judged_by_several"), 0);
  const auto& shown = card->at("random_examples").as_array();
  EXPECT_EQ(shown.size(), 5U);
  EXPECT_EQ(*make_card(dataset, {.seed = 3, .examples = 5}), *card);
  EXPECT_NE(make_card(dataset, {.seed = 4, .examples = 5})->at("random_examples"),
            card->at("random_examples"));
}

TEST_F(DatasetExport, DiffSaysWhatBecameOfExamples) {
  recipe_.dataset.kinds = {"demonstration"};
  const Dataset first = build();
  const auto same = diff_datasets(first, first);
  ASSERT_TRUE(same) << same.error().message;
  EXPECT_EQ(json::serialize(same->at("train")),
            R"({"same":1,"changed":0,"only_first":0,"only_second":0})");
  sample_.interaction({.id = "i2", .person = "ann", .prompt = "More", .answer = "Less"});
  ASSERT_TRUE(db_->execute("UPDATE feedback SET final_text = 'Dearest Kim'"));
  ASSERT_TRUE(db_->execute("INSERT INTO verdict_due (interaction_id) VALUES ('i1')"));
  sample_.feedback("i2", {.kind = "rejected", .person = "ann"});
  recipe_.dataset.seed = 2;
  recipe_.text += "seed = 2\n";
  const auto diff = diff_datasets(first, build());
  ASSERT_TRUE(diff) << diff.error().message;
  EXPECT_EQ(json::serialize(diff->at("train")),
            R"({"same":0,"changed":1,"only_first":0,"only_second":0})");
  EXPECT_EQ(json::serialize(diff->at("interactions")),
            R"({"both":1,"moved":0,"only_first":0,"only_second":0})");
  EXPECT_EQ(json::serialize(diff->at("left_out")), R"({"other_kind":[0,1]})");
  EXPECT_EQ(json::serialize(diff->at("recipe")), R"({"only_first":[],"only_second":["seed = 2"]})");
}

// Short lines, lines longer than a read, lines that were erased: each is found, and nothing else.
TEST(ExampleLines, AreFoundByIdWhateverStandsAroundThem) {
  test::TempFolder folder;
  Dataset dataset;
  dataset.folder = folder.path();
  const auto id_of = [](int number) { return "ex_" + hex(std::to_string(100'000 + number)); };
  const auto line_of_number = [&](int number) {
    const std::size_t length = number % 500 == 0 ? 100'000 : number % 7 == 0 ? 9'000 : 20;
    return R"({"id":")" + id_of(number) + R"(","text":")" + std::string(length, 'x') + "\"}";
  };
  const auto is_erased = [](int number) { return number % 11 == 0 || number / 100 == 17; };
  constexpr int kLines = 1500;
  {
    auto train = LineWriter::create(dataset.train_file());
    auto held_out = LineWriter::create(dataset.held_out_file());
    ASSERT_TRUE(train && held_out);
    for (int i = 0; i < kLines; ++i) {
      // Of even numbers; the odd ones are looked for in vain.
      const std::string line = line_of_number(2 * i);
      ASSERT_TRUE((*train)->write(is_erased(2 * i) ? std::string(line.size(), ' ') : line));
    }
    ASSERT_TRUE((*train)->finish());
    ASSERT_TRUE((*held_out)->finish());
  }
  auto lines = ExampleLines::open(dataset);
  ASSERT_TRUE(lines) << lines.error().message;
  constexpr std::size_t kMost = 1U << 20;
  for (int number = -1; number <= 2 * kLines; ++number) {
    const auto found = (*lines)->find(kTrainSplit, id_of(number), kMost);
    ASSERT_TRUE(found) << found.error().message;
    const bool is_there = number >= 0 && number < 2 * kLines && number % 2 == 0;
    ASSERT_EQ(found->has_value(), is_there && !is_erased(number)) << number;
    if (found->has_value()) {
      ASSERT_EQ(**found, line_of_number(number));
    }
  }
  for (const auto* id : {"", "ex_", "ex_zz"}) {
    EXPECT_EQ((*lines)->find(kTrainSplit, id, kMost).value(), std::nullopt) << id;
  }
  EXPECT_EQ((*lines)->find(kHeldOutSplit, id_of(2), kMost).value(), std::nullopt);
  EXPECT_EQ((*lines)->find("neither", id_of(2), kMost).value(), std::nullopt);
  const std::string longest = id_of(500);
  const auto too_long = (*lines)->find(kTrainSplit, longest, 99'999);
  ASSERT_FALSE(too_long);
  EXPECT_EQ(too_long.error().code, ErrorCode::kTooLarge);
  std::filesystem::remove(dataset.held_out_file());
  EXPECT_FALSE(ExampleLines::open(dataset));
}

TEST(Lines, OfAnyLengthAreReadAndTheLastNeedsNoEnd) {
  test::TempFolder folder;
  const std::string path = folder / "lines";
  const std::string longest(3U << 20, 'x');
  {
    auto writer = LineWriter::create(path);
    ASSERT_TRUE(writer);
    for (const auto& line : {std::string("one"), std::string(), longest}) {
      ASSERT_TRUE((*writer)->write(line));
    }
    ASSERT_TRUE((*writer)->finish());
    EXPECT_FALSE(LineWriter::create(path));
  }
  std::ofstream(path, std::ios::app) << "rest";
  auto reader = LineReader::open(path);
  ASSERT_TRUE(reader);
  for (const auto& line : {std::string("one"), std::string(), longest, std::string("rest")}) {
    const auto read = (*reader)->next();
    ASSERT_TRUE(read && *read);
    EXPECT_EQ(**read, line);
  }
  EXPECT_EQ((*reader)->place(), path + ": line 4");
  const auto end = (*reader)->next();
  ASSERT_TRUE(end);
  EXPECT_FALSE(*end);
}

}  // namespace
}  // namespace hone::curate
