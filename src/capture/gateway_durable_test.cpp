// What a tool has in hand is on disk, where the settings say so, and what there is no room for.
#include "capture/gateway_test_support.h"
#include "support/faulty_files.h"
#include "support/gated_files.h"

namespace hone::capture {
namespace {

using Mode = StubUpstream::Mode;

const std::string kAsk =
    R"({"model":"m","stream":true,"messages":[{"role":"user","content":"hi"}]})";
const std::string kAnswer =
    R"({"id":"r","choices":[{"index":0,"message":{"role":"assistant","content":"yes"},)"
    R"("finish_reason":"stop"}]})";

class DurableTest : public GatewayTest {
 protected:
  DurableTest() {
    files = &gated;
    // Of the calls under way, which are kept in a file that no gate or fault concerns.
    EXPECT_TRUE(posix_files().make_folder(directory_folder->path("outbox")));
    stub.body = kAnswer;
    recorder_options.before_answer = true;
    recorder_options.commit_patience = 5s;
  }
  ~DurableTest() override {
    gated.open_gate();
    if (server) server->stop(1s);
    if (recorder) recorder->stop();
    outbox.reset();  // before its files
  }
  void stream() {
    stub.mode = Mode::kStream;
    stub.headers = {{"content-type", "text/event-stream"}};
    stub.chunks = {"data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"yes\"}}]}\n\n",
                   "data: [DONE]\n\n"};
  }
  // Asks, and lets the upstream end its stream when its first chunk has come through.
  void ask_for_stream(net::TestSocket& socket) {
    stub.allowed = 1;
    socket.send(raw_post("/v1/chat/completions", kAsk));
    socket.read_until("\"yes\"");
    stub.allowed = 1'000;
  }

