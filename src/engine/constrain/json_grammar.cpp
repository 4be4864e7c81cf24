#include "engine/constrain/json_grammar.h"

#include <algorithm>
#include <map>

#include "engine/model/utf8.h"

namespace hone::engine {
namespace {

constexpr std::uint32_t kIntegerDigits = 18;  // all of them fit 64 bits
constexpr std::uint32_t kNumberDigits = 15;   // all of them are exact as a double
constexpr std::int64_t kLargestInteger = 999'999'999'999'999'999;
constexpr std::int64_t kLargestWhole = 999'999'999'999'999;

ByteSet ascii_of_strings() {
  ByteSet set;
  for (std::size_t i = 0x20; i < 0x80; ++i) set.set(i);
  return set.reset('"').reset('\\');
}

ByteSet set_of(std::string_view bytes) {
  ByteSet set;
  for (const char byte : bytes) set.set(static_cast<unsigned char>(byte));
  return set;
}

}  // namespace

JsonGrammar::JsonGrammar(GrammarBuilder& builder) : grammar_(builder) {
  raw_character_ = grammar_.rule(
      "a character",
      grammar_.split({grammar_.bytes(ascii_of_strings(), kReturn), beyond_ascii(kReturn)}));
  character_ = grammar_.rule(
      "a character", grammar_.split({grammar_.call(raw_character_, kReturn), escape(kReturn)}));
  any_byte_ = grammar_.rule("a byte", grammar_.range(0, 255, kReturn));
  define_values();
}

// The Unicode Standard's table 3-7, without ASCII.
NodeId JsonGrammar::beyond_ascii(NodeId next) {
  const NodeId one = grammar_.range(0x80, 0xBF, next);
  const NodeId two = grammar_.range(0x80, 0xBF, one);
  const NodeId three = grammar_.range(0x80, 0xBF, two);
  ByteSet plain_lead;
  for (std::size_t lead = 0xE1; lead <= 0xEF; ++lead) plain_lead.set(lead, lead != 0xED);
  return grammar_.split(
      {grammar_.range(0xC2, 0xDF, one), grammar_.byte(0xE0, grammar_.range(0xA0, 0xBF, one)),
       grammar_.bytes(plain_lead, two), grammar_.byte(0xED, grammar_.range(0x80, 0x9F, one)),
       grammar_.byte(0xF0, grammar_.range(0x90, 0xBF, two)), grammar_.range(0xF1, 0xF3, three),
       grammar_.byte(0xF4, grammar_.range(0x80, 0x8F, two))});
}

// \uD83D alone is no character; both halves together are one.
NodeId JsonGrammar::escape(NodeId next) {
  const ByteSet hex = set_of("0123456789abcdefABCDEF");
  const NodeId one = grammar_.bytes(hex, next);
  const NodeId two = grammar_.bytes(hex, one);
  const NodeId three = grammar_.bytes(hex, two);
  const NodeId low_half = grammar_.literal(
      "\\u", grammar_.bytes(set_of("dD"), grammar_.bytes(set_of("cdefCDEF"), two)));
  const NodeId high_half =
      grammar_.bytes(set_of("89abAB"), grammar_.bytes(hex, grammar_.bytes(hex, low_half)));
  const NodeId after_d = grammar_.split({grammar_.range('0', '7', two), high_half});
  const NodeId after_u = grammar_.split(
      {grammar_.bytes(hex & ~set_of("dD"), three), grammar_.bytes(set_of("dD"), after_d)});
  return grammar_.byte('\\', grammar_.split({grammar_.bytes(set_of("\"\\/bfnrt"), next),
                                             grammar_.byte('u', after_u)}));
}

NodeId JsonGrammar::string(std::uint32_t least, std::uint32_t most, NodeId next) {
  return grammar_.byte('"', grammar_.repeat(character_, least, most, grammar_.byte('"', next)));
}

void JsonGrammar::define_values() {
  value_ = grammar_.declare("a value");
  const RuleId member =
      grammar_.rule("a member", string(0, kNoLimit, colon(grammar_.call(value_, kReturn))));
  const RuleId next_member = grammar_.rule("a member", comma(grammar_.call(member, kReturn)));
  const RuleId next_item = grammar_.rule("an item", comma(grammar_.call(value_, kReturn)));
  const NodeId close = grammar_.byte('}', kReturn);
  object_ = grammar_.rule(
      "an object",
      grammar_.byte('{', grammar_.maybe(grammar_.call(member, grammar_.repeat(next_member, 0,
                                                                              kNoLimit, close)),
                                        close)));
  const NodeId end = grammar_.byte(']', kReturn);
  array_ = grammar_.rule(
      "an array",
      grammar_.byte(
          '[', grammar_.maybe(grammar_.call(value_, grammar_.repeat(next_item, 0, kNoLimit, end)),
                              end)));
  grammar_.define(value_, grammar_.split({string(0, kNoLimit, kReturn), number({}, kReturn),
                                          grammar_.one_of({"true", "false", "null"}, kReturn),
                                          object(kReturn), array(kReturn)}));
}

NodeId JsonGrammar::digits(std::uint32_t least, std::uint32_t most, NodeId next) {
  NodeId node = next;
  for (std::uint32_t before = most; before-- > 0;) {
    node = grammar_.range('0', '9', node);
    if (before >= least) node = grammar_.maybe(node, next);
  }
  return node;
}

NodeId JsonGrammar::fraction(NodeId next) {
  return grammar_.maybe(grammar_.byte('.', digits(1, kNumberDigits, next)), next);
}

NodeId JsonGrammar::fraction_above_zero(NodeId next) {
  NodeId node = grammar_.range('1', '9', next);
  for (std::uint32_t place = kNumberDigits; place > 1; --place) {
    const NodeId after = digits(0, kNumberDigits + 1 - place, next);
    node = grammar_.split({grammar_.byte('0', node), grammar_.range('1', '9', after)});
  }
  return grammar_.byte('.', node);
}

NodeId JsonGrammar::same_length(const std::string& low, const std::string& high, std::size_t at,
                                bool at_low, bool at_high, NodeId next) {
  if (at == low.size()) return next;
  const auto left = static_cast<std::uint32_t>(low.size() - at);
  if (!at_low && !at_high) return digits(left, left, next);
  int first = at_low ? low[at] : '0';
  int last = at_high ? high[at] : '9';
  if (first == last) {
    return grammar_.byte(static_cast<unsigned char>(first),
                         same_length(low, high, at + 1, at_low, at_high, next));
  }
  std::vector<NodeId> ways;
  if (at_low) {
    ways.push_back(grammar_.byte(static_cast<unsigned char>(first++),
                                 same_length(low, high, at + 1, true, false, next)));
  }
  if (at_high) {
    ways.push_back(grammar_.byte(static_cast<unsigned char>(last--),
                                 same_length(low, high, at + 1, false, true, next)));
  }
  if (first <= last) {
    ways.push_back(grammar_.range(static_cast<unsigned char>(first),
                                  static_cast<unsigned char>(last),
                                  digits(left - 1, left - 1, next)));
  }
  return grammar_.split(std::move(ways));
}

NodeId JsonGrammar::whole(std::int64_t low, std::int64_t high, NodeId next) {
  if (low > high) return grammar_.split({});
  const std::string first = std::to_string(low);
  const std::string last = std::to_string(high);
  std::vector<NodeId> ways;
  for (std::size_t length = first.size(); length <= last.size(); ++length) {
    const std::string least = length == first.size() ? first : "1" + std::string(length - 1, '0');
    const std::string most = length == last.size() ? last : std::string(length, '9');
    ways.push_back(same_length(least, most, 0, true, true, next));
  }
  return grammar_.split(std::move(ways));
}

NodeId JsonGrammar::integer(const NumberBounds& bounds, NodeId next) {
  if (!bounds.low && !bounds.high) {
    return grammar_.split(
        {grammar_.byte('0', next),
         grammar_.maybe(
             grammar_.byte('-', grammar_.range('1', '9', digits(0, kIntegerDigits - 1, next))),
             grammar_.range('1', '9', digits(0, kIntegerDigits - 1, next)))});
  }
  const auto inside = [](std::int64_t n) {
    return std::clamp(n, -kLargestInteger, kLargestInteger);
  };
  const std::int64_t low =
      inside(bounds.low.value_or(-kLargestInteger)) + (bounds.above_low ? 1 : 0);
  const std::int64_t high =
      inside(bounds.high.value_or(kLargestInteger)) - (bounds.below_high ? 1 : 0);
  std::vector<NodeId> ways;
  if (low < 0) {
    ways.push_back(grammar_.byte('-', whole(std::max<std::int64_t>(1, -high), -low, next)));
  }
  if (high >= 0) ways.push_back(whole(std::max<std::int64_t>(0, low), high, next));
  return grammar_.split(std::move(ways));
}

NodeId JsonGrammar::magnitude(std::int64_t low, bool above_low, std::int64_t high, bool below_high,
                              NodeId next) {
  std::vector<NodeId> ways;
  const std::int64_t first = low + (above_low ? 1 : 0);
  if (first <= high - 1) ways.push_back(whole(first, high - 1, fraction(next)));
  if (above_low && low <= high - 1) {
    ways.push_back(grammar_.literal(std::to_string(low), fraction_above_zero(next)));
  }
  if (!below_high && first <= high) ways.push_back(grammar_.literal(std::to_string(high), next));
  return grammar_.split(std::move(ways));
}

// An exponent only where nothing binds; bounds are held by the digits.
NodeId JsonGrammar::number(const NumberBounds& bounds, NodeId next) {
  if (!bounds.low && !bounds.high) {
    const NodeId power = digits(1, 2, next);
    const NodeId sign = grammar_.maybe(grammar_.bytes(set_of("+-"), power), power);
    const NodeId tail = fraction(grammar_.maybe(grammar_.bytes(set_of("eE"), sign), next));
    const NodeId body = grammar_.maybe(
        grammar_.byte('0', tail), grammar_.range('1', '9', digits(0, kNumberDigits - 1, tail)));
    return grammar_.maybe(grammar_.byte('-', body), body);
  }
  const auto inside = [](std::int64_t n) { return std::clamp(n, -kLargestWhole, kLargestWhole); };
  const std::int64_t low = inside(bounds.low.value_or(-kLargestWhole));
  const std::int64_t high = inside(bounds.high.value_or(kLargestWhole));
  std::vector<NodeId> ways;
  if (low < 0) {
    const bool crosses = high > 0;
    ways.push_back(grammar_.byte('-', magnitude(crosses ? 0 : -high, !crosses && bounds.below_high,
                                                -low, bounds.above_low, next)));
  }
  if (high >= 0) {
    const bool crosses = low < 0;
    ways.push_back(
        magnitude(crosses ? 0 : low, !crosses && bounds.above_low, high, bounds.below_high, next));
  }
  return grammar_.split(std::move(ways));
}

// `names` agree in their first `depth` bytes, which are whole characters. A character beyond ASCII
// is let go where one of the names has another there. `ends`: what may come then, see other_name.
NodeId JsonGrammar::name_outside(std::vector<std::string> names, std::size_t depth,
                                 const NameEnds& ends) {
  std::map<std::string, std::vector<std::string>> by_character;
  bool is_name = false;
  ByteSet taken;
  bool beyond = false;
  for (std::string& name : names) {
    if (name.size() == depth) {
      is_name = true;
      continue;
    }
    const std::string character = name.substr(depth, character_at(name, depth).size);
    taken.set(static_cast<unsigned char>(character.front()));
    beyond = beyond || character.size() > 1;
    by_character[character].push_back(std::move(name));
  }
  std::vector<NodeId> ways{grammar_.bytes(ascii_of_strings() & ~taken, ends.rest)};
  if (!beyond) ways.push_back(ends.beyond_ascii);
  if (!is_name) ways.push_back(ends.quote);
  for (auto& [character, begun] : by_character) {
    const NodeId after = name_outside(std::move(begun), depth + character.size(), ends);
    ways.push_back(grammar_.literal(character, after));
  }
  return grammar_.split(std::move(ways));
}

// Names that cannot be written without an escape are not met: these names have none.
NodeId JsonGrammar::other_name(const std::vector<std::string>& names, NodeId next) {
  const NodeId quote = grammar_.byte('"', next);
  std::vector<std::string> plain;
  for (const std::string& name : names) {
    const bool escaped = std::any_of(name.begin(), name.end(), [](char c) {
      return c == '"' || c == '\\' || static_cast<unsigned char>(c) < 0x20;
    });
    if (!escaped && is_utf8(name)) plain.push_back(name);
  }
  const NodeId rest = grammar_.repeat(raw_character_, 0, kNoLimit, quote);
  const NameEnds ends{quote, rest, beyond_ascii(rest)};
  return grammar_.byte('"', name_outside(std::move(plain), 0, ends));
}

// The blanks of utf8.h's strip(), by their bytes.
NodeId JsonGrammar::plain_words(NodeId next) {
  const NodeId rest = grammar_.repeat(any_byte_, 0, kNoLimit, next);
  const auto but = [this](std::string_view bytes, NodeId after) {
    return grammar_.bytes(~set_of(bytes), after);
  };
  ByteSet first;
  for (std::size_t i = 0x21; i < 256; ++i) first.set(i);
  first &= ~set_of("{<\xC2\xE1\xE2\xE3");
  ByteSet wide_blanks = set_of("\xA8\xA9\xAF");
  for (std::size_t i = 0x80; i <= 0x8A; ++i) wide_blanks.set(i);
  return grammar_.split(
      {next, grammar_.bytes(first, rest), grammar_.byte('<', grammar_.maybe(but("|", rest), next)),
       grammar_.byte(0xC2, but("\x85\xA0", rest)), grammar_.byte(0xE1, but("\x9A", rest)),
       grammar_.byte(0xE2, grammar_.split({but("\x80\x81", rest),
                                           grammar_.byte(0x80, grammar_.bytes(~wide_blanks, rest)),
                                           grammar_.byte(0x81, but("\x9F", rest))})),
       grammar_.byte(0xE3,
                     grammar_.maybe(but("\x80", rest), grammar_.byte(0x80, but("\x80", rest))))});
}

}  // namespace hone::engine
