// Python literals, as data frames written to CSV hold them in place of JSON.
#include <charconv>
#include <cmath>

#include "capture/import_records.h"

namespace hone::capture {
namespace {

constexpr int kMaxDepth = 32;

class PythonReader {
 public:
  explicit PythonReader(std::string_view text) : text_(text) {}

  Result<json::value> read_all() {
    auto value = read_value(0);
    if (!value) return value;
    skip_blanks();
    if (at_ != text_.size()) return wrong("unexpected text");
    return value;
  }

 private:
  [[nodiscard]] char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }

  bool take(std::string_view word) {
    if (!text_.substr(at_).starts_with(word)) return false;
    at_ += word.size();
    return true;
  }

  void skip_blanks() {
    while (peek() == ' ' || peek() == '\t' || peek() == '\n' || peek() == '\r') ++at_;
  }

  [[nodiscard]] std::unexpected<Error> wrong(const std::string& what) const {
    return fail(ErrorCode::kInvalid, what + " at byte " + std::to_string(at_) + " of the literal");
  }

  Result<json::value> read_value(int depth) {
    if (depth > kMaxDepth) return wrong("nesting is too deep");
    skip_blanks();
    const char c = peek();
    if (c == '\'' || c == '"') return read_string();
    if (c == '[') return read_list(']', depth);
    if (c == '(') return read_list(')', depth);
    if (c == '{') return read_dict(depth);
    if (take("None") || take("nan")) return json::value(nullptr);
    if (take("True")) return json::value(true);
    if (take("False")) return json::value(false);
    return read_number();
  }

  Result<json::value> read_number() {
    const std::size_t size = text_.find_first_not_of("+-.0123456789eE", at_) - at_;
    const std::string_view digits = text_.substr(at_, size);
    const char* end = digits.data() + digits.size();
    std::int64_t whole = 0;
    if (const auto read = std::from_chars(digits.data(), end, whole);
        !digits.empty() && read.ec == std::errc() && read.ptr == end) {
      at_ += digits.size();
      return json::value(whole);
    }
    double real = 0;
    const auto read = std::from_chars(digits.data(), end, real);
    if (digits.empty() || read.ec != std::errc() || read.ptr != end || !std::isfinite(real)) {
      return wrong("no value");
    }
    at_ += digits.size();
    return json::value(real);
  }

  Result<json::value> read_list(char close, int depth) {
    json::array items;
    ++at_;
    for (;;) {
      skip_blanks();
      if (peek() == close) break;
      auto item = read_value(depth + 1);
      if (!item) return item;
      items.push_back(std::move(*item));
      skip_blanks();
      if (peek() == ',') {
        ++at_;
      } else if (peek() != close) {
        return wrong("a list needs ',' between its items");
      }
    }
    ++at_;
    return items;
  }

  Result<json::value> read_dict(int depth) {
    json::object members;
    ++at_;
    for (;;) {
      skip_blanks();
      if (peek() == '}') break;
      if (peek() != '\'' && peek() != '"') return wrong("a dict's keys must be strings");
      auto key = read_string();
      if (!key) return key;
      skip_blanks();
      if (peek() != ':') return wrong("a dict needs ':' after a key");
      ++at_;
      auto value = read_value(depth + 1);
      if (!value) return value;
      members[key->get_string()] = std::move(*value);
      skip_blanks();
      if (peek() == ',') {
        ++at_;
      } else if (peek() != '}') {
        return wrong("a dict needs ',' between its members");
      }
    }
    ++at_;
    return members;
  }

  Result<json::value> read_string() {
    const char quote = peek();
    std::string text;
    for (++at_; peek() != quote; ++at_) {
      if (at_ >= text_.size()) return wrong("a string never ends");
      if (peek() != '\\') {
        text += peek();
        continue;
      }
      ++at_;
      if (!read_escape(text)) return wrong("an unknown escape");
    }
    ++at_;
    return json::value(text);
  }

  // Stands on the character after the backslash, and ends on the last one of the escape.
  bool read_escape(std::string& text) {
    switch (peek()) {
      case 'n':
        text += '\n';
        return true;
      case 't':
        text += '\t';
        return true;
      case 'r':
        text += '\r';
        return true;
      case '\\':
      case '\'':
      case '"':
        text += peek();
        return true;
      case 'x':
        return read_code(2, text);
      case 'u':
        return read_code(4, text);
      case 'U':
        return read_code(8, text);
      default:
        return false;
    }
  }

  bool read_code(std::size_t digits, std::string& text) {
    const std::string_view hex = text_.substr(at_ + 1, digits);
    std::uint32_t code = 0;
    const auto read = std::from_chars(hex.data(), hex.data() + hex.size(), code, 16);
    const bool surrogate = code >= 0xD800 && code < 0xE000;
    if (hex.size() != digits || read.ptr != hex.data() + digits || code > 0x10FFFF || surrogate) {
      return false;
    }
    at_ += digits;
    append_utf8(code, text);
    return true;
  }

  static void append_utf8(std::uint32_t code, std::string& text) {
    const auto put = [&](std::uint32_t byte) { text += static_cast<char>(byte); };
    if (code < 0x80) {
      put(code);
    } else if (code < 0x800) {
      put(0xC0 | code >> 6);
      put(0x80 | (code & 0x3F));
    } else if (code < 0x10000) {
      put(0xE0 | code >> 12);
      put(0x80 | (code >> 6 & 0x3F));
      put(0x80 | (code & 0x3F));
    } else {
      put(0xF0 | code >> 18);
      put(0x80 | (code >> 12 & 0x3F));
      put(0x80 | (code >> 6 & 0x3F));
      put(0x80 | (code & 0x3F));
    }
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

Result<json::value> parse_python_literal(std::string_view text) {
  return PythonReader(text).read_all();
}

}  // namespace hone::capture
