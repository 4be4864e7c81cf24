// Inside net: Beast's parser, feeding our own messages. Names and values are kept as sent; trailers
// are dropped, since a trailer must not pass for a header; chunk extensions are bounded.
#pragma once

#include <boost/beast/http/basic_parser.hpp>
#include <optional>
#include <string>

#include "net/guard.h"
#include "net/http.h"

namespace hone::net {

// `body` collects what has been parsed and may be emptied between calls of `put`.
template <bool kIsRequest>
class MessageParser : public boost::beast::http::basic_parser<kIsRequest> {
 public:
  std::string method;
  std::string target;
  int status = 0;
  int version = 0;  // 10 or 11
  Headers headers;
  std::string body;

 private:
  using Verb = boost::beast::http::verb;
  using Field = boost::beast::http::field;
  using Text = boost::beast::string_view;
  using Code = boost::beast::error_code;

  void on_request_impl(Verb, Text method_text, Text target_text, int version_number,
                       Code&) override {
    version = version_number;
    method = std::string(method_text);
    target = std::string(target_text);
  }
  void on_response_impl(int code, Text, int version_number, Code&) override {
    version = version_number;
    status = code;
  }
  void on_field_impl(Field, Text name, Text value, Code&) override {
    if (!head_done_) headers.add(std::string(name), std::string(value));
  }
  void on_header_impl(Code&) override { head_done_ = true; }
  void on_body_init_impl(boost::optional<std::uint64_t> const& length, Code&) override {
    // A length is a claim: no more than a little is reserved for it before bytes come.
    if (length) body.reserve(static_cast<std::size_t>(std::min<std::uint64_t>(*length, 1U << 20)));
  }
  std::size_t on_body_impl(Text bytes, Code&) override {
    body.append(bytes.data(), bytes.size());
    return bytes.size();
  }
  void on_chunk_header_impl(std::uint64_t, Text extensions, Code& error) override {
    extension_bytes_ += extensions.size();
    if (extension_bytes_ > kMaxChunkExtensionBytes) {
      error = boost::beast::http::error::bad_chunk_extension;
    }
  }
  std::size_t on_chunk_body_impl(std::uint64_t, Text bytes, Code&) override {
    body.append(bytes.data(), bytes.size());
    return bytes.size();
  }
  void on_finish_impl(Code&) override {}

  bool head_done_ = false;
  std::size_t extension_bytes_ = 0;
};

}  // namespace hone::net
