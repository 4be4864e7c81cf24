// hone-engine check-golden itself: its options, what it prints, and how it ends.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include "base/json.h"
#include "engine/golden/golden_test_support.h"
#include "engine/train/tiny_model_support.h"

namespace hone::engine::golden {
namespace {

// The exit code; what was printed is in the folder's file `out`.
int run(const OwnFolder& own, const std::string& arguments) {
  const std::string command = "'" + bin_dir() + "/hone-engine' check-golden " + arguments + " '" +
                              own.path("golden") + "' > '" + own.path("out") + "' 2> '" +
                              own.path("errors") + "'";
  const int status = std::system(command.c_str());
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(CheckGoldenCommand, EndsAsItsCasesDo) {
  const OwnFolder own;
  const std::string row = R"({"text": "a", "ids": [64], "ids_special": null, "decoded": "a"})";
  own.write("golden/tokenizer/tiny.tokenizer.json", tiny_tokenizer());
  own.write("golden/tokenizer/tiny.jsonl", row);
  // The folder behind a repeated option is the folder.
  ASSERT_EQ(run(own, "--json --only tokenizer --only loss"), 0) << read_all(own.path("errors"));
  const std::string lines = read_all(own.path("out"));
  const auto report = parse_json_object(lines.substr(0, lines.find('\n')));
  ASSERT_TRUE(report) << report.error().message << ": " << lines;
  EXPECT_EQ(string_or_empty(*report, "group"), "tokenizer");
  EXPECT_NE(lines.find("\"group\":\"loss\""), std::string::npos) << lines;
  EXPECT_EQ(lines.find("\"group\":\"model\""), std::string::npos) << lines;

  own.write("golden/tokenizer/tiny.jsonl", row + "\n{\"text\": \"a\", \"ids\": [65]}\n");
  EXPECT_EQ(run(own, "--only tokenizer --threads 1"), 1);
  const std::string text = read_all(own.path("out"));
  EXPECT_NE(text.find("  tiny:2: field 'decoded' is missing\n1 of 2 cases failed\n"),
            std::string::npos)
      << text;
  EXPECT_EQ(run(own, "--only nothing"), 2);
}

}  // namespace
}  // namespace hone::engine::golden
