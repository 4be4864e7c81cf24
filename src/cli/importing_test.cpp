#include "cli/importing.h"

#include <gtest/gtest.h>

#include "base/test_support.h"

namespace hone::cli {
namespace {

TEST(Importing, TheSameFileTwiceIsStoredOnce) {
  hone::testing::TempFolder folder;
  hone::testing::write_all(folder.path("pairs.jsonl"),
                           "{\"prompt\":\"p\",\"chosen\":\"a\",\"rejected\":\"b\"}\n"
                           "{\"prompt\":\"q\",\"chosen\":\"c\",\"rejected\":\"d\"}\n");
  Settings settings;
  settings.data = folder.path("data");
  auto workspace = Workspace::open(settings).value();
  const auto count = [&](const std::string& table) {
    return workspace->database()
        .query("SELECT COUNT(*) AS n FROM " + table)
        .value()
        .front()
        .integer("n");
  };
  for (int again = 0; again < 2; ++again) {
    auto report = import_into(*workspace, folder.path("pairs.jsonl"),
                              capture::ImportFormat::kPreferenceJsonl, {}, {});
    ASSERT_TRUE(report) << report.error().message;
    EXPECT_EQ(report->interactions, 4);
    EXPECT_EQ(count("interaction"), 4);
    EXPECT_EQ(count("feedback"), 4);
  }
}

}  // namespace
}  // namespace hone::cli
