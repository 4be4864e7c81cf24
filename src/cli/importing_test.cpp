#include "cli/importing.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "base/test_support.h"

namespace hone::cli {
namespace {

class Importing : public ::testing::Test {
 protected:
  Importing() {
    hone::testing::write_all(folder_.path("pairs.jsonl"),
                             "{\"prompt\":\"p\",\"chosen\":\"a\",\"rejected\":\"b\"}\n"
                             "{\"prompt\":\"q\",\"chosen\":\"c\",\"rejected\":\"d\"}\n");
    settings_.data = folder_.path("data");
  }

  hone::testing::TempFolder folder_;
  Settings settings_;
  capture::ImportMap pairs_ = capture::load_import_map("preference-jsonl").value();
};

TEST_F(Importing, TheSameFileTwiceIsStoredOnce) {
  auto workspace = Workspace::open(settings_).value();
  const auto count = [&](const std::string& table) {
    return workspace->database()
        .query("SELECT COUNT(*) AS n FROM " + table)
        .value()
        .front()
        .integer("n");
  };
  for (int again = 0; again < 2; ++again) {
    auto report = import_into(*workspace, folder_.path("pairs.jsonl"), pairs_, {}, {});
    ASSERT_TRUE(report) << report.error().message;
    EXPECT_EQ(report->interactions, 4);
    EXPECT_EQ(report->added, again == 0 ? 4 : 0);
    EXPECT_EQ(count("interaction"), 4);
    EXPECT_EQ(count("feedback"), 4);
  }
}

TEST_F(Importing, ADryRunShowsAndCountsButWritesNothing) {
  std::vector<json::object> shown;
  auto report = import_dry(settings_, folder_.path("pairs.jsonl"), pairs_, {},
                           {.capture = true, .train = true}, [&](const json::object& record) {
                             shown.push_back(record);
                             return shown.size() < 3;
                           });
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->interactions, 4);
  EXPECT_EQ(shown.size(), 3U);
  EXPECT_FALSE(report->added);
  EXPECT_FALSE(std::filesystem::exists(settings_.data));
}

}  // namespace
}  // namespace hone::cli
