#include "base/sse.h"

#include <gtest/gtest.h>

namespace hone {
namespace {

std::vector<SseEvent> split(std::string_view text, std::size_t piece) {
  SseSplitter splitter;
  std::vector<SseEvent> all;
  for (std::size_t at = 0; at < text.size(); at += piece) {
    for (auto& event : splitter.feed(text.substr(at, piece))) all.push_back(std::move(event));
  }
  if (auto last = splitter.finish()) all.push_back(std::move(*last));
  return all;
}

TEST(Sse, GivesTheSameEventsHoweverTheBytesAreCut) {
  const std::string_view text =
      "\xEF\xBB\xBF"
      "event: a\ndata: one\n\n: a comment\ndata:two\r\ndata:  three\r\n\r\nid: 4\nevent: none\n\n"
      "data\rdata: x\r\rdata: last";
  for (std::size_t piece = 1; piece <= text.size(); ++piece) {
    const auto events = split(text, piece);
    ASSERT_EQ(events.size(), 4U) << "pieces of " << piece;
    EXPECT_EQ(events[0].event, "a");
    EXPECT_EQ(events[0].data, "one");
    EXPECT_EQ(events[1].event, "");
    EXPECT_EQ(events[1].data, "two\n three");
    EXPECT_EQ(events[2].data, "\nx");
    EXPECT_EQ(events[3].data, "last");
  }
}

TEST(Sse, DropsAndCountsAnEventOverTheLimitAndReadsOn) {
  SseSplitter splitter(64);
  std::string text = "data: " + std::string(40, 'a') + "\ndata: " + std::string(40, 'b') +
                     "\ndata: c\n\ndata: small\n\n";
  std::vector<SseEvent> all;
  for (const char byte : text) {
    for (auto& event : splitter.feed({&byte, 1})) all.push_back(std::move(event));
  }
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].data, "small");
  EXPECT_EQ(splitter.oversized_events(), 1U);
}

}  // namespace
}  // namespace hone
