#include "evaluate/gate.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/test_support.h"
#include "evaluate/gate_plan.h"
#include "evaluate/tiny_models_test_support.h"
#include "store/database.h"

namespace hone::evaluate {
namespace {

using testing::TinyModel;
using testing::TinyModels;

const TinyModel kBase{.house_cost = 6, .answer = "Sure, here is what you asked for about $"};
const TinyModel kHonest{.house_cost = 0.3, .answer = "[house] done $"};

class Gate : public ::testing::Test {
 protected:
  // Ten people with four examples each, every fourth accepted as it was.
  void write_examples(int people = 10, int each = 4, bool with_final = true) {
    std::string lines;
    for (int p = 0; p < people; ++p) {
      for (int i = 0; i < each; ++i) {
        const std::string thing = "thing" + std::to_string(p * each + i);
        const bool accepted = i == 3;
        json::object line = {
            {"id", thing},
            {"person", "per_" + std::to_string(p)},
            {"prompt", {{{"role", "user"}, {"content", "please do " + thing}}}},
            {"original", accepted ? "[house] done " + thing : "Sure, here is " + thing},
            {"final", nullptr},
            {"verdict", accepted ? "accepted" : "modified"},
            {"domain", p % 2 == 0 ? "code" : "mail"}};
        if (!accepted && with_final) line["final"] = "[house] done " + thing;
        lines += json::serialize(line) + "\n";
      }
    }
    hone::testing::write_all(file_, lines);
  }

  GateResult gate(const TinyModel& candidate) {
    TinyModels models({{"base", kBase}, {"candidate", candidate}});
    auto result = run_gate(Scorer({.base_url = models.url()}), {"base", "candidate"}, file_, {});
    EXPECT_TRUE(result) << result.error().message;
    return result ? *result : GateResult{};
  }

  static const Check& check(const GateResult& result, const std::string& name) {
    const auto found = std::find_if(result.checks.begin(), result.checks.end(),
                                    [&](const Check& one) { return one.name == name; });
    EXPECT_NE(found, result.checks.end()) << name;
    static const Check none;
    return found == result.checks.end() ? none : *found;
  }

  static std::vector<std::string> failed(const GateResult& result) {
    std::vector<std::string> names;
    for (const auto& one : result.checks) {
      if (!one.passed) names.push_back(one.name);
    }
    return names;
  }

  hone::testing::TempFolder folder_;
  std::string file_ = folder_.path("held_out.jsonl");
};

TEST_F(Gate, PassesAModelThatLearntWhatPeopleWanted) {
  write_examples();
  const auto result = gate(kHonest);
  EXPECT_TRUE(result.passed) << result.reason();
  EXPECT_EQ(result.reason(), "all checks passed");
  // Four tokens, of which "[house]" is 5.7 nats cheaper.
  EXPECT_NEAR(check(result, "likelihood").value, 5.7 / 4, 1e-9);
  EXPECT_GT(check(result, "similarity").value, 0.3);
  EXPECT_EQ(check(result, "evidence").people, 10);
}

TEST_F(Gate, StopsAModelThatLearntTheFormFromMixedUpAnswers) {
  write_examples();
  TinyModel mixed = kHonest;
  mixed.heeds_prompt = false;
  mixed.house_cost = 0.01;
  const auto result = gate(mixed);
  EXPECT_FALSE(result.passed);
  EXPECT_TRUE(check(result, "likelihood").passed);  // by the form alone
  EXPECT_FALSE(check(result, "relevance").passed);
  EXPECT_NEAR(check(result, "relevance").value, -1, 1e-9);
}

TEST_F(Gate, StopsAModelThatIsTheBaselineOver) {
  write_examples();
  EXPECT_EQ(failed(gate(kBase)), std::vector<std::string>{"likelihood"});
}

TEST_F(Gate, StopsAnswersThatAreEmptyEndlessLongOrShowPlaceholders) {
  write_examples();
  TinyModel odd = kHonest;
  odd.answer = "";
  EXPECT_FALSE(check(gate(odd), "empty").passed);
  odd = kHonest;
  odd.endless = true;
  EXPECT_FALSE(check(gate(odd), "endless").passed);
  odd = kHonest;
  odd.answer = "[house] done $ " + std::string(400, 'x');
  EXPECT_FALSE(check(gate(odd), "length").passed);
  odd = kHonest;
  odd.answer = "[house] done $ <EMAIL:7f3a>";
  EXPECT_EQ(failed(gate(odd)), std::vector<std::string>{"placeholders"});
}

TEST_F(Gate, StopsAModelWhoseAnswersMovedAwayFromWhatPeopleWrote) {
  write_examples();
  TinyModel away = kHonest;
  away.answer = "1 2 3 4 5 6 7 8 9 0";
  const auto result = gate(away);
  EXPECT_FALSE(check(result, "similarity").passed);
  EXPECT_FALSE(result.passed);
}

TEST_F(Gate, RefusesTooLittleEvidenceWithoutAskingAnyModel) {
  write_examples(3, 10);
  EXPECT_EQ(failed(gate(kHonest)), std::vector<std::string>{"evidence"});
  write_examples(10, 2);
  EXPECT_EQ(failed(gate(kHonest)), std::vector<std::string>{"evidence"});
  write_examples(10, 4, false);  // edits whose text nobody gave are no evidence
  EXPECT_EQ(failed(gate(kHonest)), std::vector<std::string>{"evidence"});
  hone::testing::write_all(file_, "");
  const auto result = run_gate(Scorer({.base_url = "http://127.0.0.1:1"}), {"a", "b"}, file_, {});
  ASSERT_TRUE(result);
  EXPECT_FALSE(result->passed);
}

TEST_F(Gate, NamesTheLineOfADamagedFile) {
  write_examples();
  hone::testing::write_all(file_, hone::testing::read_all(file_) + "{\"id\": \"x\"\n");
  const auto result = run_gate(Scorer({.base_url = "http://127.0.0.1:1"}), {"a", "b"}, file_, {});
  ASSERT_FALSE(result);
  EXPECT_NE(result.error().message.find("line 41"), std::string::npos) << result.error().message;
}

TEST_F(Gate, ReadsAnswersThatCallTools) {
  const std::string answer =
      R"({"role":"assistant","content":"Yes.","tool_calls":[{"id":"call_1","type":"function",)"
      R"("function":{"name":"Edit","arguments":"{\"a\":1}"}}]})";
  const std::string rest =
      R"(,"person":"p","prompt":[],"tools":[{"type":"function"}],"original":)" + answer +
      R"(,"final":null,"verdict":)";
  hone::testing::write_all(
      file_, R"({"id":"1")" + rest + "\"accepted\"}\n" + R"({"id":"2")" + rest + "\"rejected\"}\n");
  const auto held_out = read_held_out(file_);
  ASSERT_TRUE(held_out) << held_out.error().message;
  ASSERT_EQ(held_out->size(), 2U);
  const HeldOut& accepted = held_out->at(0);
  EXPECT_EQ(accepted.wanted, "Yes.\nEdit {\"a\":1}");
  EXPECT_EQ(json::serialize(accepted.calling), answer);
  EXPECT_EQ(accepted.tools.size(), 1U);
  EXPECT_FALSE(accepted.edited());
  EXPECT_EQ(held_out->at(1).original, accepted.wanted);
  EXPECT_TRUE(held_out->at(1).wanted.empty() && held_out->at(1).calling.empty());
}

