// A template's source, cut into tokens: text, and what stands inside of {{ }} and {% %}. White
// space around tags is taken away here, as jinja2 does it with trim_blocks and lstrip_blocks on:
// a block's or comment's tag takes the newline behind it and the blanks before it on its line, "-"
// takes all white space on its side, "+" keeps what is there. Used by jinja*.cpp only.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hone::engine::jinja {

struct Token {
  enum class Kind {
    kData,  // text between tags
    kPrintBegin,
    kPrintEnd,
    kBlockBegin,
    kBlockEnd,
    kName,
    kString,
    kInteger,
    kFloat,
    kOperator,
    kEnd,
  };
  Kind kind = Kind::kEnd;
  std::string text;  // of a string without quotes and escapes
  int line = 0;
  std::int64_t integer = 0;
  double number = 0;
};

// The last one is kEnd. Throws Failure, with its line.
[[nodiscard]] std::vector<Token> tokenize(std::string_view source);

// As they stand in messages: "'endif'", "the end of the template".
[[nodiscard]] std::string described(const Token& token);

class TokenStream {
 public:
  explicit TokenStream(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}

  [[nodiscard]] const Token& current() const { return tokens_[at_]; }
  [[nodiscard]] const Token& ahead() const { return tokens_[std::min(at_ + 1, last())]; }
  // The current one, which is passed. The end stays.
  const Token& next();

  [[nodiscard]] bool is(Token::Kind kind) const { return current().kind == kind; }
  [[nodiscard]] bool is_operator(std::string_view text) const;
  [[nodiscard]] bool is_name(std::string_view text) const;
  bool take_operator(std::string_view text);
  bool take_name(std::string_view text);
  // Fail where something else stands.
  void expect_operator(std::string_view text);
  void expect_name(std::string_view text);
  const Token& expect(Token::Kind kind, std::string_view description);
  [[noreturn]] void unexpected(std::string_view wanted) const;

 private:
  [[nodiscard]] std::size_t last() const { return tokens_.size() - 1; }

  std::vector<Token> tokens_;
  std::size_t at_ = 0;
};

}  // namespace hone::engine::jinja
