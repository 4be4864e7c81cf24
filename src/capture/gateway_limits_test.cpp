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

TEST_F(GatewayLimitsTest, TellsWithEachAnswerWhereTheLimitsStand) {
  limit(Measure::kRequests, Period::kMonth, 10);
  limit(Measure::kTokens, Period::kMonth, 1'000'000);
  start();
  const auto openai = post("/v1/chat/completions", kChat);
  EXPECT_EQ(openai.status, 200);
  EXPECT_EQ(openai.headers.get("x-ratelimit-limit-requests"), "10");
  EXPECT_EQ(openai.headers.get("x-ratelimit-remaining-requests"), "9");
  EXPECT_FALSE(openai.headers.get("x-ratelimit-reset-requests").empty());
  EXPECT_EQ(openai.headers.get("x-ratelimit-limit-tokens"), "1000000");
  EXPECT_EQ(openai.headers.get("x-ratelimit-remaining-tokens"), "1000000")
      << "of this answer nothing is known yet";
  EXPECT_FALSE(openai.headers.has("retry-after"));
  expect_used(Measure::kTokens, Period::kMonth, 5000);
  const auto responses = post("/v1/responses", R"({"model":"gpt-x","input":"hi"})");
  EXPECT_EQ(responses.headers.get("x-ratelimit-remaining-requests"), "8");
  EXPECT_EQ(responses.headers.get("x-ratelimit-remaining-tokens"), "995000");
  const auto anthropic = post("/v1/messages", kChat);
  EXPECT_EQ(anthropic.headers.get("anthropic-ratelimit-requests-limit"), "10");
  EXPECT_EQ(anthropic.headers.get("anthropic-ratelimit-requests-remaining"), "7");
  const auto reset = parse_time(anthropic.headers.get("anthropic-ratelimit-requests-reset"));
  ASSERT_TRUE(reset) << reset.error().message;
  EXPECT_GT(*reset, clock.now());
  EXPECT_FALSE(anthropic.headers.has("x-ratelimit-limit-requests"));
  // What limits do not count says nothing of them.
  EXPECT_FALSE(
      post("/v1/messages/count_tokens", kChat).headers.has("anthropic-ratelimit-requests-limit"));
  EXPECT_FALSE(fetch(request("GET", "/v1/models")).headers.has("x-ratelimit-limit-requests"));
}

TEST_F(GatewayLimitsTest, ItsOwnTakeThePlaceOfTheUpstreamsFieldsOfTheSameNames) {
  limit(Measure::kRequests, Period::kMonth, 10);
  start();
  stub.headers = {{"X-RateLimit-Remaining-Requests", "4000"},
                  {"x-ratelimit-reset-requests", "1s"},
                  {"x-ratelimit-remaining-tokens", "30000"},
                  {"x-other", "kept"}};
  const auto answer = post("/v1/chat/completions", kChat);
  std::size_t remaining = 0;
  for (const auto& field : answer.headers) {
    remaining += net::same_name(field.name, "x-ratelimit-remaining-requests") ? 1 : 0;
  }
  EXPECT_EQ(remaining, 1U);
  EXPECT_EQ(answer.headers.get("x-ratelimit-remaining-requests"), "9");
  EXPECT_NE(answer.headers.get("x-ratelimit-reset-requests"), "1s");
  EXPECT_EQ(answer.headers.get("x-ratelimit-remaining-tokens"), "30000")
      << "nothing here limits tokens, so the upstream's word on them stands";
  EXPECT_EQ(answer.headers.get("x-other"), "kept");
}

TEST_F(GatewayLimitsTest, WithoutALimitTheUpstreamsFieldsPassAsTheyAre) {
  limit(Measure::kCost, Period::kMonth, 1'000'000);  // which no field tells
  start();
  stub.headers = {{"X-RateLimit-Remaining-Requests", "4000"}, {"retry-after", "3"}};
  const auto limited = post("/v1/chat/completions", kChat);
  rules.set_rules({});
  const auto free = post("/v1/chat/completions", kChat);
  for (const auto& answer : {limited, free}) {
    std::string fields;
    for (const auto& field : answer.headers) {
      const bool of_limits = field.name.find("atelimit") != std::string::npos ||
                             field.name.find("ateLimit") != std::string::npos;
      if (of_limits) fields += field.name + ": " + field.value + "\n";
    }
    EXPECT_EQ(fields, "X-RateLimit-Remaining-Requests: 4000\n");
    EXPECT_EQ(answer.headers.get("retry-after"), "3");
  }
}

