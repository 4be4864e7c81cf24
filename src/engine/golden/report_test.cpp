// What a group's report says, in words and in JSON, and what a folder of nothing comes to.
#include "engine/golden/report.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <sstream>
#include <stdexcept>

#include "engine/golden/check.h"
#include "engine/golden/golden_test_support.h"
#include "engine/train/tiny_model_support.h"

namespace hone::engine::golden {
namespace {

constexpr Bound kBound{"numbers", 1e-3};

at::Tensor one(double value) {
  return at::full({1}, value, at::TensorOptions(at::kDouble));
}

GroupReport report_of(const std::function<Result<void>(Case&)>& check) {
  Group group("group");
  group.run("case", check);
  return std::move(group).finish("");
}

TEST(GoldenGroup, MeasuresDeviations) {
  const GroupReport report = report_of([](Case& checked) -> Result<void> {
    checked.near(kBound, 9.0, 9.005, "near");  // 0.005 of 10.005
    checked.near(kBound, at::tensor({1.0, 2.0}), at::tensor({1.0, 2.001}), "near");
    return {};
  });
  EXPECT_EQ(report.failed, 0);
  EXPECT_NEAR(report.find("numbers")->worst, 0.005 / 10.005, 1e-9);
  EXPECT_NEAR(report.find("numbers")->worst_absolute, 0.005, 1e-9);
  const auto fails = [](const std::function<void(Case&)>& compare) {
    return report_of([&](Case& checked) -> Result<void> {
             compare(checked);
             return {};
           }).failed == 1;
  };
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_TRUE(fails([](Case& c) { c.near(kBound, 1.0, 1.1, ""); }));
  EXPECT_TRUE(fails([&](Case& c) { c.near(kBound, nan, 1.0, ""); }));
  EXPECT_TRUE(fails([&](Case& c) { c.within(kBound, nan, 1.0, ""); }));
  EXPECT_TRUE(fails([](Case& c) { c.within(kBound, 9.0, 9.005, ""); }));
  EXPECT_TRUE(fails([&](Case& c) { c.near(kBound, one(nan), one(1.0), ""); }));
  EXPECT_TRUE(fails([](Case& c) { c.near(kBound, one(1.0), at::ones({2}), ""); }));
  EXPECT_TRUE(fails([](Case& c) { c.near(kBound, at::zeros({0}), at::zeros({0}), ""); }));
  EXPECT_TRUE(fails([](Case& c) { c.along(kBound, at::Tensor(), one(1.0), ""); }));
  EXPECT_TRUE(fails([](Case& c) { c.along(kBound, one(1.01), one(1.0), ""); }));
  EXPECT_TRUE(fails([&](Case& c) { c.along(kBound, one(nan), one(1.0), ""); }));
  EXPECT_TRUE(fails([](Case& c) { c.along(kBound, 1.01, 1.0, ""); }));
  EXPECT_FALSE(fails([](Case& c) { c.along(kBound, one(0.0), one(0.0), ""); }));
  EXPECT_FALSE(fails([](Case& c) { c.along(kBound, 1.0005, 1.0, ""); }));
}

TEST(GoldenGroup, FailsACaseThatThrows) {
  expect_one_fails(
      report_of([](Case&) -> Result<void> { throw std::runtime_error("first line\nand a stack"); }),
      1, "case", "first line");
  expect_one_fails(
      report_of([](Case&) -> Result<void> { return fail(ErrorCode::kInvalid, "an error"); }), 1,
      "case", "an error");
}

TEST(GoldenReport, ShowsTheFirstFindingsAndCountsTheOthers) {
  GroupReport report{.name = "loss",
                     .cases = 30,
                     .failed = 25,
                     .measures = {{"loss", 2e-5, 0.5, 0.5}, {"ids", 0, 1, 1}},
                     .findings = {},
                     .not_run = ""};
  for (int i = 0; i < 25; ++i) report.findings.push_back({"case" + std::to_string(i), "is off"});
  const std::string text = to_text(report, kShownFindings);
  EXPECT_TRUE(text.starts_with("loss              30      25  loss 5.0e-01 (2e-05), ids differ\n"))
      << text;
  EXPECT_NE(text.find("\n  case19: is off\n  and 5 more\n"), std::string::npos) << text;
  EXPECT_NE(to_text(report, 25).find("case24"), std::string::npos);
  report.measures[0].worst = std::numeric_limits<double>::infinity();
  const json::object document = to_json(report);
  EXPECT_EQ(document.at("failures").as_array().size(), 25U);
  EXPECT_TRUE(document.at("worst").is_null());
  EXPECT_TRUE(document.at("measures").as_array()[0].as_object().at("worst").is_null());
  // What is printed can be read again.
  EXPECT_TRUE(parse_json_object(json::serialize(document)));
}

TEST(CheckGolden, NamesEveryGroupOfAnEmptyFolder) {
  const OwnFolder own;
  std::ostringstream out;
  EXPECT_FALSE(check_golden({.place = own.place(), .only = {}}, out));
  for (const std::string& name : group_names()) {
    EXPECT_NE(out.str().find("\n" + name + " "), std::string::npos) << name;
  }
  EXPECT_EQ(group_names().size(), 8U);
  EXPECT_NE(out.str().find("absent: there is no case in loss/cases.json"), std::string::npos)
      << out.str();
  EXPECT_NE(out.str().find("nothing was checked; not checked: tokenizer, chat-rendered"),
            std::string::npos);
}

TEST(CheckGolden, RunsTheGroupsThatAreAskedFor) {
  const OwnFolder own;
  own.write("tokenizer/tiny.tokenizer.json", tiny_tokenizer());
  own.write("tokenizer/tiny.jsonl",
            R"({"text": "a", "ids": [64], "ids_special": null, "decoded": "a"})");
  std::ostringstream text;
  EXPECT_TRUE(check_golden({.place = own.place(), .only = {"tokenizer"}}, text));
  EXPECT_NE(
      text.str().find("tokenizer          1       0  ids equal, text equal\n0 of 1 cases failed\n"),
      std::string::npos)
      << text.str();
  std::ostringstream lines;
  EXPECT_TRUE(
      check_golden({.place = own.place(), .only = {"tokenizer", "loss"}, .json = true}, lines));
  std::istringstream in(lines.str());
  std::string line;
  ASSERT_TRUE(std::getline(in, line));
  EXPECT_EQ(json::parse(line).at("group").as_string(), "tokenizer");
  EXPECT_EQ(json::parse(line).at("failed").to_number<int>(), 0);
  ASSERT_TRUE(std::getline(in, line));
  EXPECT_EQ(json::parse(line).at("group").as_string(), "loss");
  EXPECT_NE(json::parse(line).at("not_run").as_string().find("absent"), json::string::npos);
  EXPECT_FALSE(std::getline(in, line));
  std::ostringstream none;
  EXPECT_FALSE(check_golden({.place = own.place(), .only = {"loss"}}, none));
  own.write("tokenizer/tiny.jsonl", "{}");
  std::ostringstream failed;
  EXPECT_FALSE(check_golden({.place = own.place(), .only = {}}, failed));
  EXPECT_NE(failed.str().find("  tiny:1: field 'text' is missing\n"), std::string::npos);
  EXPECT_NE(failed.str().find("1 of 1 cases failed; not checked: "), std::string::npos);
}

}  // namespace
}  // namespace hone::engine::golden
