#include "engine/verify/verifier.h"

#include <gtest/gtest.h>

#include <iostream>
#include <sstream>

#include "engine/model/test_support.h"
#include "engine/verify/numeric.h"
#include "engine/verify/verify_lines.h"

namespace hone::engine {
namespace {

Result<Verdict> checked(const json::object& verifier, const std::string& answer) {
  const auto parsed = Verifier::parse(verifier);
  EXPECT_TRUE(parsed) << parsed.error().message;
  if (!parsed) return fail(parsed.error());
  return parsed->check(answer, {});
}

double reward(const std::string& verifier, const std::string& answer) {
  const auto verdict = checked(json::parse(verifier).as_object(), answer);
  EXPECT_TRUE(verdict) << verdict.error().message;
  if (!verdict) return -1;
  EXPECT_FALSE(verdict->reason.empty());
  return verdict->reward;
}

std::string parse_error(const std::string& verifier) {
  const auto parsed = Verifier::parse(json::parse(verifier).as_object());
  return parsed ? std::string() : parsed.error().message;
}

// False, said aloud, where this system permits no sandbox.
bool has_sandbox() {
  const auto verdict = checked({{"type", "unit_tests"}, {"tests", "pass"}}, "");
  if (verdict) return true;
  std::cerr << "SKIPPED: " << verdict.error().message << "\n";
  EXPECT_EQ(verdict.error().code, ErrorCode::kDenied) << verdict.error().message;
  return false;
}

TEST(ExactVerifier, ComparesAsItsNormalisationSays) {
  const std::string plain = R"({"type": "exact", "answer": "The  Answer"})";
  EXPECT_EQ(reward(plain, " The Answer\n"), 1);
  EXPECT_EQ(reward(plain, "the answer"), 0);
  const std::string none = R"({"type": "exact", "answer": "a b", "normalise": "none"})";
  EXPECT_EQ(reward(none, "a b"), 1);
  EXPECT_EQ(reward(none, "a  b"), 0);
  const std::string words = R"({"type": "exact", "answer": "Straße 5", "normalise": "words"})";
  EXPECT_EQ(reward(words, "\"STRASSE 5.\""), 1);
  EXPECT_EQ(reward(words, "Strasse 6"), 0);
  EXPECT_EQ(reward(R"({"type": "exact", "answer": "é"})", "e\xCC\x81"), 1);  // composed
  EXPECT_EQ(reward(R"({"type": "exact", "answer": ["yes", "y"]})", "y"), 1);
}

TEST(RegexVerifier, SearchesOrMatchesTheWhole) {
  EXPECT_EQ(reward(R"({"type": "regex", "pattern": "[0-9]+"})", "about 7."), 1);
  EXPECT_EQ(reward(R"({"type": "regex", "pattern": "[0-9]+", "match": "full"})", "about 7."), 0);
  EXPECT_EQ(reward(R"({"type": "regex", "pattern": "^(a+)+$"})", std::string(50'000, 'a') + "b"),
            0);
}

TEST(NumericVerifier, FindsTheLastNumber) {
  const std::vector<std::pair<const char*, double>> rows = {{"42", 42},
                                                            {"It is 42.", 42},
                                                            {"first 3, then -4", -4},
                                                            {"5-3", 3},
                                                            {"(5)-3", 3},
                                                            {"$1,234.50 in all", 1234.5},
                                                            {"-$7", -7},
                                                            {"$-7", -7},
                                                            {"\xE2\x82\xAC"
                                                             "12,000,000",
                                                             12e6},
                                                            {"\xE2\x88\x92"
                                                             "8",
                                                             -8},
                                                            {"1,23", 23},
                                                            {"1234,567", 567},
                                                            {"50%", 50},
                                                            {"1e3", 1000},
                                                            {"2.5E-1", 0.25},
                                                            {".5", 0.5},
                                                            {"3.", 3},
                                                            {"x2 is 9", 9},
                                                            {"9 is x2", 9},
                                                            {"version 1.2.3", 0.3}};
  for (const auto& [text, wanted] : rows) {
    const auto number = last_number(text);
    ASSERT_TRUE(number) << text;
    EXPECT_DOUBLE_EQ(*number, wanted) << text;
  }
  EXPECT_FALSE(last_number("none at all"));
  EXPECT_FALSE(last_number(""));
  EXPECT_FALSE(last_number(std::string(5'000, '9')));
}

TEST(NumericVerifier, PrefersWhatIsDeclared) {
  const std::string plain = R"({"type": "numeric", "answer": 72})";
  EXPECT_EQ(reward(plain, "48/2 = 24, so 48+24 = 72\n#### 72"), 1);
  EXPECT_EQ(reward(plain, "#### 72\nThat took me 5 minutes."), 1);
  EXPECT_EQ(reward(plain, "so \\boxed{72}, not 71"), 1);
  EXPECT_EQ(reward(plain, "72"), 1);
  EXPECT_EQ(reward(plain, "#### none"), 0);
  EXPECT_EQ(reward(R"({"type": "numeric", "answer": 72, "take": "declared"})", "72"), 0);
  EXPECT_EQ(reward(R"({"type": "numeric", "answer": "x = <<2*3=6>>6\n#### 1,006"})", "1006"), 1);
}

TEST(NumericVerifier, ToleratesAsMuchAsItIsTold) {
  EXPECT_EQ(reward(R"({"type": "numeric", "answer": 0.3})", "0.30"), 1);
  EXPECT_EQ(reward(R"({"type": "numeric", "answer": 3.14159, "tolerance": 0.01})", "3.14"), 1);
  EXPECT_EQ(reward(R"({"type": "numeric", "answer": 3.14159})", "3.14"), 0);
  EXPECT_EQ(reward(R"({"type": "numeric", "answer": 1000, "relative_tolerance": 0.01})", "1009"),
            1);
  EXPECT_EQ(reward(R"({"type": "numeric", "answer": 1000, "relative_tolerance": 0.01})", "1011"),
            0);
}

TEST(JsonSchemaVerifier, WantsJsonThatHolds) {
  const std::string verifier =
      R"({"type": "json_schema", "schema": {"type": "object", "required": ["a"]}})";
  EXPECT_EQ(reward(verifier, R"({"a": 1})"), 1);
  EXPECT_EQ(reward(verifier, "```json\n{\"a\": 1}\n```"), 1);
  EXPECT_EQ(reward(verifier, "{}"), 0);
  EXPECT_EQ(reward(verifier, "a: 1"), 0);
  EXPECT_EQ(reward(verifier, R"(Sure: {"a": 1})"), 0);
}

TEST(UnitTestsVerifier, RunsTestsOverTheAnswersCode) {
  if (!has_sandbox()) GTEST_SKIP();
  const std::string verifier =
      R"({"type": "unit_tests", "setup": "import math",
          "tests": ["assert f(2) == 4", "assert f(3) == 9"]})";
  EXPECT_EQ(reward(verifier, "def f(x): return x * x"), 1);
  EXPECT_EQ(reward(verifier, "So:\n```python\ndef f(x):\n  return math.pow(x, 2)\n```\nDone."), 1);
  EXPECT_EQ(reward(verifier, "def f(x): return 4"), 0);
  EXPECT_EQ(reward(verifier, "no code"), 0);
  const auto verdict =
      checked(json::parse(verifier).as_object(), "def f(x): raise ValueError('odd')");
  ASSERT_TRUE(verdict);
  EXPECT_NE(verdict->reason.find("ValueError: odd"), std::string::npos) << verdict->reason;
}

TEST(UnitTestsVerifier, GivesNothingForEndingBeforeTheTests) {
  if (!has_sandbox()) GTEST_SKIP();
  const std::string verifier = R"({"type": "unit_tests", "tests": "assert False"})";
  for (const char* answer : {"import sys\nsys.exit(0)", "import os\nos._exit(0)",
                             "raise SystemExit", "print = lambda *a: None\nassert = 1", "\"\"\""}) {
    EXPECT_EQ(reward(verifier, answer), 0) << answer;
  }
}

TEST(UnitTestsVerifier, RunsACommandOfTheTasksOwn) {
  if (!has_sandbox()) GTEST_SKIP();
  const std::string verifier =
      R"({"type": "unit_tests", "command": ["sh", "tests.sh"], "answer_file": "answer.txt",
          "tests_file": "tests.sh", "tests": "grep -q secret answer.txt"})";
  EXPECT_EQ(reward(verifier, "a secret word"), 1);
  EXPECT_EQ(reward(verifier, "a word"), 0);
}

// The tasks of MBPP and the solutions that come with them, a few of each.
TEST(UnitTestsVerifier, PassesTheSolutionsOfMbpp) {
  const auto file = shared_file("data/mbpp/mbpp.dev.jsonl.gz");
  if (!file || !has_sandbox()) GTEST_SKIP();
  std::istringstream lines(unpacked(*file));
  std::string line;
  for (int i = 0; i < 5 && std::getline(lines, line); ++i) {
    const auto task = json::parse(line).as_object();
    const json::object verifier = {{"type", "unit_tests"},
                                   {"setup", task.at("test_setup_code")},
                                   {"tests", task.at("test_list")}};
    const std::string code(task.at("code").as_string());
    const auto right = checked(verifier, code);
    ASSERT_TRUE(right) << right.error().message;
    EXPECT_EQ(right->reward, 1) << right->reason << "\n" << code;
    const auto wrong = checked(verifier, "def unrelated(): pass");
    ASSERT_TRUE(wrong);
    EXPECT_EQ(wrong->reward, 0);
  }
}

TEST(NumericVerifier, ReadsTheAnswersOfGsm8k) {
  const auto file = shared_file("data/gsm8k/train.jsonl.gz");
  if (!file) GTEST_SKIP();
  std::istringstream lines(unpacked(*file));
  int seen = 0;
  for (std::string line; std::getline(lines, line); ++seen) {
    const auto task = json::parse(line).as_object();
    const std::string solution(task.at("answer").as_string());
    const auto parsed = Verifier::parse({{"type", "numeric"}, {"answer", solution}});
    ASSERT_TRUE(parsed) << solution;
    EXPECT_EQ(parsed->check(solution, {})->reward, 1) << solution;
    EXPECT_EQ(parsed->check("I do not know.", {})->reward, 0);
  }
  EXPECT_GT(seen, 1'000);
}

TEST(Verifier, NamesTheFieldThatIsWrong) {
  const std::vector<std::pair<const char*, const char*>> rows = {
      {R"({"answer": "a"})", "'type' is missing"},
      {R"({"type": "exakt"})", "\"exact\", \"regex\""},
      {R"({"type": "exact"})", "'answer' is missing"},
      {R"({"type": "exact", "answer": []})", "empty list"},
      {R"({"type": "exact", "answer": "a", "normalize": "none"})", "normalise"},
      {R"({"type": "exact", "answer": "a", "normalise": "all"})", "\"words\""},
      {R"({"type": "regex", "pattern": "(a)\\1"})", "pattern"},
      {R"({"type": "regex", "pattern": "a", "match": "start"})", "\"full\""},
      {R"({"type": "numeric", "answer": "none"})", "no number"},
      {R"({"type": "numeric", "answer": 1, "tolerance": -1})", "tolerance"},
      {R"({"type": "numeric", "answer": 1, "take": "first"})", "\"declared\""},
      {R"({"type": "json_schema"})", "'schema' is missing"},
      {R"({"type": "json_schema", "schema": {"format": "x"}})", "'format'"},
      {R"({"type": "unit_tests"})", "'tests' is missing"},
      {R"({"type": "unit_tests", "tests": "x", "timeout_seconds": 0})", "timeout_seconds"},
      {R"({"type": "unit_tests", "tests": "x", "allow_unsandboxed": true})", "allow_unsandboxed"},
      {R"({"type": "unit_tests", "tests": "x", "answer_file": "a"})", "'command'"}};
  for (const auto& [verifier, word] : rows) {
    const std::string message = parse_error(verifier);
    EXPECT_NE(message.find(word), std::string::npos) << verifier << ": " << message;
  }
}

TEST(VerifyLines, AnswersInOrderAndNamesABadLine) {
  std::istringstream in(R"({"answer": "4", "verifier": {"type": "numeric", "answer": 4}, "id": 1})"
                        "\n\n"
                        R"({"answer": "5", "verifier": {"type": "numeric", "answer": 4}})"
                        "\n"
                        R"({"answer": "5"})"
                        "\n");
  std::ostringstream out;
  const auto done = verify_lines(in, out, {});
  ASSERT_FALSE(done);
  EXPECT_NE(done.error().message.find("line 4: field 'verifier' is missing"), std::string::npos)
      << done.error().message;
  std::istringstream lines(out.str());
  std::string first;
  std::string second;
  ASSERT_TRUE(std::getline(lines, first) && std::getline(lines, second));
  EXPECT_EQ(json::parse(first).at("reward").to_number<double>(), 1);
  EXPECT_EQ(json::parse(second).at("reward").to_number<double>(), 0);
  EXPECT_EQ(json::parse(second).at("reason").as_string(), "5 instead of 4");
}

}  // namespace
}  // namespace hone::engine
