#include "feedback/mining_rules.h"

#include <algorithm>
#include <array>

#include "base/config.h"
#include "base/text.h"
#include "store/records.h"

namespace hone::feedback {
namespace {

constexpr std::array<std::string_view, 5> kDeciders = {"person", "automatic", "policy", "agent",
                                                       "unknown"};
constexpr std::size_t kReadBytes = 2048;  // of a person's text: who corrects says so at once
constexpr std::size_t kMostTexts = 500;   // in one list of the file

using Texts = std::vector<std::string>;

Texts read_texts(TomlTable& table, std::string_view key) {
  Texts texts = table.get_or(key, Texts());
  if (texts.size() > kMostTexts) table.problem(key, "has more than 500 texts");
  if (std::ranges::any_of(texts, &std::string::empty)) {
    table.problem(key, "holds an empty text, which everything begins with");
  }
  return texts;
}

// As plain_words makes what they are compared with.
Texts read_plain(TomlTable& table, std::string_view key) {
  Texts texts = read_texts(table, key);
  for (auto& text : texts) {
    text = plain_words(text);
    if (text.empty()) table.problem(key, "holds a text without a word");
  }
  return texts;
}

// It becomes part of a source: "mined:NAME@1".
std::string read_name(TomlTable& table) {
  auto name = table.require<std::string>("name");
  const bool plain =
      std::ranges::all_of(name, [](char c) { return (c >= 'a' && c <= 'z') || c == '-'; });
  if (!plain || name.size() > 40) table.problem("name", "must be of a to z and -, at most 40");
  return name;
}

std::string read_kind(TomlTable& table) {
  auto kind = table.require<std::string>("kind");
  const auto& known = store::feedback_kinds();
  if (!kind.empty() && std::ranges::find(known, kind) == known.end()) {
    table.problem("kind", "is no kind of feedback (docs/formats/feedback.md)");
  }
  return kind;
}

PhraseRule read_phrase(TomlTable& table, bool of_result) {
  PhraseRule rule;
  rule.name = read_name(table);
  rule.kind = read_kind(table);
  rule.by = table.require<std::string>("by");
  if (!rule.by.empty() && std::ranges::find(kDeciders, rule.by) == kDeciders.end()) {
    table.problem("by", "must be person, automatic, policy, agent or unknown");
  }
  rule.weak = table.get_or("weak", false);
  rule.tools = read_texts(table, "tools");
  if (rule.tools.empty()) table.problem("tools", "must name one at least");
  rule.begins = read_texts(table, "begins");
  if (rule.begins.empty()) table.problem("begins", "must have one text at least");
  if (!of_result) return rule;
  rule.contains = table.get_or("contains", std::string());
  rule.failed_only = table.get_or("failed_only", false);
  rule.words_after = table.get_or("words_after", std::string());
  return rule;
}

WordsRule read_words(TomlTable& table) {
  WordsRule rule;
  rule.name = read_name(table);
  rule.language = table.require<std::string>("language");
  rule.kind = read_kind(table);
  rule.begins = read_plain(table, "begins");
  rule.whole = read_plain(table, "whole");
  rule.unless = read_plain(table, "unless");
  rule.most_words = table.get_or("most_words", std::int64_t{0});
  if (rule.most_words < 0) table.problem("most_words", "must be 0 or more");
  rule.after_question = table.get_or("after_question", false);
  if (rule.begins.empty() && rule.whole.empty()) {
    table.problem("name", "has neither 'begins' nor 'whole'");
  }
  return rule;
}

std::int64_t read_number(TomlTable& table, std::string_view key, std::int64_t otherwise,
                         std::int64_t most) {
  const std::int64_t number = table.get_or(key, otherwise);
  if (number >= 1 && number <= most) return number;
  table.problem(key, "must be 1 to " + std::to_string(most));
  return otherwise;
}

bool is_word_byte(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte >= 0x80 || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '\'';
}

// Whether a word ends before `at` and another begins there, or nothing does.
bool is_border(std::string_view text, std::size_t at) {
  return at == 0 || at >= text.size() || !is_word_byte(text[at - 1]) || !is_word_byte(text[at]);
}

bool begins_with_words(std::string_view text, std::string_view words) {
  return text.starts_with(words) && is_border(text, words.size());
}

bool holds_words(std::string_view text, std::string_view words) {
  for (auto at = text.find(words); at != std::string_view::npos; at = text.find(words, at + 1)) {
    if (is_border(text, at) && is_border(text, at + words.size())) return true;
  }
  return false;
}

bool fits(const WordsRule& rule, std::string_view plain) {
  if (rule.most_words > 0 && std::ranges::count(plain, ' ') >= rule.most_words) return false;
  const bool said = std::ranges::find(rule.whole, plain) != rule.whole.end() ||
                    std::ranges::any_of(
                        rule.begins, [&](auto& words) { return begins_with_words(plain, words); });
  return said &&
         std::ranges::none_of(rule.unless, [&](auto& words) { return holds_words(plain, words); });
}

// What stands for a blank: texts differ in these and mean the same.
bool is_dropped(std::string_view character) {
  constexpr std::array<std::string_view, 14> kDropped = {" ", "\t", "\r", "\n", ".", ",", ";",
                                                         ":", "!",  "\"", "…",  "„", "“", "”"};
  return std::ranges::find(kDropped, character) != kDropped.end();
}

std::size_t size_of_character(char first) {
  const auto byte = static_cast<unsigned char>(first);
  if (byte >= 0xF0) return 4;
  if (byte >= 0xE0) return 3;
  return byte >= 0xC0 ? 2 : 1;
}

std::string small(std::string_view character) {
  std::string out(character);
  if (out.size() == 1) out[0] = to_lower(out[0]);
  // U+00C0 to U+00DE but for the times sign: the small letter lies 32 higher.
  if (out.size() == 2 && out[0] == '\xC3') {
    const auto second = static_cast<unsigned char>(out[1]);
    if (second <= 0x9E && second != 0x97) out[1] = static_cast<char>(second + 32U);
  }
  if (character == "’" || character == "‘") return "'";
  return out;
}

}  // namespace

std::string plain_words(std::string_view text) {
  std::string plain;
  const auto end = std::min(text.size(), kReadBytes);
  bool gap = false;
  for (std::size_t at = 0; at < end;) {
    const auto character = text.substr(at, size_of_character(text[at]));
    at += character.size();
    if (is_dropped(character)) {
      gap = !plain.empty();
      continue;
    }
    if (gap) plain += ' ';
    gap = false;
    plain += small(character);
  }
  return plain;
}

const WordsRule* match_words(const MiningRules& rules, std::string_view text, bool after_question) {
  const std::string plain = plain_words(text);
  if (plain.empty()) return nullptr;
  for (const auto& rule : rules.words) {
    if (after_question && !rule.after_question) continue;
    if (fits(rule, plain)) return &rule;
  }
  return nullptr;
}

bool is_machine_text(const MiningRules& rules, std::string_view text) {
  text = trimmed(text);
  if (text.empty()) return true;
  if (std::ranges::any_of(rules.machine, [&](auto& mark) { return text.starts_with(mark); })) {
    return true;
  }
  if (!text.starts_with('<')) return false;
  const auto end = text.find_first_of(" \t\r\n>/");
  if (end == std::string_view::npos || end < 2) return false;
  return text.ends_with("</" + std::string(text.substr(1, end - 1)) + ">");
}

bool names_tool(const std::vector<std::string>& tools, std::string_view tool) {
  return std::ranges::find(tools, tool) != tools.end();
}

Result<MiningRules> parse_mining_rules(std::string_view text, std::string name) {
  auto file = TomlFile::parse(text, std::move(name));
  if (!file) return fail(file.error());
  TomlTable root = (*file)->root();
  MiningRules rules;
  rules.version = root.require<std::int64_t>("version");
  if (rules.version < 1) root.problem("version", "must be 1 or more");
  rules.machine = read_texts(root, "machine");
  for (auto& table : root.tables("refusal")) rules.refusals.push_back(read_phrase(table, true));
  for (auto& table : root.tables("interruption")) {
    rules.interruptions.push_back(read_phrase(table, false));
  }
  for (auto& table : root.tables("words")) rules.words.push_back(read_words(table));
  auto commented = root.table("commented");
  rules.commented_tools = read_texts(commented, "tools");
  auto retried = root.table("retried");
  if (root.has("retried")) {
    rules.retried_within = std::chrono::minutes(read_number(retried, "within_minutes", 30, 1440));
    rules.retried_most = read_number(retried, "most", 4, 7);
  }
  auto rewritten = root.table("rewritten");
  if (root.has("rewritten")) {
    rules.rewritten_within =
        std::chrono::minutes(read_number(rewritten, "within_minutes", 30, 1440));
    rules.rewritten_distance = rewritten.get_or("distance", rules.rewritten_distance);
    if (!(rules.rewritten_distance >= 0 && rules.rewritten_distance <= 1)) {
      rewritten.problem("distance", "must be from 0 to 1");
    }
  }
  auto abandoned = root.table("abandoned");
  rules.abandoned_after = std::chrono::hours(read_number(abandoned, "after_hours", 24, 24 * 90));
  rules.abandoned_tools = read_texts(abandoned, "tools");
  if (auto done = (*file)->finish(); !done) return fail(done.error());
  return rules;
}

const MiningRules& default_mining_rules() {
  static const MiningRules rules = [] {
    auto parsed = parse_mining_rules(default_mining_text(), "recipes/mining.toml");
    HONE_ASSERT(parsed.has_value());
    return std::move(*parsed);
  }();
  return rules;
}

}  // namespace hone::feedback
