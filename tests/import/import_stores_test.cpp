// That the same file again adds nothing, on both databases, by the path of a command: outbox,
// indexer, database; and that real people's work, so imported, is as calibrated as a script says
// that reads the raw file.
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "base/file.h"
#include "base/test_support.h"
#include "capture/import_map.h"
#include "capture/importer.h"
#include "curate/dataset.h"
#include "feedback/calibrate.h"
#include "feedback/verdicts.h"
#include "store/indexer.h"
#include "store/outbox.h"
#include "support/databases.h"
#include "support/places.h"

namespace hone {
namespace {

class ImportStores : public test::OnBothDatabases {
 protected:
  static void write(const std::string& path, std::string_view bytes) {
    std::ofstream(path, std::ios::binary) << bytes;
  }

  capture::ImportReport import(const std::string& file, std::string_view toml) {
    return import(file, capture::parse_import_map(toml, "map.toml").value());
  }
  capture::ImportReport import(const std::string& file, const capture::ImportMap& map) {
    auto database = open();
    auto indexed = open();
    const std::string folder = folder_ / "outbox";
    auto outbox = store::Outbox::open(posix_files(), folder, clock_).value();
    store::Indexer indexer(*outbox, *indexed, clock_, {.name = "import", .compress = true});
    indexer.start();
    IdSource ids(clock_, Random::from_system());
    people::Roster roster(*database, clock_, ids);
    const auto redactor = privacy::Redactor::create("key").value();
    const auto sink = capture::outbox_sink(*outbox, roster, {.capture = true, .train = true});
    auto report = capture::import_file(file, map, {}, {*redactor, "key", clock_}, sink);
    EXPECT_TRUE(report) << report.error().message;
    EXPECT_TRUE(indexer.wait_for(outbox->status().last_position, std::chrono::minutes(1)));
    indexer.stop();
    EXPECT_TRUE(outbox->close());
    return report.value_or(capture::ImportReport{});
  }

  std::int64_t count(const std::string& table) {
    return open()->query("SELECT COUNT(*) AS n FROM " + table).value().front().integer("n");
  }

