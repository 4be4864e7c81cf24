// Limits and prices on the way through the gateway.
#include "capture/gateway_test_support.h"

namespace hone::capture {
namespace {

const std::string kChat = R"({"model":"gpt-x","messages":[{"role":"user","content":"hi"}]})";
const std::string kAnswer =
    R"({"id":"r","choices":[{"index":0,"message":{"role":"assistant","content":"yes"},)"
    R"("finish_reason":"stop"}],"usage":{"prompt_tokens":3000,"completion_tokens":2000,)"
    R"("prompt_tokens_details":{"cached_tokens":1000}}})";

class GatewayLimitsTest : public GatewayTest {
 protected:
  GatewayLimitsTest() {
    stub.body = kAnswer;
    limits = &rules;
    prices.set(Prices("USD", {{"gpt-*", {.input = 2, .output = 10, .cached_input = 0.5}}}));
    recorder_options.limits = limits;
    recorder_options.prices = &prices;
  }
  ~GatewayLimitsTest() override {
    // Before what they charge.
    if (server) server->stop(1s);
    if (recorder) recorder->stop();
  }
  void limit(Measure measure, Period period, std::int64_t amount) {
    LimitRules next = rules.rules();
    next.currency = "USD";
    next.everyone.most.at(measure, period) = amount;
    rules.set_rules(std::move(next));
  }
  std::int64_t used(Measure measure, Period period) {
    return rules.account(Limits::Scope::kPerson, person).used(measure, period, clock.now());
  }
  // A call is charged when it has been recorded, which is after its answer.
  void expect_used(Measure measure, Period period, std::int64_t amount) {
    for (int i = 0; i < 1000 && used(measure, period) != amount; ++i) {
      std::this_thread::sleep_for(5ms);
    }
    EXPECT_EQ(used(measure, period), amount);
  }

  Limits rules{clock};
  Reloadable<Prices> prices;
};

TEST_F(GatewayLimitsTest, RefusesInTheFormatOfTheClient) {
  limit(Measure::kRequests, Period::kMonth, 1);
  start();
  EXPECT_EQ(post("/v1/chat/completions", kChat).status, 200);
  const auto openai = post("/v1/chat/completions", kChat);
  EXPECT_EQ(openai.status, 429);
  EXPECT_FALSE(openai.headers.get("retry-after").empty());
  EXPECT_EQ(openai.headers.get("x-ratelimit-remaining-requests"), "0");
  const auto body = parse_json_object(openai.body).value();
  EXPECT_EQ(body.at("error").at("type"), "rate_limit_error");
  EXPECT_NE(body.at("error").at("message").as_string().find("1 requests of this month"),
            std::string::npos);
  const auto anthropic = post("/v1/messages", kChat);
  EXPECT_EQ(anthropic.status, 429);
  EXPECT_EQ(anthropic.headers.get("anthropic-ratelimit-requests-limit"), "1");
  EXPECT_EQ(parse_json_object(anthropic.body)->at("error").at("type"), "rate_limit_error");
  EXPECT_EQ(stub.seen, 1);
  EXPECT_EQ(fetch(request("GET", "/v1/models")).status, 200) << "no model call";
  EXPECT_EQ(post("/v1/messages/count_tokens", kChat).status, 200) << "costs nothing";
}

TEST_F(GatewayLimitsTest, ChargesTokensAndCostAndRecordsThem) {
  limit(Measure::kTokens, Period::kDay, 5000);
  limit(Measure::kCost, Period::kDay, 1'000'000);
  start();
  EXPECT_EQ(post("/v1/chat/completions", kChat).status, 200);
  const auto interaction = interactions(1)[0];
  EXPECT_EQ(interaction.cached_tokens, 1000);
  EXPECT_DOUBLE_EQ(interaction.cost, (2000 * 2 + 1000 * 0.5 + 2000 * 10) / 1e6);
  expect_used(Measure::kTokens, Period::kDay, 5000);
  expect_used(Measure::kCost, Period::kDay, 24'500);
  EXPECT_EQ(post("/v1/chat/completions", kChat).status, 429);
}

TEST_F(GatewayLimitsTest, ChargesWhatIsNotRecorded) {
  limit(Measure::kTokens, Period::kDay, 5000);
  capture_policy.everyone = people::CaptureLevel::kNothing;
  start();
  EXPECT_EQ(post("/v1/chat/completions", kChat).body, kAnswer);
  expect_used(Measure::kTokens, Period::kDay, 5000);
  EXPECT_TRUE(records().empty());
  EXPECT_EQ(recorder->counters().recorded, 0U);
}

TEST_F(GatewayLimitsTest, EstimatesWhereNobodyCounted) {
  limit(Measure::kTokens, Period::kDay, 1'000'000);
  start();
  stub.body = R"({"id":"r","choices":[{"index":0,"message":{"role":"assistant","content":")" +
              std::string(4000, 'a') + R"("},"finish_reason":"stop"}]})";
  EXPECT_EQ(post("/v1/chat/completions", kChat).status, 200);
  EXPECT_EQ(interactions(1)[0].completion_tokens, 0) << "an estimate is not recorded";
  for (int i = 0; i < 1000 && used(Measure::kTokens, Period::kDay) == 0; ++i) {
    std::this_thread::sleep_for(5ms);
  }
  EXPECT_GT(used(Measure::kTokens, Period::kDay), 1000);
  EXPECT_LT(used(Measure::kTokens, Period::kDay), 1200);
}

TEST_F(GatewayLimitsTest, NamesTheKeyWhereThatIsLimited) {
  start();
  EXPECT_EQ(post("/v1/chat/completions", kChat).status, 200);
  EXPECT_EQ(interactions(1)[0].key, "");
  const auto key_id = directory.find_key(key)->key_id;
  LimitRules next;
  next.keys[key_id].most.at(Measure::kRequests, Period::kDay) = 1;
  rules.set_rules(std::move(next));
  EXPECT_EQ(post("/v1/chat/completions", kChat).status, 200);
  EXPECT_EQ(interactions(2)[1].key, key_id);
  EXPECT_EQ(post("/v1/chat/completions", kChat).status, 429);
}

}  // namespace
}  // namespace hone::capture
