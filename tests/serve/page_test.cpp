// The real program and a page of another origin: who may post, with what key, and what that key
// cannot do. The page itself, in Chromium, is tests/browser.
#include <gtest/gtest.h>

#include "base/json.h"
#include "serve/serve_fixture.h"

namespace hone::serve_test {
namespace {

const std::string kReports = "https://reports.example.org";
const std::string kReportsOnly = "[page]\norigins = [\"" + kReports + "\"]\n";

class ServedPage : public Serve {
 protected:
  [[nodiscard]] net::Response post(net::Headers headers, const std::string& body) const {
    return send("POST", "/api/v1/feedback", std::move(headers), body);
  }
  [[nodiscard]] net::Response asked_first(const std::string& origin) const {
    return send("OPTIONS", "/api/v1/feedback",
                {{"origin", origin}, {"access-control-request-method", "POST"}});
  }
  // The secret of a new key that opens feedback only, once the server knows it.
  [[nodiscard]] std::string key_for_pages() {
    const std::string key =
        secret_in(command({"key", "create", "--person", "Reports", "--scope", "feedback"}));
    if (key.empty()) return "";
    const std::string shown = R"({"handle": "h", "kind": "shown", "idempotency_key": "probe"})";
    const bool known = comes([&] { return post({{"x-api-key", key}}, shown).status == 202; });
    return known ? key : "";
  }
};

TEST_F(ServedPage, PostsFromAnOriginThatIsNamedWithAKeyThatReadsNothing) {
  Upstream upstream;
  environment_["HONE_AUTH"] = "keys";
  write_settings(kReportsOnly, upstream.url());
  start();
  const std::string key = key_for_pages();
  ASSERT_NE(key, "");

  const auto script = get("/hone.js");
  EXPECT_EQ(script.status, 200) << "without a key";
  EXPECT_EQ(send("GET", "/hone.js", {{"if-none-match", script.headers.get("etag")}}).status, 304);

  EXPECT_EQ(asked_first(kReports).status, 204);
  EXPECT_EQ(asked_first(kReports).headers.get("access-control-allow-origin"), kReports);
  EXPECT_EQ(asked_first("https://evil.example").status, 403);

  const std::string edited =
      R"({"handle": "h", "kind": "edited", "final_text": "x", "idempotency_key": "one"})";
  const auto by_header = post({{"origin", kReports}, {"authorization", "Bearer " + key}}, edited);
  EXPECT_EQ(by_header.status, 202) << by_header.body;
  EXPECT_EQ(by_header.headers.get("access-control-allow-origin"), kReports);
  const std::string beacon = R"({"key": ")" + key + R"(", "feedback": )" + edited + "}";
  const auto again = post({{"origin", kReports}, {"content-type", "text/plain"}}, beacon);
  EXPECT_EQ(again.status, 202) << again.body;
  EXPECT_EQ(again.body, by_header.body) << "the same key from the same page: the same feedback";
  EXPECT_EQ(
      post({{"origin", "https://evil.example"}, {"content-type", "text/plain"}}, beacon).status,
      403);
  const auto unknown = post({{"origin", kReports}, {"x-api-key", "hone_sk_no"}}, edited);
  EXPECT_EQ(unknown.status, 401);
  EXPECT_EQ(unknown.headers.get("access-control-allow-origin"), kReports) << "the page may see why";

  const net::Headers own = {{"x-api-key", key}};
  for (const char* path : {"/api/v1/me", "/api/v1/interactions", "/api/v1/review"}) {
    const auto refused = send("GET", path, own);
    EXPECT_EQ(refused.status, 401) << path;
    EXPECT_NE(refused.body.find("feedback only"), std::string::npos) << refused.body;
  }
  EXPECT_EQ(send("POST", "/api/v1/consent", own, R"({"train": false})").status, 401);
  for (const char* path : {"/v1/logs", "/v1/traces", "/v1/hooks/claude-code", "/v1/events",
                           "/v1/events/continue", "/v1/messages"}) {
    EXPECT_EQ(send("POST", path, own, "{}").status, 401) << path;
  }
  EXPECT_EQ(send("POST", "/v1/chat/completions", own, kCall).status, 401);

  write_settings("", upstream.url());
  hang_up();
  EXPECT_TRUE(comes([&] { return asked_first(kReports).status == 403; }));
}

TEST_F(ServedPage, OfAStrangerCannotPostToAnOpenServer) {
  Upstream upstream;
  write_settings(kReportsOnly, upstream.url());
  start();
  const std::string shown = R"({"handle": "h", "kind": "shown"})";
  EXPECT_EQ(post({}, shown).status, 202);
  EXPECT_EQ(post({{"origin", kReports}}, shown).status, 202);
  const std::string own = "http://127.0.0.1:" + std::to_string(port_);
  EXPECT_EQ(post({{"origin", own}}, shown).status, 202);
  const auto refused = post({{"origin", "https://evil.example"}}, shown);
  EXPECT_EQ(refused.status, 403);
  EXPECT_NE(refused.body.find("[page] origins"), std::string::npos) << refused.body;
  EXPECT_EQ(get("/api/v1/review").status, 200);
  // One whose own name leads here is, for its browser, at home.
  net::TestSocket socket(port_);
  socket.send("GET /api/v1/review HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n");
  const std::string answer = socket.read_until("keys");
  EXPECT_NE(answer.find(" 403 "), std::string::npos) << answer;
}

}  // namespace
}  // namespace hone::serve_test
