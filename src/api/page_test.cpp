#include "api/page.h"

#include <gtest/gtest.h>

#include "base/json.h"

namespace hone::api {
namespace {

const PageOrigins kReports = {"https://reports.example.org", "http://localhost:3000"};

net::Request page_request(const std::string& method, net::Headers headers, std::string body = "") {
  net::Request request;
  request.method = method;
  request.target = "/api/v1/feedback";
  request.headers = std::move(headers);
  request.body = std::move(body);
  return request;
}

TEST(PageScript, IsSmallAndNamesNothingElse) {
  EXPECT_LT(page_script_text().size(), 4096U) << "what a page loads is under 4 KB as served";
  EXPECT_TRUE(page_script_text().contains("\"/api/v1/feedback\""));
  EXPECT_FALSE(page_script_text().contains("import ")) << "it depends on nothing";
}

TEST(PageScript, IsSentOnceToWhoKeepsIt) {
  const auto first = page_script(page_request("GET", {}));
  EXPECT_EQ(first.status, 200);
  EXPECT_EQ(first.body, page_script_text());
  EXPECT_EQ(first.headers.get("content-type"), "text/javascript; charset=utf-8");
  EXPECT_EQ(first.headers.get("cache-control"), "public, max-age=600");
  const std::string tag = first.headers.get("etag");
  ASSERT_EQ(tag.size(), 34U);
  for (const std::string& known : {tag, "W/" + tag, "\"other\", " + tag, std::string("*")}) {
    const auto again = page_script(page_request("GET", {{"if-none-match", known}}));
    EXPECT_EQ(again.status, 304) << known;
    EXPECT_EQ(again.body, "") << known;
    EXPECT_EQ(again.headers.get("etag"), tag) << known;
  }
  for (const std::string& other : {std::string("\"other\""), tag.substr(1, 32), std::string(",")}) {
    EXPECT_EQ(page_script(page_request("GET", {{"if-none-match", other}})).status, 200) << other;
  }
}

TEST(PageOrigin, IsWrittenAsBrowsersWriteIt) {
  for (const char* good : {"https://reports.example.org", "http://localhost:3000",
                           "https://10.0.0.1:8443", "http://[::1]:80800", "https://a:80"}) {
    EXPECT_TRUE(check_origin(good)) << good;
  }
  for (const char* bad :
       {"", "*", "null", "https://", "reports.example.org", "https://reports.example.org/",
        "https://Reports.example.org", "https://*.example.org", "https://reports.example.org:443",
        "http://a:80", "ftp://a", "https://a b", "https://a?b"}) {
    const auto checked = check_origin(bad);
    ASSERT_FALSE(checked) << bad;
    EXPECT_NE(checked.error().message.find("is no origin"), std::string::npos);
  }
}

TEST(PageOrigin, IsAskedForFirstAndOnlyThoseNamedMayPost) {
  const auto asked = [](const std::string& origin) {
    return preflight(page_request("OPTIONS", {{"origin", origin},
                                              {"access-control-request-method", "POST"},
                                              {"access-control-request-private-network", "true"}}),
                     kReports);
  };
  const auto named = asked("https://reports.example.org");
  EXPECT_EQ(named.status, 204);
  EXPECT_EQ(named.headers.get("access-control-allow-origin"), "https://reports.example.org");
  EXPECT_EQ(named.headers.get("access-control-allow-methods"), "POST");
  EXPECT_NE(named.headers.get("access-control-allow-headers").find("authorization"),
            std::string::npos);
  EXPECT_EQ(named.headers.get("access-control-allow-private-network"), "true");
  EXPECT_FALSE(named.headers.has("access-control-allow-credentials")) << "no cookie is of use";
  EXPECT_EQ(named.headers.get("vary"), "origin");
  for (const char* other : {"https://evil.example", "https://reports.example.org.evil.example",
                            "http://reports.example.org", "null", ""}) {
    const auto refused = asked(other);
    EXPECT_EQ(refused.status, 403) << other;
    EXPECT_FALSE(refused.headers.has("access-control-allow-origin")) << other;
  }
  net::Response answer;
  allow_origin(answer, page_request("POST", {{"Origin", "https://evil.example"}}), kReports);
  EXPECT_FALSE(answer.headers.has("access-control-allow-origin"));
  EXPECT_EQ(answer.headers.get("vary"), "origin") << "no cache gives it to another origin";
}

TEST(PageOrigin, MayBeOurOwnOrOneNamedOrNoBrowsers) {
  const auto may = [](net::Headers headers) {
    return origin_may_post(page_request("POST", std::move(headers)), kReports);
  };
  EXPECT_TRUE(may({{"host", "hone.example"}}));
  EXPECT_TRUE(may({{"host", "hone.example"}, {"origin", "https://hone.example"}}));
  EXPECT_TRUE(may({{"host", "127.0.0.1:8700"}, {"origin", "http://127.0.0.1:8700"}}));
  EXPECT_TRUE(may({{"host", "hone.example"}, {"origin", "http://localhost:3000"}}));
  EXPECT_FALSE(may({{"host", "127.0.0.1:8700"}, {"origin", "http://127.0.0.1:8701"}}));
  EXPECT_FALSE(may({{"host", "hone.example"}, {"origin", "https://evil.example"}}));
  EXPECT_FALSE(may({{"host", "hone.example"}, {"origin", "null"}}));
  EXPECT_FALSE(may({{"host", ""}, {"origin", "https://"}}));
}

TEST(PageBeacon, StandsForTheRequestThatItCannotMake) {
  const auto beacon = read_beacon(
      page_request("POST", {{"content-type", "text/plain;charset=UTF-8"}, {"origin", "https://x"}},
                   R"({"key": "hone_sk_1", "feedback": {"handle": "h", "kind": "shown"}})"));
  ASSERT_TRUE(beacon) << beacon.error().message;
  ASSERT_TRUE(*beacon);
  EXPECT_EQ((*beacon)->headers.get("x-api-key"), "hone_sk_1");
  EXPECT_EQ((*beacon)->headers.get("origin"), "https://x");
  EXPECT_EQ((*beacon)->target, "/api/v1/feedback");
  EXPECT_EQ(parse_json((*beacon)->body).value(),
            parse_json(R"({"handle": "h", "kind": "shown"})").value());
  const auto open = read_beacon(page_request("POST", {{"content-type", "text/plain"}},
                                             R"({"key": "", "feedback": [{"handle": "h"}]})"));
  ASSERT_TRUE(open && *open);
  EXPECT_FALSE((*open)->headers.has("x-api-key"));
  EXPECT_TRUE(parse_json((*open)->body)->is_array());
}

TEST(PageBeacon, IsNothingElseAndSaysWhatIsWrong) {
  const std::string body = R"({"key": "k", "feedback": {}})";
  const std::string plain = "text/plain";
  const auto read = [](const std::string& type, std::string text) {
    return read_beacon(page_request("POST", {{"content-type", type}}, std::move(text)));
  };
  EXPECT_FALSE(read("application/json", body).value());
  EXPECT_FALSE(read("", body).value());
  EXPECT_FALSE(read(plain, R"({"handle": "h", "kind": "shown"})").value()) << "as before";
  EXPECT_FALSE(read(plain, "[1]").value());
  EXPECT_FALSE(read(plain, "{").value());
  EXPECT_EQ(read(plain, R"({"kye": "k", "feedback": {}})").error().code, ErrorCode::kInvalid);
  EXPECT_EQ(read(plain, R"({"key": 7, "feedback": {}})").error().code, ErrorCode::kInvalid);
  EXPECT_EQ(read(plain, std::string(200'000, ' ')).error().code, ErrorCode::kTooLarge);
}

}  // namespace
}  // namespace hone::api
