// `hone dataset export --parquet` with the real hone-parquet, which the build leaves out without
// Arrow. What is in the tables, src/table/table_test.cpp and tests/export/parquet_loads.py hold.
#include "cli/parquet.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <iostream>
#include <string>
#include <string_view>

#include "base/file.h"
#include "base/json.h"
#include "curate/curate_test_support.h"
#include "support/places.h"

namespace hone::cli {
namespace {

class ParquetExport : public curate::testing::DatasetTest {
 protected:
  void SetUp() override {
    recipe_.name = "all";
    recipe_.alias = "assistant";
    recipe_.text = "name = \"all\"\nalias = \"assistant\"\n";
    recipe_.dataset.kinds = {"demonstration", "preference", "judgement"};
    recipe_.dataset.ranked_pairs = true;
    no_split();
    sample_.person("ann");
    for (const auto* id : {"i1", "i2", "i3"}) {
      sample_.interaction({.id = id,
                           .person = "ann",
                           .prompt = std::string("Grüße an \"Kim\", ") + id,
                           .answer = std::string("Dear Kim, ") + id});
      sample_.feedback(id, {.kind = "edited", .final_text = std::string("Hello 🙂 Kim, ") + id});
    }
  }
  const std::string program_ = bin_dir() + "/hone-parquet";
};

TEST_F(ParquetExport, IsWholeFilesWithTheSameBytesAgain) {
  if (!std::filesystem::exists(program_)) {
    std::cerr << "SKIPPED: hone-parquet was left out of this build\n";
    GTEST_SKIP();
  }
  const auto writer = parquet_writer(program_);
  ASSERT_TRUE(writer) << writer.error().message;
  const auto dataset = build();
  for (const std::string format : {"trl", "sharegpt", "torchtune"}) {
    const auto about = curate::export_dataset(dataset, format, folder_ / format, *writer);
    ASSERT_TRUE(about) << about.error().message;
    ASSERT_TRUE(curate::export_dataset(dataset, format, folder_ / "again", *writer));
    const auto& files = about->at("files").as_object();
    EXPECT_EQ(files.size(), format == "torchtune" ? 2U : 3U);
    for (const auto& file : files) {
      const std::string name = file.key();
      EXPECT_EQ(file.value().at("examples"), 3) << format << " " << name;
      const auto bytes = read_file(posix_files(), folder_ / format + "/" + name);
      ASSERT_TRUE(bytes) << bytes.error().message;
      EXPECT_TRUE(bytes->starts_with("PAR1") && bytes->ends_with("PAR1")) << format << " " << name;
      EXPECT_EQ(read_file(posix_files(), folder_ / "again/" + name).value_or(""), *bytes) << name;
    }
    // Nothing else but dataset.json is left there.
    EXPECT_EQ(posix_files().list(folder_ / format).value().size(), files.size() + 1) << format;
    std::filesystem::remove_all(folder_ / "again");
  }
}

TEST_F(ParquetExport, HasToolsInTheFilesWhereSomeExampleDoes) {
  if (!std::filesystem::exists(program_)) {
    std::cerr << "SKIPPED: hone-parquet was left out of this build\n";
    GTEST_SKIP();
  }
  const auto call = [](const std::string& id) {
    return parse_json_object(R"({"role":"assistant","content":[{"type":"tool_call","id":")" + id +
                             R"(","name":"Edit","arguments":{"share":0.5}}]})")
        .value();
  };
  const auto tools = parse_json_object(R"({"role":"tools","content":[{"type":"tool","name":"Edit",)"
                                       R"("parameters":{"type":"object"}}]})");
  const auto result = parse_json_object(R"({"role":"tool","content":[{"type":"tool_result",)"
                                        R"("id":"t1","content":[{"type":"text","text":"ok"}]}]})");
  ASSERT_TRUE(tools && result);
  sample_.interaction(
      {.id = "i4",
       .person = "ann",
       .context = {*tools, test::sample_message("user", "Fix it"), call("t1"), *result},
       .said = call("t2")});
  sample_.feedback("i4", {.kind = "accepted"});
  recipe_.dataset.tool_calls = true;
  const auto dataset = build();
  const auto writer = parquet_writer(program_);
  ASSERT_TRUE(writer) << writer.error().message;
  // The names of a file's fields stand in it as they are.
  const auto has = [&](const std::string& name, std::string_view field) {
    const auto bytes = read_file(posix_files(), folder_ / name);
    EXPECT_TRUE(bytes) << name;
    return bytes.value_or("").find(field) != std::string::npos;
  };
  for (const std::string format : {"trl", "sharegpt"}) {
    const auto about = curate::export_dataset(dataset, format, folder_ / format, *writer);
    ASSERT_TRUE(about) << about.error().message;
    const auto& demonstrations = about->at("files").at("demonstration.parquet");
    EXPECT_EQ(demonstrations.at("examples"), 4) << format;
    EXPECT_TRUE(has(format + "/demonstration.parquet", "tools")) << format;
    EXPECT_FALSE(has(format + "/preference.parquet", "tools")) << format;
  }
  EXPECT_TRUE(has("trl/demonstration.parquet", "tool_call_id"));
  EXPECT_TRUE(has("trl/judgement.parquet", "tool_calls"));
  EXPECT_FALSE(has("trl/preference.parquet", "tool_call"));
}

TEST_F(ParquetExport, PassesOnWhatTheProgramSays) {
  const auto writer = parquet_writer("/bin/sh");  // which takes the columns for a script
  ASSERT_TRUE(writer);
  const auto failed = curate::export_dataset(build(), "trl", folder_ / "trl", *writer);
  ASSERT_FALSE(failed);
  EXPECT_NE(failed.error().message.find("id:string"), std::string::npos) << failed.error().message;
  EXPECT_FALSE(std::filesystem::exists(folder_ / "trl"));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "trl.part"));
}

TEST_F(ParquetExport, WithoutTheProgramSaysHowToGetIt) {
  const auto writer = parquet_writer(folder_ / "hone-parquet");
  ASSERT_FALSE(writer);
  EXPECT_EQ(writer.error().code, ErrorCode::kNotFound);
  EXPECT_NE(writer.error().message.find("./dev build"), std::string::npos);
}

}  // namespace
}  // namespace hone::cli
