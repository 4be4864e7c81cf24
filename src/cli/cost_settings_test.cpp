#include "cli/cost_settings.h"

#include <gtest/gtest.h>

namespace hone::cli {
namespace {

using Changes = std::vector<std::string>;

std::string changed(const people::Allowance& limits, const Changes& changes) {
  const auto done = change_limits(limits, changes);
  return done ? people::limits_text(*done) : done.error().message;
}

TEST(KeyLimits, AreWrittenAsInHoneToml) {
  EXPECT_EQ(changed({}, {}), "");
  EXPECT_EQ(
      changed({}, {"requests_per_minute=60", "cost_per_month=20", "tokens_per_day=1_000_000"}),
      "requests_per_minute=60 tokens_per_day=1000000 cost_per_month=20");
  EXPECT_EQ(changed({}, {"cost_per_day = 0.5"}),
            "a limit is written like requests_per_minute=60, "
            "and 'cost_per_day = 0.5' is not");
}

TEST(KeyLimits, ChangeWhatIsNamedAndLeaveTheRest) {
  const auto before = change_limits({}, {"requests_per_minute=60", "cost_per_month=20.25"}).value();
  EXPECT_EQ(changed(before, {"cost_per_month=5"}), "requests_per_minute=60 cost_per_month=5");
  EXPECT_EQ(changed(before, {"requests_per_minute=none", "tokens_per_day=0"}),
            "tokens_per_day=0 cost_per_month=20.25");
  EXPECT_EQ(changed(before, {"tokens_per_day=none"}), people::limits_text(before));
}

TEST(KeyLimits, AreRefusedAsHoneTomlRefusesThem) {
  EXPECT_EQ(changed({}, {"request_per_minute=1"}),
            "limits: line 1: unknown field 'request_per_minute'; did you mean "
            "'requests_per_minute'?");
  EXPECT_EQ(changed({}, {"requests_per_day=1", "tokens_per_day=-1"}),
            "limits: line 2: 'tokens_per_day' must be 0 or more");
  EXPECT_EQ(changed({}, {"cost_per_day=-1"}), "limits: line 1: 'cost_per_day' must be 0 to 1e9");
  EXPECT_EQ(changed({}, {"requests_per_day=many"}).substr(0, 16), "limits: line 1: ");
  EXPECT_EQ(changed({}, {"requests_per_day=1.5"}),
            "limits: line 1: 'requests_per_day' must be a whole number");
  EXPECT_EQ(changed({}, {"requests_per_hour=none"}).substr(0, 45),
            "limits: line 1: unknown field 'requests_per_h");
  for (const std::string& bad :
       {std::string("requests_per_day"), std::string("=1"), std::string(),
        std::string("\"requests_per_day\"=1"), std::string("limit.requests_per_day=1"),
        std::string("requests_per_day=1\ntokens_per_day=1")}) {
    EXPECT_TRUE(changed({}, {bad}).starts_with("a limit is written like")) << bad;
  }
  EXPECT_EQ(change_limits({}, {"cost_per_day=1", "cost_per_day=none"}).error().code,
            ErrorCode::kInvalid)
      << "one or the other";
}

}  // namespace
}  // namespace hone::cli
