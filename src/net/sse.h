// Splits a server-sent event stream (WHATWG HTML, section 9.2) that arrives in pieces of any size.
// Not thread-safe.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hone::net {

struct SseEvent {
  std::string event;  // "" where the stream names none
  std::string data;   // lines joined by \n
};

class SseSplitter {
 public:
  explicit SseSplitter(std::size_t max_event_bytes = 10U << 20) : limit_(max_event_bytes) {}

  // The events that `bytes` completes, in order. kTooLarge where one grows past the limit; the
  // splitter is of no use afterwards.
  [[nodiscard]] Result<std::vector<SseEvent>> feed(std::string_view bytes);

 private:
  void take_line(std::string_view line, std::vector<SseEvent>& out);

  std::size_t limit_;
  std::string line_;
  SseEvent event_;
  bool has_data_ = false;
  bool after_cr_ = false;
  bool at_start_ = true;
};

// One event as it goes over the wire; for those who serve.
[[nodiscard]] std::string sse_text(const SseEvent& event);

}  // namespace hone::net
