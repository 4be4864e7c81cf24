#include "engine/model/pretokenizer.h"

#include <algorithm>

#include "engine/model/utf8.h"

namespace hone::engine {
namespace {

enum class Class : std::uint8_t { kLetter, kNumber, kSpace, kNewline /* \r \n */, kOther };

struct Classified {
  char32_t code;
  Class kind;
  std::size_t offset;  // in bytes
};

Class classify(const Character& character) {
  const char32_t code = character.code;
  if (!character.valid) return Class::kOther;
  if (code == '\r' || code == '\n') return Class::kNewline;
  if (is_white_space(code)) return Class::kSpace;
  if (is_letter(code)) return Class::kLetter;
  if (is_number(code)) return Class::kNumber;
  return Class::kOther;
}

// Walks the characters of one stretch. Positions count characters; the last entry is a sentinel.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {
    characters_.reserve(text.size() + 1);
    for (std::size_t i = 0; i < text.size();) {
      const Character character = character_at(text, i);
      characters_.push_back({character.code, classify(character), i});
      i += character.size;
    }
    size_ = characters_.size();
    characters_.push_back({0, Class::kOther, text.size()});
  }

  // Appends the pieces that `next`, a rule from a position to the end of the piece there, makes.
  template <typename Rule>
  void scan(Rule next, std::vector<std::string_view>& pieces) const {
    for (std::size_t at = 0; at < size_;) {
      const std::size_t end = next(*this, at);
      const std::size_t begin_byte = characters_[at].offset;
      pieces.push_back(text_.substr(begin_byte, characters_[end].offset - begin_byte));
      at = end;
    }
  }

  [[nodiscard]] bool is(std::size_t at, Class kind) const {
    return at < size_ && characters_[at].kind == kind;
  }
  [[nodiscard]] bool is_space(std::size_t at) const {
    return is(at, Class::kSpace) || is(at, Class::kNewline);
  }
  [[nodiscard]] char32_t code(std::size_t at) const {
    return at < size_ ? characters_[at].code : 0;
  }

  [[nodiscard]] std::size_t run(std::size_t at, Class kind) const {
    while (is(at, kind)) ++at;
    return at;
  }

  // 's 't 're 've 'm 'll 'd, at an apostrophe; `at` itself where there is none.
  [[nodiscard]] std::size_t contraction(std::size_t at, bool ignore_case) const {
    if (code(at) != '\'') return at;
    const char32_t first = folded(at + 1, ignore_case);
    if (first == 's' || first == 't' || first == 'm' || first == 'd') return at + 2;
    const char32_t second = folded(at + 2, ignore_case);
    const bool two = (first == 'r' && second == 'e') || (first == 'v' && second == 'e') ||
                     (first == 'l' && second == 'l');
    return two ? at + 3 : at;
  }

  // \s+(?!\S)|\s+ : the last blank before a word is left to it, unless it is alone.
  [[nodiscard]] std::size_t spaces(std::size_t at) const {
    std::size_t end = at;
    while (is_space(end)) ++end;
    return end < size_ && end > at + 1 ? end - 1 : end;
  }

  // \s*[\r\n]+ : through the last line end of the white space here; `at` where there is none.
  [[nodiscard]] std::size_t through_newline(std::size_t at) const {
    std::size_t end = at;
    for (std::size_t i = at; is_space(i); ++i) {
      if (is(i, Class::kNewline)) end = i + 1;
    }
    return end;
  }

 private:
  [[nodiscard]] char32_t folded(std::size_t at, bool ignore_case) const {
    const char32_t given = code(at);
    if (!ignore_case) return given;
    if (given == 0x17F) return 's';  // LATIN SMALL LETTER LONG S folds to s
    return given >= 'A' && given <= 'Z' ? given + ('a' - 'A') : given;
  }

  std::string_view text_;
  std::vector<Classified> characters_;
  std::size_t size_ = 0;
};

// kGpt2Regex, alternative by alternative.
std::size_t next_gpt2(const Scanner& text, std::size_t at) {
  if (const std::size_t end = text.contraction(at, false); end > at) return end;
  const std::size_t word = text.code(at) == ' ' ? at + 1 : at;
  for (const Class kind : {Class::kLetter, Class::kNumber, Class::kOther}) {
    if (text.is(word, kind)) return text.run(word, kind);
  }
  return text.spaces(at);
}

// kLlama3Regex, alternative by alternative.
std::size_t next_llama3(const Scanner& text, std::size_t at) {
  if (const std::size_t end = text.contraction(at, true); end > at) return end;
  if (text.is(at, Class::kLetter)) return text.run(at, Class::kLetter);
  const bool may_lead = text.is(at, Class::kOther) || text.is(at, Class::kSpace);
  if (may_lead && text.is(at + 1, Class::kLetter)) return text.run(at + 1, Class::kLetter);
  if (text.is(at, Class::kNumber)) return std::min(text.run(at, Class::kNumber), at + 3);
  const std::size_t other = text.code(at) == ' ' ? at + 1 : at;
  if (text.is(other, Class::kOther)) {
    return text.run(text.run(other, Class::kOther), Class::kNewline);
  }
  if (const std::size_t end = text.through_newline(at); end > at) return end;
  return text.spaces(at);
}

void split_stretch(SplitPattern pattern, std::string_view text,
                   std::vector<std::string_view>& pieces) {
  if (text.empty()) return;
  const Scanner scanner(text);
  scanner.scan(pattern == SplitPattern::kGpt2 ? next_gpt2 : next_llama3, pieces);
}

}  // namespace

std::vector<std::string_view> split(const Pretokenizer& pretokenizer, std::string_view text) {
  std::vector<std::string_view> pieces;
  std::size_t begin = 0;
  if (pretokenizer.digits_alone) {
    for (std::size_t i = 0; i < text.size();) {
      const Character character = character_at(text, i);
      if (character.valid && is_number(character.code)) {
        split_stretch(pretokenizer.pattern, text.substr(begin, i - begin), pieces);
        pieces.push_back(text.substr(i, character.size));
        begin = i + character.size;
      }
      i += character.size;
    }
  }
  split_stretch(pretokenizer.pattern, text.substr(begin), pieces);
  return pieces;
}

}  // namespace hone::engine
