#include "base/sse.h"

namespace hone {

std::vector<SseEvent> SseSplitter::feed(std::string_view bytes) {
  std::vector<SseEvent> events;
  while (!bytes.empty()) {
    if (after_cr_) {
      after_cr_ = false;
      if (bytes.front() == '\n') bytes.remove_prefix(1);
      continue;
    }
    const std::size_t end = bytes.find_first_of("\r\n");
    add_to_line(bytes.substr(0, end));
    if (end == std::string_view::npos) break;
    after_cr_ = bytes[end] == '\r';
    bytes.remove_prefix(end + 1);
    end_line(events);
  }
  return events;
}

std::optional<SseEvent> SseSplitter::finish() {
  if (!line_.empty()) {
    std::vector<SseEvent> none;  // a line that is not empty ends no event
    end_line(none);
  }
  return take_event();
}

void SseSplitter::add_to_line(std::string_view bytes) {
  if (oversized_) {
    // Only whether the line is empty still matters: an empty one ends the event.
    if (line_.empty() && !bytes.empty()) line_ = ":";
    return;
  }
  if (line_.size() + current_.data.size() + bytes.size() > limit_bytes_) {
    oversized_ = true;
    ++oversized_events_;
    current_ = {};
    has_data_ = false;
    line_ = ":";
    return;
  }
  line_.append(bytes);
}

void SseSplitter::end_line(std::vector<SseEvent>& events) {
  std::string_view line = line_;
  if (first_line_ && line.starts_with("\xEF\xBB\xBF")) line.remove_prefix(3);
  first_line_ = false;
  if (line.empty()) {
    if (auto event = take_event()) events.push_back(std::move(*event));
  } else if (!oversized_) {
    read_field(line);
  }
  line_.clear();
}

void SseSplitter::read_field(std::string_view line) {
  if (line.front() == ':') {
    ++comments_;
    return;
  }
  const std::size_t colon = line.find(':');
  const std::string_view name = line.substr(0, colon);
  std::string_view value;
  if (colon != std::string_view::npos) value = line.substr(colon + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);
  if (name == "data") {
    if (has_data_) current_.data += '\n';
    current_.data += value;
    has_data_ = true;
  } else if (name == "event") {
    current_.event = value;
  }
}

std::optional<SseEvent> SseSplitter::take_event() {
  std::optional<SseEvent> event;
  if (has_data_) event = std::move(current_);
  current_ = {};
  has_data_ = false;
  oversized_ = false;
  return event;
}

}  // namespace hone
