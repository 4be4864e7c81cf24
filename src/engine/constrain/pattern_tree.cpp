// Reads regular expressions, as far as answers can be held to them.
#include <algorithm>
#include <array>
#include <optional>
#include <string>

#include "engine/constrain/text_states.h"
#include "engine/model/utf8.h"

namespace hone::engine {
namespace {

constexpr std::size_t kLongestPattern = 1024;  // bytes
constexpr int kDeepestGroup = 64;
constexpr std::uint32_t kMostRepeats = 1024;
constexpr char32_t kLastCharacter = 0x10FFFF;

const CharacterSet& digit_characters() {
  static const CharacterSet kSet = character_set({{'0', '9'}});
  return kSet;
}
const CharacterSet& word_characters() {
  static const CharacterSet kSet = character_set({{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}});
  return kSet;
}
// What every dialect takes for white space, and what any does.
const CharacterSet& sure_blanks() {
  static const CharacterSet kSet = character_set({{'\t', '\n'}, {'\f', '\r'}, {' ', ' '}});
  return kSet;
}
const CharacterSet& possible_blanks() {
  static const CharacterSet kSet = character_set({{'\t', '\r'},
                                                  {0x1C, ' '},
                                                  {0x85, 0x85},
                                                  {0xA0, 0xA0},
                                                  {0x1680, 0x1680},
                                                  {0x180E, 0x180E},
                                                  {0x2000, 0x200A},
                                                  {0x2028, 0x2029},
                                                  {0x202F, 0x202F},
                                                  {0x205F, 0x205F},
                                                  {0x3000, 0x3000},
                                                  {0xFEFF, 0xFEFF}});
  return kSet;
}

class PatternReader {
 public:
  explicit PatternReader(std::string_view text) : text_(text) {}

  Result<PatternTree> read() {
    auto root = choice(0);
    if (!root) return fail(root.error());
    if (!done()) return wrong("')' without '('");
    tree_.root = *root;
    return std::move(tree_);
  }

 private:
  using Part = Result<std::size_t>;
  using Kind = PatternPart::Kind;

  static std::unexpected<Error> wrong(const std::string& what) {
    return fail(ErrorCode::kInvalid, what);
  }
  static std::unexpected<Error> beyond(const std::string& what) {
    return wrong("hone-engine cannot hold an answer to " + what + " in a pattern");
  }

  [[nodiscard]] bool done() const { return at_ >= text_.size(); }
  [[nodiscard]] char peek() const { return done() ? '\0' : text_[at_]; }
  [[nodiscard]] bool next_is(std::string_view what) const {
    return text_.substr(at_).starts_with(what);
  }
  bool take(std::string_view what) {
    if (!next_is(what)) return false;
    at_ += what.size();
    return true;
  }
  char32_t take_character() {
    const Character character = character_at(text_, at_);
    at_ += character.size;
    return character.code;
  }
  std::size_t add(PatternPart part) {
    tree_.parts.push_back(std::move(part));
    return tree_.parts.size() - 1;
  }
  std::size_t add_set(CharacterSet set) {
    return add({.kind = Kind::kSet, .set = std::move(set), .parts = {}});
  }

  Part choice(int depth) {
    if (depth > kDeepestGroup) return wrong("groups are nested too deeply");
    PatternPart ways{.kind = Kind::kChoice, .set = {}, .parts = {}};
    do {
      auto way = sequence(depth);
      if (!way) return way;
      ways.parts.push_back(*way);
    } while (take("|"));
    return ways.parts.size() == 1 ? ways.parts.front() : add(std::move(ways));
  }

  Part sequence(int depth) {
    PatternPart all{.kind = Kind::kSequence, .set = {}, .parts = {}};
    while (!done() && peek() != '|' && peek() != ')') {
      auto one = repeated(depth);
      if (!one) return one;
      all.parts.push_back(*one);
    }
    return add(std::move(all));
  }

  Part repeated(int depth) {
    auto one = single(depth);
    if (!one) return one;
    PatternPart part{.kind = Kind::kRepeat, .set = {}, .parts = {*one}};
    if (take("*")) {
    } else if (take("+")) {
      part.least = 1;
    } else if (take("?")) {
      part.most = 1;
    } else if (take("{")) {
      if (auto read = read_counts(part); !read) return fail(read.error());
    } else {
      return one;
    }
    take("?");  // how a match is looked for; what matches is the same
    return add(std::move(part));
  }

  Result<void> read_counts(PatternPart& part) {
    const auto least = number();
    if (!least) return wrong("'{' begins no count; write \\{ for the character");
    part.least = *least;
    part.most = *least;
    if (take(",")) part.most = next_is("}") ? kNoLimit : number().value_or(0);
    if (!take("}")) return wrong("a count has no '}'");
    const std::uint32_t larger = part.most == kNoLimit ? part.least : part.most;
    if (larger > kMostRepeats) return wrong("a count is above 1024");
    if (part.most < part.least) return wrong("a count ends below its beginning");
    return {};
  }

  std::optional<std::uint32_t> number() {
    const std::size_t begin = at_;
    std::uint32_t value = 0;
    for (; peek() >= '0' && peek() <= '9'; ++at_) {
      value = std::min(value * 10 + static_cast<std::uint32_t>(peek() - '0'), 1'000'000U);
    }
    return at_ == begin ? std::nullopt : std::optional(value);
  }

