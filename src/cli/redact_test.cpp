// hone redact, as it is run.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdlib>
#include <string>

#include "base/json.h"
#include "base/test_support.h"
#include "support/places.h"

namespace hone::cli {
namespace {

using hone::testing::output_of;
using hone::testing::TempFolder;
using hone::testing::write_all;

class RedactCommand : public ::testing::Test {
 protected:
  // Standard output and, behind it, the exit status.
  std::string run(const std::string& arguments) {
    return output_of("cd '" + folder_.path() + "' && '" + bin_dir() + "/hone' redact " + arguments +
                     " 2>err.txt; echo \"status $?\"");
  }
  std::string file(const std::string& name, const std::string& text) {
    write_all(folder_.path(name), text);
    return name;
  }
  TempFolder folder_;
};

TEST_F(RedactCommand, PrintsTheTextAsItWouldBeStored) {
  file("a.txt", "mail ana@example.org\nand ANA@example.org\n");
  const std::string printed = run("a.txt");
  ASSERT_TRUE(printed.starts_with("mail <EMAIL:")) << printed;
  const std::string pseudonym = printed.substr(5, std::string("<EMAIL:01234567>").size());
  EXPECT_EQ(printed, "mail " + pseudonym + "\nand " + pseudonym + "\nstatus 0\n");
  EXPECT_EQ(run("- < a.txt"), printed);  // the same key again
  file("b.txt", printed.substr(0, printed.find("status")));
  EXPECT_EQ(run("b.txt"), printed);
}

TEST_F(RedactCommand, ExplainsEachFinding) {
  file("a.txt", "one\nmail ana@example.org\n");
  const auto rows = parse_json(output_of("cd '" + folder_.path() + "' && '" + bin_dir() +
                                         "/hone' --json redact --explain a.txt"));
  ASSERT_TRUE(rows);
  ASSERT_EQ(rows->as_array().size(), 1U);
  const json::object& row = rows->as_array()[0].as_object();
  EXPECT_EQ(row.at("type").as_string(), "EMAIL");
  EXPECT_EQ(row.at("line").to_number<int>(), 2);
  EXPECT_EQ(row.at("column").to_number<int>(), 6);
  EXPECT_EQ(row.at("begin").to_number<int>(), 9);
  EXPECT_EQ(row.at("end").to_number<int>(), 24);
  EXPECT_FALSE(row.at("rule").as_string().empty());
  EXPECT_FALSE(row.at("reason").as_string().empty());
}

TEST_F(RedactCommand, ReadsLinesOfJsonAndLosesNoGoodOne) {
  file("a.jsonl",
       "{\"text\":\"+49 30 901820\",\"who\":\"ana\"}\n{\"txet\":1}\n\n{\"text\":\"x\"}\n");
  const std::string printed = run("--jsonl a.jsonl");
  EXPECT_TRUE(printed.starts_with("{\"text\":\"<PHONE:")) << printed;
  EXPECT_NE(printed.find("\n{\"text\":\"x\"}\nstatus 2\n"), std::string::npos) << printed;
  EXPECT_EQ(printed.find("who"), std::string::npos);
  EXPECT_NE(hone::testing::read_all(folder_.path("err.txt"))
                .find("a.jsonl: line 2: field 'text' is missing"),
            std::string::npos);
}

TEST_F(RedactCommand, FollowsTheSettings) {
  file("names.txt", "# people\nMaria Souza\n");
  file("hone.toml",
       "[privacy]\noff = [\"IP\"]\nnames = \"names.txt\"\n[[privacy.pattern]]\nname = "
       "\"n\"\npattern = \"EMP-[0-9]+\"\n");
  file("a.txt", "Maria Souza EMP-17 10.20.30.40");
  const std::string printed = run("a.txt");
  EXPECT_TRUE(printed.starts_with("<NAME:")) << printed;
  EXPECT_NE(printed.find("> <CUSTOM:"), std::string::npos);
  EXPECT_NE(printed.find("> 10.20.30.40"), std::string::npos);
  file("hone.toml", "[privacy]\nnames = \"nowhere.txt\"\n");
  EXPECT_NE(run("a.txt").find("status 3"), std::string::npos);
  EXPECT_NE(run("missing.txt").find("status 3"), std::string::npos);
}

}  // namespace
}  // namespace hone::cli
