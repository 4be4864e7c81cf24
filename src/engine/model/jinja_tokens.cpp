#include "engine/model/jinja_tokens.h"

#include <array>
#include <charconv>

#include "engine/model/jinja_budget.h"
#include "engine/model/jinja_strings.h"
#include "engine/model/jinja_unescape.h"
#include "engine/model/utf8.h"

namespace hone::engine::jinja {
namespace {

// Longer ones first.
constexpr std::array<std::string_view, 26> kOperators = {
    "**", "//", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[",
    "]",  "(",  ")",  "{",  "}",  ">",  "<", "=", ".", ":", "|", ",", ";"};

// Looking a name up takes the longer the longer it is.
constexpr std::size_t kMaxNameBytes = 256;

// Line ends are "\n", and the last one is left out.
std::string with_plain_newlines(std::string_view source) {
  std::string plain;
  plain.reserve(source.size());
  for (std::size_t i = 0; i < source.size(); ++i) {
    if (source[i] != '\r') {
      plain += source[i];
    } else {
      plain += '\n';
      if (i + 1 < source.size() && source[i + 1] == '\n') ++i;
    }
  }
  if (plain.ends_with('\n')) plain.pop_back();
  return plain;
}

std::string_view without_space_behind(std::string_view text) {
  const std::string_view inner = strip(text);
  if (inner.empty()) return inner;
  return text.substr(0, static_cast<std::size_t>(inner.data() + inner.size() - text.data()));
}

class Lexer {
 public:
  explicit Lexer(std::string_view source) : source_(with_plain_newlines(source)) {}

  std::vector<Token> run() {
    while (at_ < source_.size()) {
      const std::size_t tag = find_tag();
      if (tag == std::string::npos) {
        add_data(source_.size(), '+', false);
        break;
      }
      read_tag(tag);
    }
    add(Token::Kind::kEnd, "");
    return std::move(tokens_);
  }

 private:
  // The next "{{", "{%" or "{#".
  [[nodiscard]] std::size_t find_tag() const {
    for (std::size_t i = at_; (i = source_.find('{', i)) != std::string::npos; ++i) {
      const char next = peek(i + 1);
      if (next == '{' || next == '%' || next == '#') return i;
    }
    return std::string::npos;
  }

  void read_tag(std::size_t tag) {
    const char kind = peek(tag + 1);
    const char sign = peek(tag + 2) == '-' || peek(tag + 2) == '+' ? peek(tag + 2) : '\0';
    const std::size_t raw = kind == '%' ? end_of_word_tag(tag, "raw") : std::string::npos;
    add_data(tag, sign, kind != '{');
    if (raw != std::string::npos) {
      read_raw(raw);
      return;
    }
    advance(tag + (sign != '\0' ? 3 : 2));
    if (kind == '#') {
      skip_comment();
    } else {
      read_inside(kind == '%');
    }
  }

  // Text up to `end`, where a tag with `sign` begins.
  void add_data(std::size_t end, char sign, bool strips_line) {
    std::string_view text = std::string_view(source_).substr(at_, end - at_);
    if (sign == '-') {
      text = without_space_behind(text);
    } else if (sign != '+' && strips_line) {
      const std::size_t line = text.rfind('\n') + 1;  // 0 where there is none
      if ((line > 0 || at_line_start_) && strip(text.substr(line)).empty()) {
        text = text.substr(0, line);
      }
    }
    if (!text.empty()) add(Token::Kind::kData, std::string(text));
    advance(end);
  }

  // Where a tag such as {%- raw %} at `tag` ends, or npos where there is another one.
  [[nodiscard]] std::size_t end_of_word_tag(std::size_t tag, std::string_view word) const {
    std::size_t i = tag + 2;
    if (peek(i) == '-' || peek(i) == '+') ++i;
    i = behind_space(i);
    if (std::string_view(source_).substr(i, word.size()) != word) return std::string::npos;
    i = behind_space(i + word.size());
    const bool is_end = word == "endraw";
    if (rest(i).starts_with("-%}")) return behind_space(i + 3);
    if (is_end && rest(i).starts_with("+%}")) return i + 3;
    if (!rest(i).starts_with("%}")) return std::string::npos;
    return is_end && peek(i + 2) == '\n' ? i + 3 : i + 2;
  }

  void read_raw(std::size_t begin) {
    const int line = line_;
    advance(begin);
    end_tag();
    for (std::size_t i = at_; (i = source_.find("{%", i)) != std::string::npos; ++i) {
      const std::size_t end = end_of_word_tag(i, "endraw");
      if (end == std::string::npos) continue;
      add_data(i, peek(i + 2), true);
      advance(end);
      end_tag();
      return;
    }
    refuse("{% raw %} has no end", line);
  }

  void skip_comment() {
    const std::size_t end = source_.find("#}", at_);
    if (end == std::string::npos) refuse("a comment has no end", line_);
    const char sign = end > at_ ? source_[end - 1] : '\0';
    advance(end + 2);
    trim_behind(sign, true);
    end_tag();
  }

  // Behind a tag that had `sign` at its end.
  void trim_behind(char sign, bool takes_newline) {
    if (sign == '-') {
      advance(behind_space(at_));
    } else if (sign != '+' && takes_newline && peek(at_) == '\n') {
      advance(at_ + 1);
    }
  }

  void end_tag() { at_line_start_ = source_[at_ - 1] == '\n'; }

  void read_inside(bool block) {
    add(block ? Token::Kind::kBlockBegin : Token::Kind::kPrintBegin, block ? "{%" : "{{");
    while (!read_end(block)) {
      const std::size_t next = behind_space(at_);
      if (next > at_) {
        advance(next);
      } else if (at_ < source_.size()) {
        read_token();
      } else {
        refuse("a tag has no end", line_);
      }
    }
  }

  // Inside of brackets "}}" and "%}" are operators.
  bool read_end(bool block) {
    if (!open_.empty()) return false;
    const std::string_view end = block ? "%}" : "}}";
    char sign = '\0';
    if (!rest(at_).starts_with(end)) {
      sign = peek(at_);
      if (sign != '-' && !(sign == '+' && block)) return false;
      if (!rest(at_ + 1).starts_with(end)) return false;
    }
    add(block ? Token::Kind::kBlockEnd : Token::Kind::kPrintEnd, std::string(end));
    advance(at_ + (sign != '\0' ? 3 : 2));
    trim_behind(sign, block);
    end_tag();
    return true;
  }

  void read_token() {
    const char first = source_[at_];
    if (first >= '0' && first <= '9') return read_number();
    if (first == '\'' || first == '"') return read_string();
    if (const std::size_t end = end_of_name(); end > at_) {
      if (end - at_ > kMaxNameBytes) refuse("a name is too long", line_);
      add(Token::Kind::kName, source_.substr(at_, end - at_));
      return advance(end);
    }
    for (const std::string_view text : kOperators) {
      if (!rest(at_).starts_with(text)) continue;
      keep_balance(text.front());
      add(Token::Kind::kOperator, std::string(text));
      return advance(at_ + text.size());
    }
    refuse("unexpected character '" + source_.substr(at_, character_at(source_, at_).size) + "'",
           line_);
  }

  void keep_balance(char bracket) {
    if (bracket == '(') open_ += ')';
    if (bracket == '[') open_ += ']';
    if (bracket == '{') open_ += '}';
    if (bracket != ')' && bracket != ']' && bracket != '}') return;
    if (open_.empty() || open_.back() != bracket) {
      refuse(std::string("unexpected '") + bracket + "'", line_);
    }
    open_.pop_back();
  }

  [[nodiscard]] std::size_t end_of_name() const {
    std::size_t i = at_;
    while (i < source_.size()) {
      const Character character = character_at(source_, i);
      if (character.code != '_' && !is_letter(character.code) && !is_number(character.code)) break;
      i += character.size;
    }
    return i;
  }

  // Digits with single "_" between them, from `i` on: their end, or `i`.
  [[nodiscard]] std::size_t end_of_digits(std::size_t i) const {
    const auto is_digit = [this](std::size_t at) { return peek(at) >= '0' && peek(at) <= '9'; };
    if (!is_digit(i)) return i;
    while (is_digit(i) || (peek(i) == '_' && is_digit(i + 1))) ++i;
    return i;
  }

  void read_number() {
    const std::size_t whole = end_of_digits(at_);
    std::size_t end = whole;
    if (at_ == 0 || source_[at_ - 1] != '.') {  // "a.1.2" is two look-ups
      if (peek(whole) == '.') end = std::max(whole, end_of_digits(whole + 1));
      if (end == whole + 1) end = whole;
      if (peek(end) == 'e' || peek(end) == 'E') {
        const std::size_t sign = peek(end + 1) == '+' || peek(end + 1) == '-' ? 1 : 0;
        const std::size_t exponent = end_of_digits(end + 1 + sign);
        if (exponent > end + 1 + sign) end = exponent;
      }
    }
    std::string digits = source_.substr(at_, end - at_);
    std::erase(digits, '_');
    const bool is_float = end > whole;
    if (!is_float && digits.size() > 1 && digits.front() == '0' &&
        digits.find_first_not_of('0') != std::string::npos) {
      refuse("a number begins with 0", line_);
    }
    const char next = peek(end);
    if (!is_float && digits == "0" && (next == 'x' || next == 'o' || next == 'b')) {
      refuse_unsupported("a number that is not decimal", line_);
    }
    Token& token = add(is_float ? Token::Kind::kFloat : Token::Kind::kInteger, digits);
    const char* last = digits.data() + digits.size();
    const auto read = is_float ? std::from_chars(digits.data(), last, token.number)
                               : std::from_chars(digits.data(), last, token.integer);
    if (read.ec != std::errc() || read.ptr != last) refuse("a number is too large", line_);
    advance(end);
  }

  void read_string() {
    const char quote = source_[at_];
    std::size_t end = at_ + 1;
    while (end < source_.size() && source_[end] != quote) end += source_[end] == '\\' ? 2 : 1;
    if (end >= source_.size()) refuse("a string has no end", line_);
    const auto inside = std::string_view(source_).substr(at_ + 1, end - at_ - 1);
    add(Token::Kind::kString, unescaped(inside, line_));
    advance(end + 1);
  }

  Token& add(Token::Kind kind, std::string text) {
    return tokens_.emplace_back(Token{kind, std::move(text), line_, 0, 0});
  }

  void advance(std::size_t to) {
    line_ += static_cast<int>(std::count(source_.begin() + static_cast<std::ptrdiff_t>(at_),
                                         source_.begin() + static_cast<std::ptrdiff_t>(to), '\n'));
    at_ = to;
  }

  [[nodiscard]] char peek(std::size_t i) const { return i < source_.size() ? source_[i] : '\0'; }
  [[nodiscard]] std::string_view rest(std::size_t i) const {
    return std::string_view(source_).substr(std::min(i, source_.size()));
  }
  [[nodiscard]] std::size_t behind_space(std::size_t i) const {
    while (i < source_.size()) {
      const Character character = character_at(source_, i);
      if (!is_space(character.code)) break;
      i += character.size;
    }
    return std::min(i, source_.size());
  }

  const std::string source_;
  std::size_t at_ = 0;
  int line_ = 1;
  bool at_line_start_ = true;
  std::string open_;  // the brackets that close what is open
  std::vector<Token> tokens_;
};

}  // namespace

std::vector<Token> tokenize(std::string_view source) {
  return Lexer(source).run();
}

std::string described(const Token& token) {
  switch (token.kind) {
    case Token::Kind::kEnd:
      return "the end of the template";
    case Token::Kind::kData:
      return "text";
    case Token::Kind::kString:
      return "a string";
    default:
      return "'" + token.text + "'";
  }
}

const Token& TokenStream::next() {
  const Token& token = tokens_[at_];
  at_ = std::min(at_ + 1, last());
  return token;
}

bool TokenStream::is_operator(std::string_view text) const {
  return is(Token::Kind::kOperator) && current().text == text;
}

bool TokenStream::is_name(std::string_view text) const {
  return is(Token::Kind::kName) && current().text == text;
}

bool TokenStream::take_operator(std::string_view text) {
  const bool there = is_operator(text);
  if (there) next();
  return there;
}

bool TokenStream::take_name(std::string_view text) {
  const bool there = is_name(text);
  if (there) next();
  return there;
}

void TokenStream::expect_operator(std::string_view text) {
  if (!take_operator(text)) unexpected("'" + std::string(text) + "'");
}

void TokenStream::expect_name(std::string_view text) {
  if (!take_name(text)) unexpected("'" + std::string(text) + "'");
}

const Token& TokenStream::expect(Token::Kind kind, std::string_view description) {
  if (!is(kind)) unexpected(description);
  return next();
}

void TokenStream::unexpected(std::string_view wanted) const {
  refuse("expected " + std::string(wanted) + ", not " + described(current()), current().line);
}

}  // namespace hone::engine::jinja
