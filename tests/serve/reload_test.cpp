// The real program: SIGHUP takes new settings and certificates without dropping a connection, and
// refuses bad ones; what commands write beside it counts soon. kill -9 in mid-answer is told at the
// next start.
#include <gtest/gtest.h>
#include <signal.h>

#include <thread>

#include "base/hash.h"
#include "base/json.h"
#include "net/tls_test_support.h"
#include "serve/serve_fixture.h"

namespace hone::serve_test {
namespace {

using namespace std::chrono_literals;

TEST_F(Serve, TakesNewSettingsWithoutDroppingAConnection) {
  Upstream first;
  Upstream second;
  write_settings("", first.url());
  start();
  EXPECT_EQ(call(), 200);
  ASSERT_TRUE(lists_an_interaction());
  first.hold = true;
  net::TestSocket socket(port_);
  socket.send(raw_call());
  for (int i = 0; i < 1000 && first.seen < 2; ++i) std::this_thread::sleep_for(5ms);
  write_settings("[price.m]\ninput = 1\noutput = 1\n[limit.everyone]\nrequests_per_day = 3\n",
                 second.url());
  hang_up();
  ASSERT_TRUE(metrics_say("hone_reloads_total{result=\"taken\"} 1"));
  EXPECT_EQ(call(), 200);
  EXPECT_EQ(second.seen, 1) << "a new call goes to the new place";
  first.hold = false;
  EXPECT_NE(socket.read_until("\"yes\"").find("200 OK"), std::string::npos)
      << "what had begun ends as it began";
  socket.forget();
  socket.send(raw_call());
  EXPECT_NE(socket.read_until("\"yes\"").find("200 OK"), std::string::npos) << "on its connection";
  EXPECT_EQ(second.seen, 2);

  write_settings("[limit.everyone]\nrequests_per_day = \"many\"\n", first.url());
  hang_up();
  ASSERT_TRUE(metrics_say("hone_reloads_total{result=\"refused\"} 1"));
  EXPECT_NE(log().find("'limit.everyone.requests_per_day' must be a whole number"),
            std::string::npos);
  EXPECT_EQ(call(), 429) << "the limit of before holds, and counts what was before it";
  EXPECT_EQ(second.seen, 2);
}

TEST_F(Serve, ShowsARenewedCertificate) {
  Upstream upstream;
  const auto put = [this](const net::Certificate& certificate) {
    hone::testing::write_all(folder_.path("cert.pem"), certificate.certificate_pem);
    hone::testing::write_all(folder_.path("key.pem"), certificate.key_pem);
  };
  const auto shown = [this] { return net::TlsSocket(port_).certificate(); };
  const auto first = net::make_certificate();
  put(first);
  const std::string server = "tls_certificate = \"" + folder_.path("cert.pem") +
                             "\"\ntls_key = \"" + folder_.path("key.pem") + "\"\n";
  write_settings("", upstream.url(), server);
  start();
  EXPECT_EQ(shown(), first.certificate_pem);
  net::TlsSocket old(port_);
  const auto second = net::make_certificate();
  put(second);
  hang_up();
  for (int i = 0; i < 500 && shown() != second.certificate_pem; ++i) {
    std::this_thread::sleep_for(20ms);
  }
  EXPECT_EQ(shown(), second.certificate_pem);
  hone::testing::write_all(folder_.path("cert.pem"), "no PEM");
  hang_up();
  for (int i = 0; i < 500 && log().find("are refused") == std::string::npos; ++i) {
    std::this_thread::sleep_for(20ms);
  }
  EXPECT_NE(log().find("cert.pem"), std::string::npos);
  EXPECT_EQ(shown(), second.certificate_pem);
  old.send(raw_call());
  EXPECT_NE(old.read_until("\"yes\"").find("200 OK"), std::string::npos);
}

TEST_F(Serve, TellsWhatAKillCutOff) {
  Upstream upstream;
  write_settings("", upstream.url());
  start();
  upstream.hold = true;
  net::TestSocket socket(port_);
  socket.send(raw_call());
  for (int i = 0; i < 1000 && upstream.seen < 1; ++i) std::this_thread::sleep_for(5ms);
  ::kill(process_->pid(), SIGKILL);
  static_cast<void>(process_->wait());
  upstream.hold = false;
  start();
  EXPECT_TRUE(metrics_say("hone_interactions_cut_off_total 1"));
  EXPECT_NE(log().find("1 interactions were cut off"), std::string::npos);
  const auto page = parse_json(get("/api/v1/interactions").body).value();
  EXPECT_NE(json::serialize(page).find("\"content\":\"cut\""), std::string::npos);
}

TEST_F(Serve, CountsADaysUseOverARestart) {
  Upstream upstream;
  const std::string limit = "[limit.everyone]\nrequests_per_month = 2\n";
  write_settings(limit, upstream.url());
  start();
  EXPECT_EQ(call(), 200);
  EXPECT_EQ(call(), 200);
  EXPECT_EQ(call(), 429);
  process_->terminate(10s);
  start();
  EXPECT_EQ(call(), 429);
  EXPECT_TRUE(metrics_say("hone_limited_total{limit=\"requests\"} 1"));
}

TEST_F(Serve, FollowsTheLimitsOfAKeyThatACommandSets) {
  Upstream upstream;
  write_settings("", upstream.url());
  start();
  const std::string made = command({"key", "create", "--person", "Ana", "--limit",
                                    "requests_per_month=1", "--limit", "cost_per_month=20"});
  const auto word = [&made](const std::string& begin) {
    const auto at = made.find(begin);
    if (at == std::string::npos) return "no " + begin + " in " + made;
    return made.substr(at, made.find_first_of(" \n", at) - at);
  };
  const std::string id = word("key_");
  auto call = request("/v1/chat/completions");
  call.method = "POST";
  call.body = kCall;
  call.headers.add("x-api-key", word("hone_sk_"));
  const auto until = [&call](const auto& holds) {
    for (int i = 0; i < 500; ++i) {
      const auto answer = net::fetch_blocking(call, 10s).value_or(net::Response{.status = 0});
      if (holds(answer)) return true;
      std::this_thread::sleep_for(20ms);
    }
    return false;
  };
  EXPECT_TRUE(until([](const net::Response& answer) {
    return answer.headers.get("x-ratelimit-limit-requests") == "1";
  })) << made;
  EXPECT_TRUE(until([](const net::Response& answer) { return answer.status == 429; }));
  const auto changed = command({"key", "limit", id, "requests_per_month=none", "tokens_per_day=7"});
  EXPECT_NE(changed.find("limits: tokens_per_day=7 cost_per_month=20\n"), std::string::npos)
      << changed;
  EXPECT_TRUE(until([](const net::Response& answer) {
    return answer.status == 200 && answer.headers.get("x-ratelimit-limit-tokens") == "7";
  }));
  const auto listed = command({"key", "list"});
  EXPECT_NE(listed.find("tokens_per_day=7 cost_per_month=20\n"), std::string::npos) << listed;
}

TEST_F(Serve, TakesOutcomesOfCiUnderTheSecretInForce) {
  Upstream upstream;
  write_settings("[ci]\ngithub_secret = \"the first secret of two\"\n", upstream.url());
  start();
  const std::string event = R"({"sha":")" + std::string(40, 'a') + R"(","state":"failure"})";
  const auto post = [&](const std::string& path, const std::string& secret) {
    return send("POST", path,
                {{"content-type", "application/json"},
                 {"x-github-event", "status"},
                 {"x-hub-signature-256", "sha256=" + hex(hmac_sha256(secret, event))}},
                event);
  };
  const auto taken = post("/v1/hooks/github", "the first secret of two");
  EXPECT_EQ(taken.status, 202) << taken.body;
  EXPECT_NE(taken.body.find("\"id\":\"fb_"), std::string::npos) << taken.body;
  EXPECT_EQ(post("/v1/hooks/github", "another secret of ours").status, 401);
  EXPECT_EQ(post("/v1/hooks/gitlab", "the first secret of two").status, 404) << "it is off";
  EXPECT_TRUE(metrics_say("hone_ci_events_total{result=\"outcome\"} 1"));
  EXPECT_TRUE(metrics_say("hone_ci_events_total{result=\"refused\"} 2"));
  EXPECT_EQ(upstream.seen, 0) << "no event is a call of a model";

  write_settings("[ci]\ngithub_secret = \"the second secret of two\"\n", upstream.url());
  hang_up();
  ASSERT_TRUE(metrics_say("hone_reloads_total{result=\"taken\"} 1"));
  EXPECT_EQ(post("/v1/hooks/github", "the first secret of two").status, 401);
  EXPECT_EQ(post("/v1/hooks/github", "the second secret of two").status, 202);
}

}  // namespace
}  // namespace hone::serve_test