  test::FaultyFiles faulty{1};
  test::GatedFiles gated{faulty};
};

TEST_F(DurableTest, TheEndOfAStreamWaitsForTheCommit) {
  start();
  stream();
  gated.close_gate();
  net::TestSocket socket(server->port());
  ask_for_stream(socket);
  std::this_thread::sleep_for(200ms);  // in which more could come
  const auto so_far = socket.read_ready();
  EXPECT_EQ(so_far.find("[DONE]"), std::string::npos) << "a client takes this for the end";
  EXPECT_FALSE(so_far.ends_with("0\r\n\r\n"));
  gated.open_gate();
  EXPECT_NE(socket.read_until("0\r\n\r\n").find("data: [DONE]\n\n\r\n0\r\n\r\n"),
            std::string::npos);
  EXPECT_EQ(recorder->counters().recorded, 1U);
  EXPECT_EQ(outbox->status().durable_position, outbox->status().last_position);
  const auto interaction = interactions(1)[0];
  EXPECT_EQ(interaction.status, 200);
  EXPECT_EQ(interaction.content, "stored");
  EXPECT_EQ(interaction.error, "");
}

TEST_F(DurableTest, OfAnAnswerInOnePieceNothingComesBeforeTheCommit) {
  start();
  gated.close_gate();
  net::TestSocket socket(server->port());
  socket.send(raw_post("/v1/chat/completions", kAsk));
  for (int i = 0; i < 1000 && stub.seen == 0; ++i) std::this_thread::sleep_for(5ms);
  std::this_thread::sleep_for(200ms);
  EXPECT_EQ(socket.read_ready(), "");
  gated.open_gate();
  EXPECT_NE(socket.read_until("\"yes\"").find("HTTP/1.1 200 OK"), std::string::npos);
  EXPECT_EQ(recorder->counters().recorded, 1U);
}

TEST_F(DurableTest, ErrorsOfOurOwnWaitToo) {
  start();
  stub.mode = Mode::kDie;
  EXPECT_EQ(post("/v1/chat/completions", kAsk).status, 502);
  EXPECT_EQ(recorder->counters().recorded, 1U) << "at once, not a moment later";
  EXPECT_EQ(interactions(1)[0].status, 502);
}

TEST_F(DurableTest, WhereTheSyncFailsTheAnswerEndsAndIsCounted) {
  start();
  EXPECT_EQ(post("/v1/chat/completions", kAsk).status, 200);
  faulty.fail_operation(2, ErrorCode::kIo, true);  // it is written, but not synced
  EXPECT_EQ(post("/v1/chat/completions", kAsk).body, kAnswer);
  EXPECT_TRUE(outbox->fenced());
  EXPECT_EQ(recorder->counters().unrecorded, 1U);
  EXPECT_EQ(recorder->counters().not_synced, 1U);
  EXPECT_EQ(post("/v1/chat/completions", kAsk).body, kAnswer) << "tools go on working";
}

TEST_F(DurableTest, ADiskThatHangsHoldsUpNoAnswerForLong) {
  recorder_options.commit_patience = 100ms;
  start();
  gated.close_gate();
  EXPECT_EQ(post("/v1/chat/completions", kAsk).body, kAnswer);
  EXPECT_EQ(recorder->counters().not_synced, 1U);
}

TEST_F(DurableTest, WhereNothingMayPassUnrecordedTheAnswerIsBrokenOff) {
  recorder_options.refuse_when_full = true;
  start();
  stream();
  faulty.fail_operation(2, ErrorCode::kIo, true);
  net::TestSocket socket(server->port());
  ask_for_stream(socket);
  const auto answer = socket.read_all();
  EXPECT_NE(answer.find("\"yes\""), std::string::npos);
  EXPECT_EQ(answer.find("[DONE]"), std::string::npos);
  const auto refused = post("/v1/chat/completions", kAsk);
  EXPECT_EQ(refused.status, 503) << "and the next is not even asked";
  EXPECT_EQ(stub.seen, 1);
}

TEST_F(DurableTest, AfterTheAnswerNobodyWaitsWhereTheSettingsDoNotSaySo) {
  recorder_options.before_answer = false;
  start();
  gated.close_gate();
  EXPECT_EQ(post("/v1/chat/completions", kAsk).body, kAnswer);
}

TEST_F(DurableTest, AFullOutboxRefusesNewCallsWhereTheSettingsSaySo) {
  recorder_options.before_answer = false;
  recorder_options.refuse_when_full = true;
  outbox_options.max_total_bytes = 1;
  start();
  const auto openai = post("/v1/chat/completions", kAsk);
  EXPECT_EQ(openai.status, 503);
  EXPECT_EQ(openai.headers.get("retry-after"), "10");
  EXPECT_EQ(parse_json_object(openai.body)->at("error").at("type"), "server_error");
  const auto anthropic = parse_json_object(post("/v1/messages", kAsk).body).value();
  EXPECT_EQ(anthropic.at("type"), "error");
  EXPECT_NE(anthropic.at("error").at("message").as_string().find("outbox"), std::string::npos);
  EXPECT_EQ(stub.seen, 0);
  EXPECT_EQ(recorder->counters().refused, 2U);
  EXPECT_EQ(fetch(request("GET", "/v1/models")).status, 200) << "which is not recorded anyway";
}

TEST_F(DurableTest, AFullDiskRefusesNewCallsUntilThereIsRoom) {
  recorder_options.before_answer = false;
  recorder_options.refuse_when_full = true;
  start();
  faulty.fail_operation(1, ErrorCode::kUnavailable);
  EXPECT_EQ(post("/v1/chat/completions", kAsk).status, 200) << "it had begun";
  for (int i = 0; i < 1000 && recorder->counters().unrecorded == 0; ++i) {
    std::this_thread::sleep_for(5ms);
  }
  EXPECT_EQ(post("/v1/chat/completions", kAsk).status, 503);
  int status = 503;
  for (int i = 0; i < 500 && status == 503; ++i) {
    std::this_thread::sleep_for(20ms);
    status = post("/v1/chat/completions", kAsk).status;
  }
  EXPECT_EQ(status, 200) << "somebody tried again";
}

}  // namespace
}  // namespace hone::capture
