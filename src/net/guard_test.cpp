#include "net/guard.h"

#include <gtest/gtest.h>

namespace hone::net {
namespace {

struct Case {
  const char* what;
  std::string head;
  bool allowed;
};

std::string post(const std::string& fields, const std::string& version = "1.1") {
  return "POST /v1/messages HTTP/" + version + "\r\nHost: h\r\n" + fields + "\r\n";
}

TEST(Guard, RefusesEveryHeadThatTwoPartiesMayReadDifferently) {
  const std::vector<Case> cases = {
      {"plain", post("Content-Length: 5\r\n"), true},
      {"chunked", post("Transfer-Encoding: chunked\r\n"), true},
      {"chunked in capitals", post("TRANSFER-ENCODING: Chunked\r\n"), true},
      {"folded header", post("X: a\r\n b\r\n"), false},
      {"folded with a tab", post("X: a\r\n\tb\r\n"), false},
      {"gzip", post("Transfer-Encoding: gzip\r\n"), false},
      {"xchunked", post("Transfer-Encoding: xchunked\r\n"), false},
      {"chunked, identity", post("Transfer-Encoding: chunked, identity\r\n"), false},
      {"chunked, chunked", post("Transfer-Encoding: chunked, chunked\r\n"), false},
      {"twice chunked", post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
       false},
      {"empty encoding", post("Transfer-Encoding:\r\n"), false},
      {"identity", post("Transfer-Encoding: identity\r\nContent-Length: 5\r\n"), false},
      {"chunked with a length", post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"), false},
      {"chunked on 1.0", post("Transfer-Encoding: chunked\r\n", "1.0"), false},
      {"two lengths", post("Content-Length: 5\r\nContent-Length: 5\r\n"), false},
      {"list of lengths", post("Content-Length: 5, 5\r\n"), false},
      {"signed length", post("Content-Length: +5\r\n"), false},
      {"hexadecimal length", post("Content-Length: 0x5\r\n"), false},
      {"empty length", post("Content-Length: \r\n"), false},
      {"huge length", post("Content-Length: 99999999999999999999\r\n"), false},
      {"no host", "GET / HTTP/1.1\r\n\r\n", false},
      {"two hosts", post("Host: other\r\n"), false},
      {"blank before the colon", post("Content-Length : 5\r\n"), false},
      {"no colon", post("nonsense\r\n"), false},
      {"no name", post(": x\r\n"), false},
      {"bare LF", post("X: a\nTransfer-Encoding: chunked\r\n"), false},
      {"bare CR", post("X: a\rTransfer-Encoding: chunked\r\n"), false},
      {"NUL", post(std::string("X: a\0b\r\n", 8)), false},
      {"blank in the target", "GET /a b HTTP/1.1\r\nHost: h\r\n\r\n", false},
      {"no start line", "\r\nHost: h\r\n\r\n", false},
      {"nothing", "", false},
      {"cut off", "GET / HTTP/1.1\r\nHost: h\r\n", false},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(check_request_head(c.head).has_value(), c.allowed) << c.what;
  }
}

TEST(Guard, BoundsBytesAndFields) {
  std::string fields;
  for (int i = 0; i < 99; ++i) fields += "X: a\r\n";
  EXPECT_TRUE(check_request_head(post(fields)));
  const auto many = check_request_head(post(fields + "X: a\r\n"));
  ASSERT_FALSE(many);
  EXPECT_EQ(many.error().code, ErrorCode::kTooLarge);
  const auto long_one = check_request_head(post("X: " + std::string(40'000, 'a') + "\r\n"));
  ASSERT_FALSE(long_one);
  EXPECT_EQ(long_one.error().code, ErrorCode::kTooLarge);
}

TEST(Guard, HoldsAnswersOfUpstreamsToTheSameFraming) {
  const std::string ok = "HTTP/1.1 200 OK\r\n";
  EXPECT_TRUE(check_response_head(ok + "Content-Length: 5\r\n\r\n"));
  EXPECT_TRUE(check_response_head(ok + "Transfer-Encoding: chunked\r\n\r\n"));
  EXPECT_TRUE(check_response_head("HTTP/1.0 200 OK\r\n\r\n"));
  EXPECT_FALSE(check_response_head(ok + "Transfer-Encoding: gzip, chunked\r\n\r\n"));
  EXPECT_FALSE(check_response_head(ok + "Content-Length: 5\r\nContent-Length: 6\r\n\r\n"));
  EXPECT_FALSE(check_response_head(ok + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"));
}

}  // namespace
}  // namespace hone::net
