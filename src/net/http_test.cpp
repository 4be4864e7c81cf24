#include "net/http.h"

#include <gtest/gtest.h>

#include "net/url.h"

namespace hone::net {
namespace {

TEST(Headers, KeepOrderAndSpellingAndIgnoreCaseInLookup) {
  Headers headers = {{"X-A", "1"}, {"x-b", "2"}, {"X-a", "3"}};
  EXPECT_EQ(headers.get("x-a"), "1");
  EXPECT_FALSE(headers.has("x"));
  headers.set("x-A", "4");
  ASSERT_EQ(headers.size(), 2U);
  EXPECT_EQ(headers.begin()->name, "X-A");
  EXPECT_EQ(headers.begin()->value, "4");
  headers.remove("X-B");
  EXPECT_EQ(headers.size(), 1U);
}

TEST(Headers, RefuseValuesThatForgeFurtherHeaders) {
  EXPECT_FALSE(header_block({{"X", "a\r\nSet-Cookie: b"}}));
  EXPECT_FALSE(header_block({{"X\r\nY", "a"}}));
  EXPECT_FALSE(header_block({{"", "a"}}));
  EXPECT_EQ(header_block({{"X", "a"}}).value(), "X: a\r\n\r\n");
}

TEST(Request, SplitsItsTarget) {
  Request request;
  request.target = "/v1/models?limit=10&name=a%20b+c&flag";
  EXPECT_EQ(request.path(), "/v1/models");
  EXPECT_EQ(request.query(), "limit=10&name=a%20b+c&flag");
  EXPECT_EQ(request.parameter("limit"), "10");
  EXPECT_EQ(request.parameter("name"), "a b c");
  EXPECT_EQ(request.parameter("flag"), "");
  EXPECT_EQ(request.parameter("absent"), std::nullopt);
}

TEST(Request, LeavesBadEscapesAsTheyAre) {
  EXPECT_EQ(percent_decode("%"), "%");
  EXPECT_EQ(percent_decode("%4"), "%4");
  EXPECT_EQ(percent_decode("%zz%41"), "%zzA");
}

TEST(Url, ReadsSchemeHostPortAndTarget) {
  const auto url = parse_url("http://127.0.0.1:8700/v1/models?limit=5");
  ASSERT_TRUE(url);
  EXPECT_EQ(url->host, "127.0.0.1");
  EXPECT_EQ(url->port, 8700);
  EXPECT_EQ(url->target, "/v1/models?limit=5");
  EXPECT_EQ(url->authority(), "127.0.0.1:8700");
  const auto secure = parse_url("https://example.org");
  ASSERT_TRUE(secure);
  EXPECT_EQ(secure->port, 443);
  EXPECT_EQ(secure->target, "/");
  EXPECT_EQ(secure->authority(), "example.org");
  const auto ipv6 = parse_url("http://[::1]:80/");
  ASSERT_TRUE(ipv6);
  EXPECT_EQ(ipv6->host, "::1");
  EXPECT_EQ(ipv6->authority(), "[::1]");
}

TEST(Url, RefusesWhatItCannotServe) {
  for (const auto* text : {"", "nonsense", "ftp://h/", "http://", "http://user@h/",
                           "http://h/#part", "http://h:99999/", "http://h:0/", "http://a b/"}) {
    EXPECT_FALSE(parse_url(text)) << text;
  }
}

TEST(Url, PutsTargetsBehindThePathOfTheBase) {
  const auto base = parse_url("http://h:1/prefix/");
  ASSERT_TRUE(base);
  EXPECT_EQ(with_target(*base, "/v1/messages?beta=true").target, "/prefix/v1/messages?beta=true");
  EXPECT_EQ(with_target(parse_url("http://h:1").value(), "/v1").target, "/v1");
}

}  // namespace
}  // namespace hone::net
