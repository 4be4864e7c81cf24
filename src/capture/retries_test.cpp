// Which call is another attempt at one that came to nothing.
#include "capture/retries.h"

#include "capture/gateway_test_support.h"

namespace hone::capture {
namespace {

using Mode = StubUpstream::Mode;

constexpr const char* kChatPath = "/v1/chat/completions";
const std::string kAsk = R"({"model":"assistant","messages":[{"role":"user","content":"hi"}]})";
const std::string kAnswer =
    R"({"id":"r","choices":[{"index":0,"message":{"role":"assistant","content":"yes"},)"
    R"("finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":2}})";

store::Interaction call(const std::string& id, std::int64_t started_at, std::int64_t status,
                        std::int64_t duration_ms = 100) {
  store::Interaction facts;
  facts.id = id;
  facts.person = "per_1";
  facts.started_at = from_millis(started_at);
  facts.duration_ms = duration_ms;
  facts.status = status;
  return facts;
}

TEST(Retries, ALaterCallOfTheSamePersonNamesTheOneThatFailed) {
  Retries retries;
  const MemoKey body = memo_key("body");
  EXPECT_EQ(retries.earlier(body, call("int_1", 1'000, 500)), "");
  retries.ended(body, call("int_1", 1'000, 500), false);
  EXPECT_EQ(retries.earlier(body, call("int_2", 1'100, 200)), "int_1");
  EXPECT_EQ(retries.earlier(body, call("int_2", 1'099, 200)), "") << "it was under way beside it";
  EXPECT_EQ(retries.earlier(memo_key("other"), call("int_2", 1'100, 200)), "");
  auto somebody = call("int_2", 1'100, 200);
  somebody.person = "per_2";
  EXPECT_EQ(retries.earlier(body, somebody), "");
  const std::int64_t ten_minutes = 600'000;
  EXPECT_EQ(retries.earlier(body, call("int_2", 1'100 + ten_minutes, 200)), "int_1");
  EXPECT_EQ(retries.earlier(body, call("int_2", 1'101 + ten_minutes, 200)), "");
}

TEST(Retries, AreAChainThatEndsWithAnAnswer) {
  Retries retries;
  const MemoKey body = memo_key("body");
  retries.ended(body, call("int_1", 1'000, 529), false);
  auto second = call("int_2", 2'000, 529);
  second.retry_of = retries.earlier(body, second);
  EXPECT_EQ(second.retry_of, "int_1");
  retries.ended(body, second, false);
  auto third = call("int_3", 3'000, 200);
  third.retry_of = retries.earlier(body, third);
  EXPECT_EQ(third.retry_of, "int_2");
  retries.ended(body, third, true);
  EXPECT_EQ(retries.earlier(body, call("int_4", 4'000, 200)), "") << "asked anew";
}

TEST(Retries, AClientThatWentAwayMayBeBackBeforeThatIsNoticed) {
  Retries retries;
  const MemoKey body = memo_key("body");
  retries.ended(body, call("int_1", 1'000, 0, 5'000), false);
  EXPECT_EQ(retries.earlier(body, call("int_2", 5'999, 200)), "int_1");
  EXPECT_EQ(retries.earlier(body, call("int_2", 999, 200)), "");
}

TEST(Retries, KeepNoMoreThanTheirBound) {
  Retries retries(8);
  const auto body = [](int i) { return memo_key(std::to_string(i)); };
  for (int i = 0; i < 100; ++i) {
    retries.ended(body(i), call("int_" + std::to_string(i), 1'000, 500), false);
  }
  int known = 0;
  for (int i = 0; i < 100; ++i) {
    known += retries.earlier(body(i), call("int_x", 2'000, 200)).empty() ? 0 : 1;
  }
  EXPECT_GE(known, 4);
  EXPECT_LE(known, 8);
}

TEST(Retries, WhatCannotBeMendedByAskingAgainIsAnAnswer) {
  for (const int status : {200, 400, 401, 404, 422}) EXPECT_TRUE(was_answered(status, true));
  EXPECT_TRUE(was_answered(400, false)) << "an error, whole or not, is the answer";
  EXPECT_FALSE(was_answered(200, false)) << "a stream that broke off";
  for (const int status : {0, 408, 409, 429, 500, 502, 503, 504, 529}) {
    EXPECT_FALSE(was_answered(status, true)) << status;
  }
}

class GatewayRetriesTest : public GatewayTest {
 protected:
  GatewayRetriesTest() { stub.body = kAnswer; }
  // The interactions, once there are so many: of each the number of the attempt before it, from 0,
  // or -1.
  std::vector<int> chain(std::size_t number) {
    const auto all = interactions(number);
    std::vector<int> found;
    for (const auto& one : all) {
      int before = -1;
      for (std::size_t i = 0; i < all.size(); ++i) {
        if (!one.retry_of.empty() && all[i].id == one.retry_of) before = static_cast<int>(i);
      }
      EXPECT_EQ(before == -1, one.retry_of.empty()) << "it names one that is there";
      found.push_back(before);
    }
    return found;
  }
};

using Chain = std::vector<int>;

TEST_F(GatewayRetriesTest, AfterAnErrorOfTheUpstreamsTheSameBodyIsARetry) {
  start();
  stub.status = 500;
  stub.body = R"({"error":{"message":"overloaded","type":"server_error"}})";
  EXPECT_EQ(post(kChatPath, kAsk).status, 500);
  EXPECT_EQ(chain(1), Chain{-1});
  EXPECT_EQ(post(kChatPath, kAsk).status, 500);
  EXPECT_EQ(chain(2), (Chain{-1, 0}));
  stub.status = 200;
  stub.body = kAnswer;
  EXPECT_EQ(post(kChatPath, kAsk).status, 200);
  EXPECT_EQ(chain(3), (Chain{-1, 0, 1}));
  EXPECT_EQ(post(kChatPath, kAsk).status, 200);
  EXPECT_EQ(chain(4), (Chain{-1, 0, 1, -1})) << "what was answered is asked anew";
}

TEST_F(GatewayRetriesTest, ABodyThatWasAnsweredAndComesAgainIsNone) {
  start();
  post(kChatPath, kAsk);
  interactions(1);
  post(kChatPath, kAsk);
  EXPECT_EQ(chain(2), (Chain{-1, -1}));
  stub.status = 400;
  stub.body = R"({"error":{"message":"no","type":"invalid_request_error"}})";
  post(kChatPath, kAsk);
  interactions(3);
  post(kChatPath, kAsk);
  EXPECT_EQ(chain(4), (Chain{-1, -1, -1, -1})) << "a refusal is an answer";
}

TEST_F(GatewayRetriesTest, AfterItsClientWentAwayTheSameBodyIsARetry) {
  start();
  stub.mode = Mode::kHang;
  {
    net::TestSocket socket(server->port());
    socket.send(raw_post(kChatPath, kAsk));
    while (stub.seen == 0) std::this_thread::sleep_for(1ms);
  }
  EXPECT_EQ(interactions(1)[0].error, "client_gone");
  stub.wait_idle();
  stub.mode = Mode::kAnswer;
  EXPECT_EQ(post(kChatPath, kAsk).status, 200);
  EXPECT_EQ(chain(2), (Chain{-1, 0}));
}

TEST_F(GatewayRetriesTest, AfterAStreamBrokeOffTheSameBodyIsARetry) {
  start();
  const std::string ask =
      R"({"model":"assistant","stream":true,"messages":[{"role":"user","content":"hi"}]})";
  stub.headers = {{"content-type", "text/event-stream"}};
  stub.chunks = {R"(data: {"id":"c","choices":[{"index":0,"delta":{"content":"Hel"}}]})"
                 "\n\n"};
  stub.mode = Mode::kCut;
  {
    net::TestSocket socket(server->port());
    socket.send(raw_post(kChatPath, ask));
    socket.read_all();
  }
  EXPECT_EQ(interactions(1)[0].error, "upstream_cut");
  stub.wait_idle();
  stub.mode = Mode::kStream;  // comes to an end that is none
  post(kChatPath, ask);
  EXPECT_EQ(chain(2), (Chain{-1, 0}));
  stub.wait_idle();
  stub.chunks.emplace_back("data: [DONE]\n\n");
  post(kChatPath, ask);
  EXPECT_EQ(chain(3), (Chain{-1, 0, 1}));
}

TEST_F(GatewayRetriesTest, AnotherBodyOrAnotherPersonIsNone) {
  start();
  people::Roster roster(*database, clock, ids);
  const auto bo = roster.create_key(roster.create_person(named("Bo")).value().id).value().secret;
  ASSERT_TRUE(directory.reload(*database));
  stub.status = 503;
  post(kChatPath, kAsk);
  interactions(1);
  std::string warmer = kAsk;
  warmer.insert(1, R"("temperature":1,)");
  post(kChatPath, warmer);
  interactions(2);
  auto others = request("POST", kChatPath, kAsk);
  others.headers.set("x-api-key", bo);
  fetch(others);
  interactions(3);
  std::string longer = kAsk;
  longer.insert(longer.find(']'), R"(,{"role":"user","content":"and?"})");
  post(kChatPath, longer);
  EXPECT_EQ(chain(4), (Chain{-1, -1, -1, -1}));
}

// Claude Code counts what is billed in a block of the system prompt, which differs in every call.
TEST_F(GatewayRetriesTest, WhatDiffersInEveryCallMakesNoOtherBody) {
  start();
  const auto ask = [](const std::string& billing) {
    return R"({"model":"assistant","max_tokens":9,"system":[{"type":"text","text":)"
           R"("x-anthropic-billing-header: )" +
           billing + R"("},{"type":"text","text":"Be brief."}],"messages":[{"role":"user",)" +
           R"("content":"hi"}]})";
  };
  stub.status = 529;
  stub.body = R"({"type":"error","error":{"type":"overloaded_error","message":"later"}})";
  post("/v1/messages", ask("cch=1"));
  interactions(1);
  post("/v1/messages", ask("cch=2"));
  EXPECT_EQ(chain(2), (Chain{-1, 0}));
}

TEST_F(GatewayRetriesTest, ABodyThatIsReadWholeIsKnownToo) {
  start();
  const std::string ask = R"({"model":"assistant","input":"hi"})";
  stub.status = 503;
  post("/v1/responses", ask);
  interactions(1);
  post("/v1/responses", ask);
  EXPECT_EQ(chain(2), (Chain{-1, 0}));
}

TEST_F(GatewayRetriesTest, OfWhatIsNotCapturedNothingIsCompared) {
  start();
  stub.status = 503;
  auto sent = request("POST", kChatPath, kAsk);
  sent.headers.set("x-api-key", silent_key);
  fetch(sent);
  interactions(1);
  fetch(sent);
  EXPECT_EQ(chain(2), (Chain{-1, -1}));
}

}  // namespace
}  // namespace hone::capture
