// Splits a server-sent event stream (WHATWG HTML, section 9.2.6) that arrives in any pieces into
// events. Lines end in LF, CR or CRLF; several `data` lines join with LF; comments, `id` and
// `retry` are read over. Nothing is kept beyond the event being read, and that is bounded: an event
// over the limit is dropped whole and counted, and the next one is read as usual.
//
//   SseSplitter splitter;
//   for (const SseEvent& event : splitter.feed(bytes)) …
//   if (auto last = splitter.finish()) …    // a stream that ends without its blank line
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hone {

struct SseEvent {
  std::string event;  // empty where the stream names none
  std::string data;
};

class SseSplitter {
 public:
  explicit SseSplitter(std::size_t limit_bytes = 16U << 20) : limit_bytes_(limit_bytes) {}

  // The events that `bytes` completes, in order. Events without data are left out, as browsers do.
  [[nodiscard]] std::vector<SseEvent> feed(std::string_view bytes);

  // The event that the end of the stream cut off before its blank line, if it had data.
  [[nodiscard]] std::optional<SseEvent> finish();

  [[nodiscard]] std::uint64_t oversized_events() const { return oversized_events_; }
  // Lines of comment so far: servers send them so that nobody takes their silence for their end.
  [[nodiscard]] std::uint64_t comments() const { return comments_; }

 private:
  void add_to_line(std::string_view bytes);
  void end_line(std::vector<SseEvent>& events);
  void read_field(std::string_view line);
  std::optional<SseEvent> take_event();

  std::size_t limit_bytes_;
  std::uint64_t oversized_events_ = 0;
  std::uint64_t comments_ = 0;
  std::string line_;
  SseEvent current_;
  bool has_data_ = false;
  bool oversized_ = false;
  bool after_cr_ = false;   // an LF that follows belongs to the line ended by that CR
  bool first_line_ = true;  // which may begin with a byte order mark
};

}  // namespace hone
