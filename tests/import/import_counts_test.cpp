// What an import of each shared set reports, against what tests/import/count.py counts over the raw
// files.
#include <gtest/gtest.h>

#include "base/json.h"
#include "base/test_support.h"
#include "capture/import_map.h"
#include "capture/importer.h"
#include "support/places.h"

namespace hone {
namespace {

// Without what count.py cannot know: the errors' words, and what the redactor finds in a verifier.
std::string comparable(const json::object& report) {
  json::object kept;
  for (const char* name :
       {"records", "people", "interactions", "trainable", "tasks", "feedback", "left_out"}) {
    kept[name] = report.at(name);
  }
  json::object& left_out = kept.at("left_out").as_object();
  if (const auto* redacted = left_out.if_contains("verifier_redacted")) {
    const std::int64_t count = redacted->to_number<std::int64_t>();
    const std::int64_t tasks = kept.at("tasks").to_number<std::int64_t>();
    EXPECT_LT(count * 20, tasks) << "the redactor takes more than a task in twenty";
    kept["tasks"] = tasks + count;
    left_out.erase("verifier_redacted");
  }
  return canonical(kept);
}

TEST(ImportCounts, AreThoseOfAScriptThatKnowsNoMaps) {
  const auto data = hone::testing::shared_path("data");
  if (!data) GTEST_SKIP() << "SKIPPED: no ../shared/data";
  const std::string counted = hone::testing::output_of("python3 '" + source_dir() +
                                                       "/tests/import/count.py' '" + *data + "'");
  const auto expected = parse_json_object(counted);
  ASSERT_TRUE(expected) << "tests/import/count.py: " << expected.error().message;
  ASSERT_EQ(expected->size(), 7U);
  const auto redactor = privacy::Redactor::create("key").value();
  ManualClock clock(from_millis(1'764'000'000'000));
  for (const auto& [name, files] : *expected) {
    const auto map = capture::load_import_map(std::string(name));
    ASSERT_TRUE(map) << map.error().message;
    for (const auto& [file, counts] : files.as_object()) {
      const auto report = capture::import_file(*data + "/" + std::string(file), *map, {},
                                               {*redactor, "key", clock}, capture::dry_sink({}));
      ASSERT_TRUE(report) << report.error().message;
      const auto reported = capture::to_json(*report);
      EXPECT_EQ(comparable(reported), canonical(counts)) << file << "\n"
                                                         << json::serialize(reported);
    }
  }
}

}  // namespace
}  // namespace hone