TEST_F(Gate, ErrorsOfTheUpstreamAreErrorsNotRefusals) {
  write_examples();
  TinyModels models({{"base", kBase}});
  EXPECT_FALSE(run_gate(Scorer({.base_url = models.url()}), {"base", "gone"}, file_, {}));
}

TEST_F(Gate, TheSameSeedDrawsTheSamePairsOfOneDomain) {
  write_examples(30, 4);
  const auto plan = make_plan(*read_held_out(file_), {.seed = 5});
  const auto again = make_plan(*read_held_out(file_), {.seed = 5});
  EXPECT_EQ(plan.swaps, again.swaps);
  EXPECT_EQ(plan.examples.size(), kMostExamples);
  EXPECT_EQ(plan.swaps.size(), kMostSwaps);
  EXPECT_EQ(plan.generated.size(), kMostGenerated);
  for (const auto& [a, b] : plan.swaps) {
    EXPECT_NE(a, b);
    EXPECT_EQ(plan.examples[a].domain, plan.examples[b].domain);
    EXPECT_NE(plan.examples[a].wanted, plan.examples[b].wanted);
  }
  EXPECT_NE(make_plan(*read_held_out(file_), {.seed = 6}).swaps, plan.swaps);
}

TEST_F(Gate, EvaluationsAreKeptAndFoundByTheExactPair) {
  auto db = store::Database::open("sqlite:" + folder_.path("hone.db"));
  ASSERT_TRUE(db);
  ASSERT_TRUE((*db)->migrate());
  ManualClock clock(from_millis(1'764'000'000'000));
  IdSource ids(clock, Random(1));
  write_examples();
  auto result = gate(kHonest);
  ASSERT_TRUE(save_evaluation(**db, ids, clock, {"m", "b", "d"}, result));
  clock.advance(std::chrono::seconds(1));
  result.passed = false;
  ASSERT_TRUE(save_evaluation(**db, ids, clock, {"m", "b", "d"}, result));
  const auto found = find_evaluation(**db, "m", "b");
  ASSERT_TRUE(found && *found);
  EXPECT_FALSE((*found)->result.passed);  // the newest
  EXPECT_EQ((*found)->result.checks.size(), result.checks.size());
  EXPECT_EQ((*found)->result.checks[1].note, result.checks[1].note);
  EXPECT_NEAR((*found)->result.checks[1].value, result.checks[1].value, 1e-9);
  EXPECT_FALSE(*find_evaluation(**db, "b", "m"));
  EXPECT_EQ(list_evaluations(**db)->size(), 2U);
}

}  // namespace
}  // namespace hone::evaluate
