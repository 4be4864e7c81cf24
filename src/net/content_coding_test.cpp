// Codings as real encoders write them, and as nobody should send them.
#include "net/content_coding.h"

#include <gtest/gtest.h>

#include "base/random.h"
#include "net/encode_test_support.h"

namespace hone::net {
namespace {

constexpr std::size_t kLimit = 1U << 20;

const std::vector<std::string> kCodings = {"gzip", "deflate", "br", "zstd"};

std::string sample() {
  std::string text;
  for (int i = 0; i < 3000; ++i) text += "data: {\"n\":" + std::to_string(i * 7919) + "}\n\n";
  return text;
}

TEST(ContentCoding, GivesBackWhatWasEncoded) {
  for (const auto& coding : kCodings) {
    for (const std::string& text : {std::string(), std::string("x"), sample()}) {
      const auto decoded = decode_content(coding, encode(coding, text), kLimit);
      ASSERT_TRUE(decoded) << coding;
      EXPECT_TRUE(decoded->whole) << coding;
      EXPECT_EQ(decoded->body, text) << coding;
    }
  }
  const auto both = decode_content("gzip, br", encode("br", encode("gzip", sample())), kLimit);
  EXPECT_EQ(both.value().body, sample());
  EXPECT_EQ(decode_content("identity", "as it is", kLimit).value().body, "as it is");
}

TEST(ContentCoding, ReadsTheVariantsThatServersSend) {
  const std::string members = encode("gzip", "one ") + encode("gzip", "two");
  EXPECT_EQ(decode_content("X-Gzip", members, kLimit).value().body, "one two");
  const std::string frames = encode("zstd", "one ") + encode("zstd", "two");
  EXPECT_EQ(decode_content("zstd", frames, kLimit).value().body, "one two");
  const auto padded = decode_content("gzip", encode("gzip", "text") + "\n\n", kLimit).value();
  EXPECT_TRUE(padded.whole);
  EXPECT_EQ(padded.body, "text");
  const std::string zlib = encode("deflate", sample());
  const std::string raw = zlib.substr(2, zlib.size() - 6);  // without header and checksum
  EXPECT_EQ(decode_content("deflate", raw, kLimit).value().body, sample());
}

TEST(ContentCoding, GivesWhatCameBeforeACut) {
  const std::string text = sample();
  for (const auto& coding : kCodings) {
    const std::string whole = encode(coding, text);
    for (const std::size_t size :
         {std::size_t{0}, std::size_t{3}, whole.size() / 2, whole.size() - 1}) {
      const auto cut = decode_content(coding, whole.substr(0, size), kLimit).value();
      EXPECT_FALSE(cut.whole) << coding << " " << size;
      EXPECT_TRUE(text.starts_with(cut.body)) << coding << " " << size;
    }
    const std::string flushed = encode_flushed(coding, {"first ", "second ", "third"});
    const auto most = decode_content(coding, flushed.substr(0, flushed.size() - 4), kLimit).value();
    EXPECT_TRUE(most.body.starts_with("first second ")) << coding << ": " << most.body;
  }
}

TEST(ContentCoding, StopsABombAtItsLimit) {
  const std::string zeros(kLimit, '\0');
  for (const auto& coding : kCodings) {
    const std::string bomb = encode(coding, zeros + "x");
    EXPECT_LT(bomb.size(), 2000U) << coding;
    EXPECT_EQ(decode_content(coding, bomb, kLimit).error().code, ErrorCode::kTooLarge) << coding;
    EXPECT_EQ(decode_content(coding, encode(coding, zeros), kLimit).value().body, zeros) << coding;
    const std::string twice = encode(coding, bomb);
    EXPECT_FALSE(decode_content(coding + "," + coding, twice, kLimit)) << coding;
  }
}

TEST(ContentCoding, RefusesWhatItDoesNotKnow) {
  for (const auto* encoding : {"compress", "aes128gcm", "gzip, gzip, gzip", "gzip;q=1"}) {
    EXPECT_EQ(decode_content(encoding, "x", kLimit).error().code, ErrorCode::kInvalid) << encoding;
  }
}

TEST(ContentCoding, JoinsTheFieldsThatNameIt) {
  EXPECT_EQ(content_encoding({{"Content-Encoding", " GZip "}, {"x", "y"}}), "gzip");
  EXPECT_EQ(content_encoding({{"content-encoding", "gzip"}, {"Content-Encoding", "br, "}}),
            "gzip, br");
  EXPECT_EQ(content_encoding({{"content-encoding", "identity"}}), "");
  EXPECT_EQ(content_encoding({}), "");
}

TEST(ContentCoding, DamagedBytesNeverCrash) {
  Random random(11);
  for (const auto& coding : kCodings) {
    const std::string whole = encode(coding, sample().substr(0, 5000));
    for (int round = 0; round < 300; ++round) {
      std::string damaged = whole;
      for (int flips = 0; flips < 4; ++flips) {
        damaged[random.below(damaged.size())] = static_cast<char>(random.below(256));
      }
      const auto decoded = decode_content(coding, damaged, kLimit);
      EXPECT_TRUE(!decoded || decoded->body.size() <= kLimit);
    }
  }
}

}  // namespace
}  // namespace hone::net
