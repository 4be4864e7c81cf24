#include "net/guard.h"

#include <algorithm>
#include <string>

#include "base/text.h"
#include "net/http.h"

namespace hone::net {
namespace {

// What the framing fields of one head say.
struct Framing {
  int hosts = 0;
  int content_lengths = 0;
  int transfer_encodings = 0;
  std::string_view transfer_encoding;  // the last one
};

std::unexpected<Error> refuse(std::string message) {
  return fail(ErrorCode::kInvalid, std::move(message));
}

// Every CR is followed by LF, every LF follows a CR, and there is no NUL.
Result<void> check_line_ends(std::string_view head) {
  for (std::size_t i = 0; i < head.size(); ++i) {
    if (head[i] == '\0') return refuse("the head holds a NUL byte");
    if (head[i] == '\r' && (i + 1 == head.size() || head[i + 1] != '\n')) {
      return refuse("the head holds a bare CR");
    }
    if (head[i] == '\n' && (i == 0 || head[i - 1] != '\r')) {
      return refuse("the head holds a bare LF");
    }
  }
  return {};
}

Result<void> check_field(std::string_view line, Framing& framing) {
  if (line.front() == ' ' || line.front() == '\t') {
    return refuse("a header is folded over two lines");
  }
  const auto colon = line.find(':');
  if (colon == std::string_view::npos || colon == 0) return refuse("a header has no name");
  const std::string_view name = line.substr(0, colon);
  const std::string_view value = trimmed(line.substr(colon + 1), " \t");
  if (name.find_first_of(" \t") != std::string_view::npos) {
    return refuse("a header name holds a blank");
  }
  if (same_name(name, "host")) ++framing.hosts;
  if (same_name(name, "transfer-encoding")) {
    ++framing.transfer_encodings;
    framing.transfer_encoding = value;
  }
  if (same_name(name, "content-length")) {
    ++framing.content_lengths;
    const bool digits = !value.empty() && value.size() <= 18 &&
                        value.find_first_not_of("0123456789") == std::string_view::npos;
    if (!digits) return refuse("content-length is not a number");
  }
  return {};
}

Result<void> check_framing(const Framing& framing, bool http_1_0) {
  if (framing.content_lengths > 1) return refuse("content-length is given more than once");
  if (framing.transfer_encodings == 0) return {};
  if (framing.transfer_encodings > 1 || !same_name(framing.transfer_encoding, "chunked")) {
    return refuse("transfer-encoding must be a single 'chunked'");
  }
  if (http_1_0) return refuse("transfer-encoding is not part of HTTP/1.0");
  if (framing.content_lengths > 0) {
    return refuse("transfer-encoding and content-length are both given");
  }
  return {};
}

// Walks the header lines behind the start line.
Result<Framing> read_fields(std::string_view rest, HeadLimits limits) {
  Framing framing;
  std::size_t fields = 0;
  while (true) {
    const auto end = rest.find("\r\n");
    if (end == std::string_view::npos) return refuse("the head has no end");
    if (end == 0) return framing;
    if (++fields > limits.fields) {
      return fail(ErrorCode::kTooLarge,
                  "more than " + std::to_string(limits.fields) + " header fields");
    }
    if (auto checked = check_field(rest.substr(0, end), framing); !checked) {
      return fail(checked.error());
    }
    rest.remove_prefix(end + 2);
  }
}

struct Head {
  std::string_view start_line;
  Framing framing;
};

Result<Head> read_head(std::string_view head, HeadLimits limits) {
  if (head.size() > limits.bytes) {
    return fail(ErrorCode::kTooLarge,
                "the head is longer than " + std::to_string(limits.bytes) + " bytes");
  }
  if (auto checked = check_line_ends(head); !checked) return fail(checked.error());
  const auto end = head.find("\r\n");
  if (end == std::string_view::npos || end == 0) return refuse("there is no start line");
  auto framing = read_fields(head.substr(end + 2), limits);
  if (!framing) return fail(framing.error());
  return Head{head.substr(0, end), *framing};
}

}  // namespace

Result<void> check_request_head(std::string_view head, HeadLimits limits) {
  const auto read = read_head(head, limits);
  if (!read) return fail(read.error());
  if (read->framing.hosts != 1) return refuse("exactly one Host header is needed");
  const std::string_view line = read->start_line;
  const bool three_words = std::count(line.begin(), line.end(), ' ') == 2;
  if (!three_words || line.find('\t') != std::string_view::npos) {
    return refuse("the request line is not 'METHOD target version'");
  }
  return check_framing(read->framing, line.ends_with(" HTTP/1.0"));
}

Result<void> check_response_head(std::string_view head, HeadLimits limits) {
  const auto read = read_head(head, limits);
  if (!read) return fail(read.error());
  return check_framing(read->framing, read->start_line.starts_with("HTTP/1.0"));
}

}  // namespace hone::net