TEST_F(GatewayLimitsTest, TellsTheLimitsWithAStreamTranslatedOrNot) {
  limit(Measure::kRequests, Period::kMonth, 10);
  upstream.wires = {wire::Format::kOpenAIChat};
  start();
  stub.mode = StubUpstream::Mode::kStream;
  stub.headers = {{"content-type", "text/event-stream"}};
  stub.chunks = {R"(data: {"id":"c","choices":[{"index":0,"delta":{"content":"Hello."},)"
                 R"("finish_reason":"stop"}]})"
                 "\n\n",
                 "data: [DONE]\n\n"};
  const auto plain =
      post("/v1/chat/completions", R"({"model":"assistant","stream":true,"messages":[)"
                                   R"({"role":"user","content":"hi"}]})");
  EXPECT_EQ(plain.headers.get("x-ratelimit-remaining-requests"), "9");
  const auto translated =
      post("/v1/messages", R"({"model":"assistant","stream":true,"max_tokens":9,"messages":[)"
                           R"({"role":"user","content":"hi"}]})");
  EXPECT_EQ(translated.status, 200);
  EXPECT_NE(translated.body.find("Hello."), std::string::npos);
  EXPECT_EQ(translated.headers.get("anthropic-ratelimit-requests-remaining"), "8");
  stub.mode = StubUpstream::Mode::kAnswer;
  stub.headers = {};
  const auto whole = post("/v1/messages", R"({"model":"assistant","max_tokens":9,"messages":[)"
                                          R"({"role":"user","content":"hi"}]})");
  EXPECT_EQ(whole.status, 200);
  EXPECT_EQ(whole.headers.get("anthropic-ratelimit-requests-remaining"), "7");
}

TEST_F(GatewayLimitsTest, TellsTheLimitsWithAnswersOfItsOwnToo) {
  limit(Measure::kRequests, Period::kMonth, 10);
  start();
  const auto unknown =
      post("/v1/chat/completions", R"({"messages":[{"role":"user","content":"hi"}]})");
  EXPECT_EQ(unknown.status, 400);
  EXPECT_EQ(unknown.headers.get("x-ratelimit-remaining-requests"), "9");
  stub.mode = StubUpstream::Mode::kDie;
  const auto failed = post("/v1/messages", kChat);
  EXPECT_EQ(failed.status, 502);
  EXPECT_EQ(failed.headers.get("anthropic-ratelimit-requests-remaining"), "8");
  auto stranger = request("POST", "/v1/chat/completions", kChat);
  stranger.headers.set("x-api-key", "hone_sk_wrong");
  EXPECT_FALSE(fetch(stranger).headers.has("x-ratelimit-limit-requests"));
}

TEST_F(GatewayLimitsTest, AKeysOwnLimitComesWithTheKey) {
  start();
  const auto key_id = directory.find_key(key)->key_id;
  people::Roster roster(*database, clock, ids);
  EXPECT_FALSE(post("/v1/chat/completions", kChat).headers.has("x-ratelimit-limit-requests"));
  Allowance own;
  own.most.at(Measure::kRequests, Period::kMonth) = 1;
  ASSERT_TRUE(roster.set_key_limits(key_id, own));
  ASSERT_TRUE(directory.reload(*database));
  const auto answer = post("/v1/chat/completions", kChat);
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.headers.get("x-ratelimit-remaining-requests"), "0");
  EXPECT_EQ(interactions(2)[1].key, key_id);
  const auto refused = post("/v1/chat/completions", kChat);
  EXPECT_EQ(refused.status, 429);
  EXPECT_NE(refused.body.find("this key has used the 1 requests of this month"), std::string::npos);
  ASSERT_TRUE(roster.set_key_limits(key_id, {}));
  ASSERT_TRUE(directory.reload(*database));
  EXPECT_EQ(post("/v1/chat/completions", kChat).status, 200);
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
