#include "curate/run.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "base/config.h"
#include "base/file.h"
#include "curate/curate_test_support.h"

namespace hone::curate {
namespace {

void write(const std::string& path, std::string_view text) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  const auto written = write_file_atomically(posix_files(), path, text);
  ASSERT_TRUE(written) << written.error().message;
}

class RunFolder : public testing::DatasetTest {
 protected:
  void SetUp() override {
    sample_.person("ann");
    sample_.interaction({.id = "i1", .person = "ann", .answer = "Dear Kim"});
    sample_.feedback("i1", {.kind = "edited", .final_text = "Hello Kim"});
    auto recipe = parse_recipe("name = \"style\"\nalias = \"assistant\"\n", "style.toml");
    ASSERT_TRUE(recipe);
    recipe_ = std::move(*recipe);
    no_split();
  }
  Result<curate::Run> prepare() {  // ::testing::Test has a Run too
    auto dataset = try_build();
    if (!dataset) return fail(dataset.error());
    return prepare_run(*db_, recipe_, *dataset, {"base", "/models/base \"1\""}, folder_ / "runs",
                       ids_, clock_);
  }

  IdSource ids_{clock_, Random(1)};
};

TEST_F(RunFolder, TellsTheTrainerAllItNeeds) {
  const auto run = prepare();
  ASSERT_TRUE(run) << run.error().message;
  const auto text = read_file(posix_files(), run->folder + "/run.toml");
  auto file = TomlFile::parse(*text, "run.toml");
  ASSERT_TRUE(file) << file.error().message;
  auto root = (*file)->root();
  EXPECT_EQ(root.get<std::string>("method"), "sft");
  EXPECT_EQ(root.get<std::string>("base_model"), "/models/base \"1\"");
  EXPECT_EQ(root.get<std::string>("dataset"), "train.jsonl");
  EXPECT_EQ(root.get<double>("learning_rate"), 1e-3);
  EXPECT_EQ(root.get<double>("lora_alpha"), 32);
  EXPECT_EQ(root.get<std::int64_t>("max_tokens"), 512);
  EXPECT_FALSE(root.has("beta"));
  const auto lines = read_file(posix_files(), run->folder + "/train.jsonl");
  const auto line = parse_json_object(*lines);
  ASSERT_TRUE(line);
  EXPECT_EQ(line->size(), 2U);
  EXPECT_EQ(line->at("messages").at(1).at("content"), "Hello Kim");
  EXPECT_EQ(list_runs(*db_)->size(), 1U);
}

TEST_F(RunFolder, OfDpoHasPreferences) {
  recipe_.train.method = "dpo";
  const auto none = prepare();
  ASSERT_FALSE(none);
  EXPECT_NE(none.error().message.find("method dpo learns from preferences"), std::string::npos)
      << none.error().message;
  EXPECT_TRUE(list_runs(*db_)->empty());

  recipe_.dataset.kinds = {"preference"};
  const auto run = prepare();
  ASSERT_TRUE(run) << run.error().message;
  const auto lines = read_file(posix_files(), run->folder + "/train.jsonl");
  const auto line = parse_json_object(*lines);
  ASSERT_TRUE(line);
  EXPECT_EQ(line->size(), 4U);
  EXPECT_EQ(line->at("chosen"), "Hello Kim");
  EXPECT_EQ(line->at("rejected"), "Dear Kim");
  const auto text = read_file(posix_files(), run->folder + "/run.toml");
  EXPECT_NE(text->find("\nloss = \"sigmoid\"\n"), std::string::npos);
  EXPECT_NE(text->find("\nbeta = 0.1\n"), std::string::npos);
  EXPECT_NE(text->find("\nsft_weight = 0.2\n"), std::string::npos);
}

TEST_F(RunFolder, OfKtoHasJudgementsAndOnlyWhatTheRecipeSays) {
  recipe_.train.method = "kto";
  recipe_.train.options["undesirable_weight"] = 1.5;
  recipe_.train.options["target_modules"] = std::vector<std::string>{"q_proj", "v_proj"};
  recipe_.dataset.kinds = {"judgement"};
  const auto run = prepare();
  ASSERT_TRUE(run) << run.error().message;
  const auto line = parse_json_object(*read_file(posix_files(), run->folder + "/train.jsonl"));
  ASSERT_TRUE(line);
  EXPECT_EQ(line->at("completion"), "Dear Kim");
  EXPECT_EQ(line->at("label"), false);
  auto file = TomlFile::parse(*read_file(posix_files(), run->folder + "/run.toml"), "run.toml");
  ASSERT_TRUE(file) << file.error().message;
  auto root = (*file)->root();
  EXPECT_EQ(root.get<double>("undesirable_weight"), 1.5);
  EXPECT_EQ(root.get<std::vector<std::string>>("target_modules"),
            (std::vector<std::string>{"q_proj", "v_proj"}));
  EXPECT_FALSE(root.has("beta"));
}

TEST_F(RunFolder, ProgressIsReadUpToTheLastWholeLine) {
  const auto run = prepare();
  ASSERT_TRUE(run);
  EXPECT_TRUE(read_progress(run->folder)->empty());
  write(run->folder + "/progress.jsonl",
        "{\"step\":1,\"steps\":9,\"loss\":2,\"tokens\":10}\n{\"step\":2,\"lo\n"
        "{\"step\":2,\"steps\":9,\"loss\":1.5,\"tokens\":20}\n{\"step\":3,\"st");
  const auto progress = read_progress(run->folder);
  ASSERT_TRUE(progress);
  ASSERT_EQ(progress->size(), 2U);
  EXPECT_EQ((*progress)[0].loss, 2);
  EXPECT_EQ((*progress)[1].step, 2);
  EXPECT_EQ((*progress)[1].tokens, 20);
}

TEST_F(RunFolder, IsDoneWithItsResult) {
  const auto run = prepare();
  ASSERT_TRUE(run);
  write(run->folder + "/adapter/adapter_model.safetensors", "weights");
  write(run->folder + "/result.json",
        R"({"state":"done","steps":9,"tokens":90,"seconds":1.5,"loss_first":2,"loss_last":1,)"
        R"("output":"adapter"})");
  clock_.advance(std::chrono::seconds(5));
  const auto result = finish_run(*db_, run->id, clock_);
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(result->output, run->folder + "/adapter");
  const auto finished = find_run(*db_, run->id);
  EXPECT_EQ(finished->state, "done");
  EXPECT_EQ(to_json(*finished).at("result").at("loss_last"), 1.0);
  EXPECT_EQ(finished->finished_at, clock_.now());
}

TEST_F(RunFolder, HasFailedWithoutAGoodResult) {
  const auto run = prepare();
  ASSERT_TRUE(run);
  const std::string path = run->folder + "/result.json";
  EXPECT_EQ(finish_run(*db_, run->id, clock_)->error, "the trainer ended without a result");
  for (const auto* text : {"", "{", R"({"state":"perfect"})", R"({"state":"done"})",
                           R"({"state":"done","output":"adapter"})"}) {
    write(path, text);
    const auto result = finish_run(*db_, run->id, clock_);
    ASSERT_TRUE(result);
    EXPECT_EQ(result->state, "failed") << text;
    EXPECT_NE(result->error.find("result.json"), std::string::npos) << result->error;
    EXPECT_EQ(find_run(*db_, run->id)->state, "failed");
  }
  EXPECT_EQ(finish_run(*db_, "run_unknown", clock_).error().code, ErrorCode::kNotFound);
}

TEST_F(RunFolder, ADigestNamesContentsAndPaths) {
  write(folder_ / "one/a/weights", "123");
  write(folder_ / "one/config.json", "{}");
  write(folder_ / "two/config.json", "{}");
  write(folder_ / "two/a/weights", "123");
  write(folder_ / "three/b/weights", "123");
  write(folder_ / "three/config.json", "{}");
  const auto one = digest_folder(folder_ / "one");
  ASSERT_TRUE(one) << one.error().message;
  EXPECT_EQ(*one, *digest_folder(folder_ / "two"));
  EXPECT_NE(*one, *digest_folder(folder_ / "three"));
  write(folder_ / "two/a/weights", "124");
  EXPECT_NE(*one, *digest_folder(folder_ / "two"));
  EXPECT_FALSE(digest_folder(folder_ / "absent"));
}

}  // namespace
}  // namespace hone::curate
