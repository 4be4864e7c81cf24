#include "engine/constrain/json_grammar.h"

#include <algorithm>
#include <array>
#include <map>

#include "engine/model/utf8.h"

namespace hone::engine {
namespace {

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

// A state is a rule that ends with the quote; the steps between them are last calls, which take no
// frames (grammar.h). What was made once serves wherever the same is asked.
Result<NodeId> JsonGrammar::string_with(std::string_view expression, TextLength length,
                                        NodeId next) {
  const std::tuple key(std::string(expression), length.least, length.most);
  if (const auto known = texts_.find(key); known != texts_.end())
    return grammar_.byte('"', grammar_.call(known->second, next));
  const auto text = text_states(expression, length, budget_);
  if (!text) return fail(text.error());
  std::vector<RuleId> rules;
  std::vector<NodeId> calls;
  for (std::size_t i = 0; i < text->states.size(); ++i) {
    rules.push_back(grammar_.declare("a pattern"));
    calls.push_back(grammar_.call(rules.back(), kReturn));
  }
  const NodeId quote = grammar_.byte('"', kReturn);
  for (std::size_t i = 0; i < text->states.size(); ++i) {
    std::vector<NodeId> ways;
    if (text->states[i].complete) ways.push_back(quote);
    for (const auto& [set, to] : text->states[i].steps)
      ways.push_back(character_in(set, calls[to]));
    grammar_.define(rules[i], grammar_.split(std::move(ways)));
  }
  texts_.emplace(key, rules.front());
  return grammar_.byte('"', grammar_.call(rules.front(), next));
}

NodeId JsonGrammar::character_in(const CharacterSet& set, NodeId next) {
  static const ByteSet kPlain = ascii_of_strings();
  ByteSet plain;
  bool others = false;
  for (const CharacterRange& range : set) {
    for (char32_t code = range.first; code <= std::min<char32_t>(range.last, 0x7F); ++code) {
      plain.set(code, kPlain[code]);
      others = others || !kPlain[code];
    }
    others = others || range.last > 0x7F;
  }
  if (!others) return grammar_.bytes(plain, next);
  const auto [known, is_new] = sets_.try_emplace(set, 0);
  if (is_new) {
    std::vector<NodeId> ways = beyond_ascii_in(set, kReturn);
    ways.push_back(grammar_.bytes(plain, kReturn));
    ways.push_back(escaped_in(set, kReturn));
    known->second = grammar_.rule("a character", grammar_.split(std::move(ways)));
  }
  return grammar_.call(known->second, next);
}

// Those that a string must not hold as they are, in their shortest form.
NodeId JsonGrammar::escaped_in(const CharacterSet& set, NodeId next) {
  constexpr std::string_view kMeant = "\"\\\b\t\n\f\r";
  constexpr std::string_view kLetters = "\"\\btnfr";
  ByteSet letters;
  std::array<ByteSet, 2> last_digits;  // of \u000. and of \u001.
  for (const CharacterRange& range : set) {
    for (char32_t code = range.first; code <= std::min<char32_t>(range.last, '\\'); ++code) {
      const auto named = kMeant.find(static_cast<char>(code));
      if (named != std::string_view::npos) {
        letters.set(static_cast<unsigned char>(kLetters[named]));
      } else if (code < 0x20) {
        last_digits[code / 16].set(static_cast<unsigned char>("0123456789abcdef"[code % 16]));
      }
    }
  }
  std::vector<NodeId> ways;
  if (letters.any()) ways.push_back(grammar_.bytes(letters, next));
  for (std::size_t high = 0; high < last_digits.size(); ++high) {
    if (last_digits[high].none()) continue;
    ways.push_back(
        grammar_.literal("u00" + std::to_string(high), grammar_.bytes(last_digits[high], next)));
  }
  return grammar_.byte('\\', grammar_.split(std::move(ways)));
}

// Ranges are cut where UTF-8 takes one byte more.
std::vector<NodeId> JsonGrammar::beyond_ascii_in(const CharacterSet& set, NodeId next) {
  constexpr std::array<CharacterRange, 3> kLengths = {
      {{0x80, 0x7FF}, {0x800, 0xFFFF}, {0x10000, 0x10FFFF}}};
  const auto all = [&set](char32_t first, char32_t last) {
    return std::any_of(set.begin(), set.end(), [&](const CharacterRange& range) {
      return range.first <= first && range.last >= last;
    });
  };
  if (all(0x80, 0xD7FF) && all(0xE000, 0x10FFFF)) return {beyond_ascii(next)};
  std::vector<NodeId> ways;
  for (const CharacterRange& range : set) {
    for (const CharacterRange& length : kLengths) {
      const char32_t first = std::max(range.first, length.first);
      const char32_t last = std::min(range.last, length.last);
      if (first > last) continue;
      std::string low;
      std::string high;
      append_utf8(low, first);
      append_utf8(high, last);
      ways.push_back(bytes_between(low, high, next));
    }
  }
  return ways;
}

// Of two characters of the same length, the ends of a range.
NodeId JsonGrammar::bytes_between(std::string_view low, std::string_view high, NodeId next) {
  const std::string least(low.size(), '\x80');
  const std::string most(high.size(), '\xBF');
  if (low == least && high == most) {
    for (std::size_t i = 0; i < low.size(); ++i) next = grammar_.range(0x80, 0xBF, next);
    return next;
  }
  const auto first = static_cast<unsigned char>(low.front());
  const auto last = static_cast<unsigned char>(high.front());
  if (low.size() == 1) return grammar_.range(first, last, next);
  const auto tail_most = std::string_view(most).substr(1);
  const auto tail_least = std::string_view(least).substr(1);
  if (first == last)
    return grammar_.byte(first, bytes_between(low.substr(1), high.substr(1), next));
  std::vector<NodeId> ways{grammar_.byte(first, bytes_between(low.substr(1), tail_most, next)),
                           grammar_.byte(last, bytes_between(tail_least, high.substr(1), next))};
  if (last - first > 1) {
    ways.push_back(grammar_.range(static_cast<unsigned char>(first + 1),
                                  static_cast<unsigned char>(last - 1),
                                  bytes_between(tail_least, tail_most, next)));
  }
  return grammar_.split(std::move(ways));
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
