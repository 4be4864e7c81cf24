// HTTP from strangers: heads, chunks, codings.
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/error.hpp>

#include "fuzz/targets.h"
#include "net/content_coding.h"
#include "net/guard.h"
#include "net/message_parser.h"

namespace hone::fuzz {
namespace {

constexpr std::size_t kBodyLimit = 1U << 16;

struct Read {
  bool failed = false;
  bool done = false;
  std::string method;
  std::string target;
  std::string body;
  std::size_t fields = 0;
};

// Reads a request, in pieces of `piece` bytes as a connection would bring them.
Read read_request(std::string_view bytes, std::size_t piece) {
  net::MessageParser<true> parser;
  parser.eager(true);
  parser.body_limit(kBodyLimit);
  parser.header_limit(8U << 10);
  std::string waiting;
  Read read;
  while (!bytes.empty() && !read.failed && !parser.is_done()) {
    waiting += bytes.substr(0, piece);
    bytes.remove_prefix(std::min(piece, bytes.size()));
    boost::beast::error_code error;
    const std::size_t used = parser.put(boost::asio::buffer(waiting), error);
    waiting.erase(0, used);
    read.failed = error && error != boost::beast::http::error::need_more;
  }
  read.done = parser.is_done();
  read.method = parser.method;
  read.target = parser.target;
  read.body = parser.body;
  read.fields = parser.headers.size();
  return read;
}

}  // namespace

void http_head(std::string_view bytes) {
  const auto end = bytes.find("\r\n\r\n");
  const std::string_view head = end == std::string_view::npos ? bytes : bytes.substr(0, end + 4);
  (void)net::check_response_head(head);
  if (!net::check_request_head(head)) return;
  // What the guard lets through has one reading: no bare CR or NUL, one length at most.
  must(head.find('\0') == std::string_view::npos, "a NUL in a head that the guard accepts");
  const Read read = read_request(head, head.size());
  must(read.failed || !read.method.empty(), "a head without a method is accepted");
}

void http_chunks(std::string_view bytes) {
  const std::string request =
      "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n" + std::string(bytes);
  const Read whole = read_request(request, request.size());
  const Read pieces = read_request(request, 7);
  must(whole.done == pieces.done, "a body that ends or not by how it arrives");
  if (!whole.done) return;
  must(whole.body == pieces.body, "a body that differs by how it arrives");
  must(whole.body.size() <= kBodyLimit, "a body over its limit");
  must(whole.fields == 2, "a trailer that passes for a header");
}

void coding(std::string_view bytes) {
  for (const auto* encoding : {"gzip", "deflate", "br", "zstd", "gzip, br"}) {
    const auto decoded = net::decode_content(encoding, bytes, kBodyLimit);
    must(!decoded || decoded->body.size() <= kBodyLimit, "a decoded body over its limit");
  }
}

}  // namespace hone::fuzz
