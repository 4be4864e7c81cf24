// Which upstream a call goes to where its own does not answer, and what is told of it.
#include "capture/gateway_test_support.h"

namespace hone::capture {
namespace {

using Mode = StubUpstream::Mode;

const std::string kCall = R"({"model":"assistant","messages":[{"role":"user","content":"hi"}]})";
const std::string kAnswer =
    R"({"id":"r","choices":[{"index":0,"message":{"role":"assistant","content":"yes"},)"
    R"("finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":2}})";

class OrderTest : public GatewayTest {
 protected:
  OrderTest() {
    second.body = kAnswer;
    Upstream other;
    other.name = "second";
    other.url = net::parse_url("http://127.0.0.1:" + std::to_string(second.port())).value();
    other.wires = upstream.wires;
    other.api_key = "sk-second";
    more_upstreams = {other};
    fallbacks["assistant"] = {{.upstream = "second", .model = "stand-in"}};
  }
  ~OrderTest() override {
    if (server) server->stop(1s);
    second.stop();
  }
  net::Response call() { return post("/v1/chat/completions", kCall); }
  [[nodiscard]] const UpstreamHealth& health_of(const std::string& name) const {
    return *upstreams.find(name)->health;
  }

  StubUpstream second{runtime};
};

TEST_F(OrderTest, TheFirstAnswersWhileItIsWell) {
  start();
  stub.body = kAnswer;
  EXPECT_EQ(call().body, kAnswer);
  EXPECT_EQ(second.seen, 0);
  EXPECT_EQ(interactions(1)[0].arm, "canary");
  EXPECT_EQ(health_of("stub").counters.calls, 1U);
}

TEST_F(OrderTest, AnErrorGoesNoFurtherThanToTheNext) {
  start();
  stub.status = 503;
  stub.body = "overloaded";
  const auto answer = call();
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, kAnswer);
  EXPECT_NE(second.last().body.find("\"stand-in\""), std::string::npos);
  EXPECT_EQ(second.last().headers.get("authorization"), "Bearer sk-second");
  EXPECT_FALSE(second.last().headers.has("x-api-key"));
  const auto interaction = interactions(1)[0];
  EXPECT_EQ(interaction.upstream, "second");
  EXPECT_EQ(interaction.model, "stand-in");
  EXPECT_EQ(interaction.alias, "assistant");
  EXPECT_EQ(interaction.arm, "") << "another model's answer is no evidence for this one";
  EXPECT_EQ(interaction.release, "");
  EXPECT_EQ(interaction.propensity, 1);
  EXPECT_FALSE(interaction.trainable);
  EXPECT_EQ(interaction.error, "");
  EXPECT_EQ(interaction.completion_tokens, 2);
  EXPECT_EQ(health_of("stub").counters.errors, 1U);
  EXPECT_EQ(health_of("second").counters.stood_in, 1U);
}

TEST_F(OrderTest, WhatRefusesConnectionsOrDiesIsPassedToTheNext) {
  start();
  stub.mode = Mode::kDie;
  EXPECT_EQ(call().body, kAnswer);
  stub.stop();
  EXPECT_EQ(call().body, kAnswer);
  EXPECT_EQ(second.seen, 2);
  EXPECT_EQ(health_of("stub").counters.unreachable, 2U);
  EXPECT_EQ(gateway->counters().upstream_unreachable, 0U) << "the tool saw nothing of it";
}

TEST_F(OrderTest, WhatIsSilentTooLongIsPassedToTheNext) {
  upstream.first_byte_timeout = 100ms;
  start();
  stub.mode = Mode::kHang;
  EXPECT_EQ(call().body, kAnswer);
  EXPECT_EQ(health_of("stub").counters.timeouts, 1U);
}

TEST_F(OrderTest, WhatHasBegunIsNotAskedAgainElsewhere) {
  start();
  stub.mode = Mode::kCut;
  stub.headers = {{"content-type", "text/event-stream"}};
  stub.chunks = {"data: {}\n\n"};
  net::TestSocket socket(server->port());
  socket.send(raw_post("/v1/chat/completions", kCall));
  EXPECT_FALSE(socket.read_all().ends_with("0\r\n\r\n"));
  EXPECT_EQ(interactions(1)[0].error, "upstream_cut");
  EXPECT_EQ(second.seen, 0);
}

TEST_F(OrderTest, TheCallersMistakesAreNoReasonToAskAnother) {
  start();
  for (const int status : {400, 401, 404, 429}) {
    stub.status = status;
    EXPECT_EQ(call().status, status);
  }
  EXPECT_EQ(second.seen, 0);
  EXPECT_TRUE(health_of("stub").usable(clock.now()));
}

TEST_F(OrderTest, TheLastOnesErrorReachesTheTool) {
  start();
  stub.status = 500;
  second.status = 529;
  second.body = "busy";
  const auto answer = call();
  EXPECT_EQ(answer.status, 529);
  EXPECT_EQ(answer.body, "busy");
  second.stop();
  EXPECT_EQ(call().status, 502);
}

TEST_F(OrderTest, WhatFailsAgainAndAgainIsPassedOverForATime) {
  start();
  stub.status = 500;
  for (int i = 0; i < 5; ++i) EXPECT_EQ(call().status, 200);
  EXPECT_EQ(stub.seen, 5);
  EXPECT_TRUE(health_of("stub").resting());
  EXPECT_EQ(call().status, 200);
  EXPECT_EQ(stub.seen, 5) << "it rests";
  EXPECT_EQ(health_of("stub").counters.passed_over, 1U);
  second.stop();
  EXPECT_EQ(call().status, 500) << "and is asked all the same where nobody else is left";
}

TEST_F(OrderTest, AnUpstreamOfAnotherFormatStandsInTranslated) {
  more_upstreams[0].wires = {wire::Format::kAnthropicMessages};
  start();
  stub.status = 500;
  second.body =
      R"({"id":"msg_1","type":"message","role":"assistant","model":"stand-in","content":)"
      R"([{"type":"text","text":"yes"}],"stop_reason":"end_turn","usage":{"input_tokens":3,)"
      R"("output_tokens":2}})";
  const auto answer = call();
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(second.last().target, "/v1/messages");
  const auto body = parse_json_object(answer.body).value();
  EXPECT_EQ(body.at("choices").as_array()[0].at("message").at("content"), "yes");
  const auto interaction = interactions(1)[0];
  EXPECT_EQ(interaction.upstream, "second");
  EXPECT_EQ(interaction.content, "stored");
  EXPECT_EQ(interaction.completion_tokens, 2);
  EXPECT_EQ(post("/v1/messages/count_tokens", kCall).status, 200) << "which it can count itself";
  EXPECT_EQ(post("/v1/responses/input_tokens", kCall).status, 500) << "which nobody else can";
}

TEST_F(OrderTest, ATranslatedCallGoesUntranslatedToWhoSpeaksItsFormat) {
  upstream.wires = {wire::Format::kAnthropicMessages};
  start();
  stub.status = 529;
  EXPECT_EQ(call().body, kAnswer);
  EXPECT_EQ(stub.last().target, "/v1/messages");
  EXPECT_EQ(second.last().target, "/v1/chat/completions");
  std::string expected = kCall;
  expected.replace(expected.find("assistant"), 9, "stand-in");
  EXPECT_EQ(second.last().body, expected);
  EXPECT_EQ(interactions(1)[0].upstream, "second");
}

TEST_F(OrderTest, CountsGoTheSameWay) {
  start();
  stub.status = 500;
  second.body = R"({"input_tokens":3})";
  EXPECT_EQ(post("/v1/messages/count_tokens", kCall).body, second.body);
}

TEST_F(OrderTest, NewUpstreamsAndFallbacksServeTheNextCall) {
  fallbacks.clear();
  start();
  stub.status = 500;
  EXPECT_EQ(call().status, 500);
  auto all = upstreams.all();
  upstreams.replace(Upstreams::create({all[0]}).value());
  Fallbacks next;
  next["assistant"] = {{.upstream = "second", .model = ""}};
  gateway->set_fallbacks(next);
  EXPECT_EQ(call().status, 500) << "there is no such upstream any more";
  all[0].health = nullptr;
  upstreams.replace(Upstreams::create(all).value());
  EXPECT_EQ(call().status, 200);
  EXPECT_NE(second.last().body.find("\"sha-1\""), std::string::npos) << "the same model's name";
  EXPECT_EQ(health_of("stub").counters.calls, 3U) << "its counters outlive a reload";
}

}  // namespace
}  // namespace hone::capture