  Part single(int depth) {
    if (take("^")) return add({.kind = Kind::kBegin, .set = {}, .parts = {}});
    if (take("$")) return add({.kind = Kind::kEnd, .set = {}, .parts = {}});
    if (take("(")) return group(depth);
    if (take("[")) return class_of_characters();
    if (take(".")) {
      return add_set(all_but(character_set({{'\n', '\n'}, {'\r', '\r'}, {0x2028, 0x2029}})));
    }
    if (take("\\")) {
      auto set = escape(false);
      if (!set) return fail(set.error());
      return add_set(std::move(*set));
    }
    if (next_is("*") || next_is("+") || next_is("?")) {
      return wrong("'" + std::string(1, peek()) + "' has nothing to repeat");
    }
    if (next_is("{")) return wrong("'{' begins no count; write \\{ for the character");
    const char32_t code = take_character();
    return add_set(character_set({{code, code}}));
  }

  Part group(int depth) {
    if (take("?")) {
      const bool named = (take("<") || take("P<")) && !next_is("=") && !next_is("!");
      if (named) {
        at_ = std::min(text_.find('>', at_), text_.size());
        if (!take(">")) return wrong("the name of a group has no '>'");
      } else if (!take(":")) {
        return beyond("look-around, flags and other groups that begin with '(?'");
      }
    }
    auto inside = choice(depth + 1);
    if (!inside) return inside;
    if (!take(")")) return wrong("'(' without ')'");
    return inside;
  }

  Part class_of_characters() {
    const bool negated = take("^");
    if (next_is("]")) return beyond("an empty class");
    std::vector<CharacterRange> ranges;
    while (!take("]")) {
      if (done()) return wrong("'[' without ']'");
      if (next_is("[:") || next_is("[.") || next_is("[=")) return beyond("a named class");
      auto item = class_item(negated);
      if (!item) return fail(item.error());
      const bool one = item->size() == 1 && item->front().first == item->front().last;
      if (one && next_is("-") && !next_is("-]")) {
        take("-");
        if (done()) return wrong("'[' without ']'");
        const auto last = class_item(negated);
        if (!last) return fail(last.error());
        if (last->size() != 1 || last->front().first != last->front().last)
          return wrong("a class stands at the end of a range");
        if (last->front().first < item->front().first) return wrong("a range is backwards");
        item->front().last = last->front().first;
      }
      ranges.insert(ranges.end(), item->begin(), item->end());
    }
    CharacterSet set = character_set(std::move(ranges));
    return add_set(negated ? all_but(set) : std::move(set));
  }

  Result<CharacterSet> class_item(bool negated) {
    if (take("\\")) return escape(negated);
    const char32_t code = take_character();
    return character_set({{code, code}});
  }

  // Behind the backslash. `widest`: the larger set where dialects differ, because it is taken away.
  Result<CharacterSet> escape(bool widest) {
    if (done()) return wrong("it ends with a backslash");
    const char32_t code = take_character();
    switch (code) {
      case 'd':
        return digit_characters();
      case 'D':
        return all_but(digit_characters());
      case 'w':
        return word_characters();
      case 'W':
        return all_but(word_characters());
      case 's':
        return widest ? possible_blanks() : sure_blanks();
      case 'S':
        return all_but(widest ? sure_blanks() : possible_blanks());
      case 'x':
        return coded(2);
      case 'u':
        return coded(4);
      default:
        break;
    }
    constexpr std::array<std::pair<char32_t, char32_t>, 4> kNamed = {
        {{'n', '\n'}, {'r', '\r'}, {'t', '\t'}, {'f', '\f'}}};
    for (const auto& [letter, meant] : kNamed) {
      if (code == letter) return character_set({{meant, meant}});
    }
    const bool letter_or_digit = (code >= '0' && code <= '9') || (code >= 'A' && code <= 'Z') ||
                                 (code >= 'a' && code <= 'z');
    if (letter_or_digit) return beyond("'\\" + std::string(1, static_cast<char>(code)) + "'");
    return character_set({{code, code}});
  }

  Result<CharacterSet> coded(int digits) {
    char32_t code = 0;
    for (int i = 0; i < digits; ++i, ++at_) {
      constexpr std::string_view kHex = "0123456789abcdef";
      const char c = peek();
      const auto value = kHex.find(c >= 'A' && c <= 'F' ? static_cast<char>(c + 32) : c);
      if (done() || value == std::string_view::npos) {
        return wrong("\\x wants two hexadecimal digits, \\u four");
      }
      code = code * 16 + static_cast<char32_t>(value);
    }
    if (code >= 0xD800 && code <= 0xDFFF) return beyond("half of a surrogate pair");
    return character_set({{code, code}});
  }

  std::string_view text_;
  std::size_t at_ = 0;
  PatternTree tree_;
};

}  // namespace

CharacterSet character_set(std::vector<CharacterRange> ranges) {
  std::sort(ranges.begin(), ranges.end());
  CharacterSet set;
  const auto add = [&set](char32_t first, char32_t last) {
    if (first > last) return;
    if (!set.empty() && first <= set.back().last + 1) {
      set.back().last = std::max(set.back().last, last);
    } else {
      set.push_back({first, last});
    }
  };
  for (const CharacterRange& range : ranges) {
    add(range.first, std::min<char32_t>(range.last, 0xD7FF));
    add(std::max<char32_t>(range.first, 0xE000), range.last);
  }
  return set;
}

CharacterSet all_but(const CharacterSet& set) {
  std::vector<CharacterRange> rest;
  char32_t next = 0;
  for (const CharacterRange& range : set) {
    if (range.first > next) rest.push_back({next, range.first - 1});
    next = range.last + 1;
  }
  if (next <= kLastCharacter) rest.push_back({next, kLastCharacter});
  return character_set(std::move(rest));
}

Result<PatternTree> parse_pattern(std::string_view expression) {
  if (expression.size() > kLongestPattern)
    return fail(ErrorCode::kInvalid, "the pattern has more than 1024 bytes");
  if (!is_utf8(expression)) return fail(ErrorCode::kInvalid, "the pattern is not UTF-8");
  return PatternReader(expression).read();
}

}  // namespace hone::engine