  SystemClock clock_;
};

TEST_P(ImportStores, TheSameFileAgainAddsNothing) {
  const std::string file = folder_ / "edits.csv";
  write(file,
        "id,who,text,draft,final,ok\n"
        "1,Ana,Say hello,Hi,\"Hello, \"\"all\"\"\nof you\",1\n"
        "2,Ben,Say bye,Bye,,1\n"
        "3,Ana,Say what,\"open,,0\n"
        "4,Ana,Say so,So,,0\n");
  constexpr std::string_view kMap = R"(
name = "edits"
trainable = true
[interaction]
key.from = "/id"
person.from = "/who"
time.text = "2024-01-01"
prompt.from = "/text"
output.from = "/draft"
[[signal]]
kind.from = "/ok"
kind.values = { 1 = "accepted", 0 = "rejected" }
[[signal]]
kind.text = "edited"
final_text.from = "/final"
)";
  for (int again = 0; again < 2; ++again) {
    const auto report = import(file, kMap);
    EXPECT_EQ(report.interactions, 3);
    EXPECT_EQ(report.left_out.at("malformed"), 1);
    EXPECT_EQ(report.errors.at(0).substr(0, 8), "line 5: ");
    EXPECT_EQ(report.left_out.at("empty_signal"), 2);
    EXPECT_EQ(count("interaction"), 3);
    EXPECT_EQ(count("feedback"), 4);
    EXPECT_EQ(count("person"), 2);
  }
}

TEST_P(ImportStores, EarlySignalsForetellAsMuchAsAScriptSaysTheyDo) {
  const auto data = hone::testing::shared_path("data");
  if (!data) GTEST_SKIP() << "SKIPPED: no ../shared/data";
  const auto map = capture::load_import_map("cups-copilot");
  ASSERT_TRUE(map) << map.error().message;
  const auto report = import(*data + "/cups-copilot/events.dev.jsonl.gz", *map);
  EXPECT_EQ(report.feedback.at("accepted"), 207);
  const auto database = open();
  for (const int early : {0, 30, 120}) {
    const auto expected = parse_json_object(hone::testing::output_of(
        "python3 '" + hone::source_dir() + "/tests/import/calibrate.py' '" + *data + "' " +
        std::to_string(early)));
    ASSERT_TRUE(expected) << "tests/import/calibrate.py: " << expected.error().message;
    const auto calibration = feedback::calibrate(
        *database, feedback::default_policy(),
        {.early = std::chrono::seconds(early), .source = "import:cups-copilot"});
    ASSERT_TRUE(calibration) << calibration.error().message;
    const auto number = [](const json::object& object, const char* name) {
      return object.at(name).to_number<double>();
    };
    EXPECT_EQ(calibration->n, expected->at("n").as_int64());
    EXPECT_NEAR(calibration->predicted, number(*expected, "predicted"), 1e-9);
    EXPECT_NEAR(calibration->observed, number(*expected, "observed"), 1e-9);
    EXPECT_NEAR(calibration->brier, number(*expected, "brier"), 1e-9);
    EXPECT_NEAR(calibration->ece, number(*expected, "ece"), 1e-9);
    // The weights that ship foretell better than the mean does, once there is more to go by than
    // the key that accepted all of them.
    if (early > 0) {
      EXPECT_LT(calibration->brier, calibration->brier_of_base - 0.02);
    }
    const auto& bins = expected->at("bins").as_array();
    ASSERT_EQ(calibration->bins.size(), bins.size()) << json::serialize(*expected);
    for (std::size_t i = 0; i < bins.size(); ++i) {
      const json::object& bin = bins[i].as_object();
      EXPECT_EQ(calibration->bins[i].n, bin.at("n").as_int64());
      EXPECT_NEAR(calibration->bins[i].observed, number(bin, "observed"), 1e-9);
      EXPECT_NEAR(calibration->bins[i].low, number(bin, "low"), 1e-6);
      EXPECT_NEAR(calibration->bins[i].high, number(bin, "high"), 1e-6);
    }
  }
}

// The whole way of a task: a published set, its map, the store, a recipe's dataset.
TEST_P(ImportStores, TasksThatWereImportedBecomeADatasetOfTasks) {
  const auto data = hone::testing::shared_path("data");
  if (!data) GTEST_SKIP() << "SKIPPED: no ../shared/data";
  const auto toml = read_file(posix_files(), source_dir() + "/recipes/maps/mbpp.toml");
  ASSERT_TRUE(toml) << toml.error().message;
  const auto report = import(*data + "/mbpp/mbpp.dev.jsonl.gz", *toml);
  ASSERT_GT(report.tasks, 400);
  auto database = open();
  ASSERT_TRUE(feedback::refresh(*database, feedback::default_policy()));
  const auto recipe = curate::load_recipe(source_dir() + "/recipes/grpo.toml");
  ASSERT_TRUE(recipe) << recipe.error().message;
  const auto dataset = curate::build_dataset(*database, *recipe, folder_ / "datasets", clock_);
  ASSERT_TRUE(dataset) << dataset.error().message;
  const auto count_of = [](const curate::Counts& counts, const std::string& name) {
    const auto at = counts.find(name);
    return at == counts.end() ? std::int64_t{0} : at->second;
  };
  const auto trained = count_of(dataset->counts.at("train"), "task");
  EXPECT_GT(trained, report.tasks * 8 / 10);
  std::int64_t accounted = trained + count_of(dataset->counts.at("held_out"), "accepted");
  for (const auto& [reason, number] : dataset->left_out) accounted += number;
  EXPECT_EQ(accounted, report.interactions);
  const auto file = read_file(posix_files(), dataset->train_file());
  ASSERT_TRUE(file);
  std::istringstream lines(*file);
  std::int64_t number = 0;
  for (std::string line; std::getline(lines, line); ++number) {
    const auto task = parse_json_object(line);
    ASSERT_TRUE(task);
    const auto& verifier = task->at("verifier").as_object();
    EXPECT_EQ(verifier.at("type"), "unit_tests");
    EXPECT_NE(json::serialize(verifier.at("tests")).find("assert"), std::string::npos);
    EXPECT_EQ(task->at("prompt").as_array().back().at("role"), "user");
  }
  EXPECT_EQ(number, trained);
}

INSTANTIATE_TEST_SUITE_P(Databases, ImportStores, test::both_databases(), test::database_name);

}  // namespace
}  // namespace hone
