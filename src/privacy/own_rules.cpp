#include "privacy/own_rules.h"

#include <algorithm>

#include "base/text.h"
#include "privacy/boundary.h"

namespace hone::privacy {
namespace {

constexpr std::size_t kShortestName = 3;

// Letters of any script: bytes of UTF-8 beyond ASCII count as such.
bool is_name_byte(char c) {
  return is_word(c) || static_cast<unsigned char>(c) >= 0x80;
}

// Whether `pattern`, in which "*" stands for anything, is all of `value`.
bool is_like(std::string_view value, std::string_view pattern) {
  std::size_t at = 0;
  std::size_t in = 0;
  std::size_t star = std::string_view::npos;
  std::size_t mark = 0;
  while (at < value.size()) {
    if (in < pattern.size() && pattern[in] == '*') {
      star = in++;
      mark = at;
    } else if (in < pattern.size() && pattern[in] == value[at]) {
      ++in;
      ++at;
    } else if (star != std::string_view::npos) {
      in = star + 1;
      at = ++mark;
    } else {
      return false;
    }
  }
  while (in < pattern.size() && pattern[in] == '*') ++in;
  return in == pattern.size();
}

}  // namespace

Result<void> check_pattern(const OwnPattern& pattern) {
  const auto rules = OwnRules::create({.patterns = {pattern}});
  if (!rules) return fail(rules.error());
  return {};
}

Result<OwnRules> OwnRules::create(const RedactionPolicy& policy) {
  OwnRules rules;
  std::vector<Pattern> patterns;
  for (const OwnPattern& own : policy.patterns) {
    const auto type = find_type(own.type);
    if (!type) {
      return fail(ErrorCode::kInvalid,
                  "pattern '" + own.name + "': no type of redaction '" + own.type + "'");
    }
    rules.patterns_.push_back(own);
    rules.types_.push_back(*type);
    patterns.push_back({own.expression, own.caseless, true});
    rules.described_ += "pattern\t" + own.name + "\t" + own.expression + "\t" + own.type +
                        (own.caseless ? "\tany case\n" : "\n");
  }
  std::vector<std::string> names = policy.names;
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  for (const std::string& name : names) {
    if (name.size() < kShortestName) continue;  // "Li" is a word in too many texts
    std::string expression = quoted_pattern(name);
    // However wide the gap between two names is.
    for (std::size_t at = 0; (at = expression.find("\\ ", at)) != std::string::npos; at += 3) {
      expression.replace(at, 2, "\\s+");
    }
    patterns.push_back({std::move(expression), true, true});
    rules.described_ += "name\t" + name + "\n";
  }
  for (const std::string& allowed : policy.allow) {
    rules.allow_.push_back(lower_case(allowed));
    rules.described_ += "allow\t" + allowed + "\n";
  }
  if (patterns.empty()) return rules;
  auto matcher = Matcher::compile(patterns);
  if (!matcher) return fail(matcher.error());
  rules.matcher_ = std::move(*matcher);
  return rules;
}

Result<void> OwnRules::find(std::string_view text, const Deadline& deadline,
                            std::vector<Finding>& findings) const {
  if (matcher_ == nullptr) return {};
  const auto done = matcher_->scan(text, [&](const Matcher::Hit& hit) {
    if (hit.begin == hit.end) return true;
    if (hit.pattern < patterns_.size()) {
      findings.push_back({hit.begin, hit.end, types_[hit.pattern], patterns_[hit.pattern].name,
                          "the organisation's pattern"});
    } else if (!is_name_byte(char_at(text, hit.end)) &&
               (!is_name_byte(char_before(text, hit.begin)) || ends_escape(text, hit.begin))) {
      findings.push_back(
          {hit.begin, hit.end, Type::kName, "name", "in the organisation's directory"});
    }
    return findings.size() % 256 != 0 || !deadline.passed();
  });
  if (!done) return fail(done.error());
  if (!*done) return fail(Deadline::error());
  return {};
}

bool OwnRules::allows(std::string_view value) const {
  if (allow_.empty()) return false;
  const std::string plain = lower_case(value);
  return std::any_of(allow_.begin(), allow_.end(),
                     [&](const std::string& allowed) { return is_like(plain, allowed); });
}

}  // namespace hone::privacy
