// HTTP messages as values. Names and values are kept as they were sent and in their order, because
// a gateway must pass them on untouched; look-up ignores the case of names.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace hone::net {

struct Header {
  std::string name;
  std::string value;
};

class Headers {
 public:
  Headers() = default;
  Headers(std::initializer_list<Header> fields) : fields_(fields) {}

  // The first value of that name, or nullptr.
  [[nodiscard]] const std::string* find(std::string_view name) const;
  [[nodiscard]] std::string get(std::string_view name) const;  // "" where absent
  [[nodiscard]] bool has(std::string_view name) const { return find(name) != nullptr; }
  void add(std::string name, std::string value);
  void set(std::string_view name, std::string value);  // replaces every field of that name
  void remove(std::string_view name);

  [[nodiscard]] auto begin() const { return fields_.begin(); }
  [[nodiscard]] auto end() const { return fields_.end(); }
  [[nodiscard]] std::size_t size() const { return fields_.size(); }

 private:
  std::vector<Header> fields_;
};

struct Request {
  std::string method;
  std::string target;  // path and query, raw: "/v1/messages?beta=true"
  Headers headers;
  std::string body;  // without its framing
  std::string peer;  // "127.0.0.1:50312"

  [[nodiscard]] std::string_view path() const;   // raw, without the query
  [[nodiscard]] std::string_view query() const;  // raw, without "?"
  // The decoded value of the first query parameter of that name.
  [[nodiscard]] std::optional<std::string> parameter(std::string_view name) const;
};

struct Response {
  int status = 200;
  Headers headers;
  std::string body;
};

[[nodiscard]] Response text_response(int status, std::string body,
                                     std::string content_type = "text/plain; charset=utf-8");
[[nodiscard]] Response json_response(int status, const json::value& value);
// {"error": {"code": "invalid", "message": "…"}} with the status that fits the code.
[[nodiscard]] Response error_response(const Error& error);
[[nodiscard]] int http_status(ErrorCode code);

[[nodiscard]] std::string_view reason_phrase(int status);
[[nodiscard]] bool same_name(std::string_view a, std::string_view b);  // ignores ASCII case
// "%41+b" -> "A b"; bad escapes stay as they are. `plus_is_blank` as in query strings.
[[nodiscard]] std::string percent_decode(std::string_view text, bool plus_is_blank = false);

// One header block as it goes over the wire, without the start line: "name: value\r\n…\r\n\r\n".
// Refuses names that are no tokens and values with CR, LF or NUL, which would forge further
// headers.
[[nodiscard]] Result<std::string> header_block(const Headers& headers);

}  // namespace hone::net
