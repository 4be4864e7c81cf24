#include "cli/live_settings.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "store/rows.h"
#include "support/databases.h"

namespace hone::cli {
namespace {

using Fields = std::vector<std::string>;

Settings parsed(const std::string& text) {
  return parse_settings(text, "hone.toml").value();
}

constexpr const char* kUpstream =
    "[[upstream]]\nname = \"a\"\nurl = \"http://127.0.0.1:1\"\nwires = [\"openai-chat\"]\n";

TEST(LiveSettings, AreMadeOrRefusedAsAWhole) {
  const std::string alias = "[alias.x]\nupstream = \"a\"\nmodel = \"m\"\n";
  const auto good = make_live(parsed(kUpstream + alias + "fallback = [\"a/other\"]\n"));
  ASSERT_TRUE(good) << good.error().message;
  EXPECT_EQ(good->fallbacks.at("x").at(0).model, "other");
  EXPECT_EQ(good->tls, nullptr);
  const auto message = [](const std::string& text) {
    return make_live(parsed(text)).error().message;
  };
  EXPECT_EQ(message(kUpstream + alias + "fallback = [\"b\"]\n"),
            "alias 'x': its fallback 'b' names no upstream that is set up");
  EXPECT_NE(message(std::string(kUpstream) + kUpstream).find("given twice"), std::string::npos);
  EXPECT_NE(message(std::string(kUpstream) + "key_env = \"HONE_NO_SUCH_VARIABLE\"\n")
                .find("HONE_NO_SUCH_VARIABLE"),
            std::string::npos);
  EXPECT_NE(message("[ci]\ngitlab_token_env = \"HONE_NO_SUCH_TOKEN\"\n").find("HONE_NO_SUCH_TOKEN"),
            std::string::npos);
  ::setenv("HONE_SHORT_TOKEN_OF_A_TEST", "short", 1);
  EXPECT_NE(
      message("[ci]\ngitlab_token_env = \"HONE_SHORT_TOKEN_OF_A_TEST\"\n").find("16 characters"),
      std::string::npos);
  EXPECT_EQ(make_live(parsed("[ci]\ngitlab_token = \"sixteen or more of them\"\n"))->ci.gitlab,
            "sixteen or more of them");
  EXPECT_NE(message("[server]\ntls_certificate = \"/no/c.pem\"\ntls_key = \"/no/k.pem\"\n")
                .find("/no/c.pem"),
            std::string::npos);
}

TEST(LiveSettings, SayWhatCountsAfterARestartOnly) {
  const auto changed = [](const std::string& text) {
    return need_restart(parsed(""), parsed(text));
  };
  EXPECT_EQ(changed(std::string(kUpstream) + "[limit.everyone]\nrequests_per_day = 1\n"), Fields());
  EXPECT_EQ(changed("data = \"d\"\n[server]\nlisten = \"1\"\n[capture]\nwhen_full = \"refuse\"\n"),
            (Fields{"data", "server.listen", "capture"}));
  EXPECT_EQ(changed("[store]\ncompress = false\n"), Fields{"store"});
  EXPECT_EQ(changed("[telemetry]\ngrpc = \"4317\"\n"), Fields{"telemetry.grpc"});
  EXPECT_EQ(changed("[server]\ntls_certificate = \"c\"\ntls_key = \"k\"\n"),
            Fields{"server.tls_certificate"});
}

class CurrencyBoth : public test::OnBothDatabases {};

TEST_P(CurrencyBoth, StaysWhereThereAreCosts) {
  const auto db = open();
  const auto settle = [&](const char* currency) {
    return settle_currency(*db, capture::Prices(currency, {{"m", {.input = 1}}}));
  };
  EXPECT_TRUE(settle("USD"));
  EXPECT_TRUE(settle("EUR")) << "nothing has cost anything yet";
  store::Interaction paid;
  paid.id = "int_1";
  paid.cost = 0.5;
  ASSERT_TRUE(store::write_record(*db, {.kind = store::RecordKind::kInteraction,
                                        .id = paid.id,
                                        .payload = store::to_payload(paid)}));
  EXPECT_TRUE(settle("EUR"));
  const auto refused = settle("USD");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kConflict);
  EXPECT_NE(refused.error().message.find("EUR"), std::string::npos);
  EXPECT_TRUE(settle_currency(*db, capture::Prices())) << "without prices there is none";
}

INSTANTIATE_TEST_SUITE_P(Databases, CurrencyBoth, test::both_databases(), test::database_name);

}  // namespace
}  // namespace hone::cli
