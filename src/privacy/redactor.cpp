#include "privacy/redactor.h"

#include <algorithm>
#include <bitset>

#include "base/hash.h"
#include "privacy/clean_words.h"
#include "privacy/encoding.h"
#include "privacy/matcher.h"
#include "privacy/own_rules.h"
#include "privacy/placeholder.h"
#include "privacy/rules.h"
#include "privacy/secret.h"
#include "privacy/structure.h"

namespace hone::privacy {
namespace {

constexpr std::size_t kHexDigits = 8;
constexpr int kMaxRounds = 8;
constexpr int kMaxNesting = 2;              // base64 of a URL, and no further
constexpr std::size_t kReach = 4096;        // bytes; longer than what a rule reads around a place
constexpr std::size_t kMaxText = 1U << 30;  // Vectorscan counts in 32 bits
constexpr std::size_t kHitsBetweenLooksAtTheClock = 1024;

// Findings that overlap become one, with the type of the longest, so that no rest of any stays
// readable.
std::vector<Finding> merged(std::vector<Finding> findings) {
  std::sort(findings.begin(), findings.end(), [](const Finding& a, const Finding& b) {
    return a.begin != b.begin ? a.begin < b.begin : a.end > b.end;
  });
  std::vector<Finding> result;
  std::size_t longest = 0;  // of those that the last one was made of
  for (Finding& finding : findings) {
    const std::size_t size = finding.end - finding.begin;
    if (result.empty() || finding.begin >= result.back().end) {
      result.push_back(std::move(finding));
      longest = size;
      continue;
    }
    Finding& last = result.back();
    const std::size_t begin = last.begin;
    const std::size_t end = std::max(last.end, finding.end);
    if (size > longest) {
      last = std::move(finding);
      longest = size;
    }
    if (last.begin != begin || last.end != end) last.value.clear();
    last.begin = begin;
    last.end = end;
  }
  return result;
}

bool overlaps(const Finding& finding, const std::vector<Placeholder>& placeholders) {
  const auto next =
      std::upper_bound(placeholders.begin(), placeholders.end(), finding.begin,
                       [](std::size_t at, const Placeholder& p) { return at < p.begin + p.size; });
  return next != placeholders.end() && next->begin < finding.end;
}

// Where a place in a text that was redacted in part is in the text before. Asked in order.
class Shifts {
 public:
  explicit Shifts(const std::vector<Replaced>& replaced) : replaced_(replaced) {}
  [[nodiscard]] std::size_t source(std::size_t at) {
    for (; next_ < replaced_.size(); ++next_) {
      const Replaced& one = replaced_[next_];
      const std::size_t begin = now_ + (one.finding.begin - before_);
      if (at <= begin) break;
      now_ = begin + one.pseudonym.size();
      before_ = one.finding.end;
    }
    return before_ + (at - now_);
  }

 private:
  const std::vector<Replaced>& replaced_;
  std::size_t next_ = 0;
  std::size_t before_ = 0;  // the end of the last one, in the source
  std::size_t now_ = 0;     // and in the redacted text
};

}  // namespace

struct Redactor::State {
  std::string key;
  std::string digest;
  std::chrono::milliseconds timeout{};
  std::bitset<kTypes.size()> on;
  std::unique_ptr<Matcher> matcher;
  OwnRules own;
  mutable CleanWords clean;

  Result<void> find_by_literals(std::string_view text, const Deadline& deadline,
                                std::vector<Finding>& findings) const {
    std::size_t hits = 0;
    const auto done = matcher->scan(text, [&](const Matcher::Hit& hit) {
      const Rule& rule = rules()[hit.pattern];
      if (auto finding = rule.find(text, hit.end - rule.literal.size())) {
        findings.push_back(std::move(*finding));
      }
      return ++hits % kHitsBetweenLooksAtTheClock != 0 || !deadline.passed();
    });
    if (!done) return fail(done.error());
    if (!*done) return fail(Deadline::error());
    return {};
  }

  // What stands in `decoded`, as findings in the text that it was decoded from.
  Result<void> find_decoded(const Decoded& decoded, int nesting, const Deadline& deadline,
                            std::vector<Finding>& findings) const {
    auto inner = find(decoded.text, nesting + 1, deadline);
    if (!inner) return fail(inner.error());
    for (Finding& finding : *inner) {
      if (finding.value.empty()) {
        finding.value = decoded.text.substr(finding.begin, finding.end - finding.begin);
      }
      const std::size_t begin = decoded.source_begin(finding.begin);
      finding.end = decoded.source_end(finding.end);
      finding.begin = begin;
      findings.push_back(std::move(finding));
    }
    return {};
  }

  Result<void> find_encoded(std::string_view text, const Structures& structures, int nesting,
                            const Deadline& deadline, std::vector<Finding>& findings) const {
    const auto read_all = [&](const std::vector<std::size_t>& places, auto decode) -> Result<void> {
      std::size_t done = 0;
      for (const std::size_t at : places) {
        if (at < done) continue;
        const Decoded decoded = decode(text, at);
        done = decoded.end;
        if (auto found = find_decoded(decoded, nesting, deadline, findings); !found) return found;
      }
      return {};
    };
    if (auto done = read_all(structures.percents, decode_percent); !done) return done;
    if (auto done = read_all(structures.escapes, decode_escapes); !done) return done;
    for (const Block& block : base64_blocks(text)) {
      const Decoded decoded = decode_base64(text, block.begin, block.end);
      if (auto found = find_decoded(decoded, nesting, deadline, findings); !found) return found;
    }
    return {};
  }

  Result<std::vector<Finding>> find(std::string_view text, int nesting,
                                    const Deadline& deadline) const {
    auto structures = find_structures(text, deadline);
    if (!structures) return fail(structures.error());
    std::vector<Finding> findings = std::move(structures->findings);
    if (auto done = find_by_literals(text, deadline, findings); !done) return fail(done.error());
    if (auto done = own.find(text, deadline, findings); !done) return fail(done.error());
    if (nesting < kMaxNesting) {
      auto done = find_encoded(text, *structures, nesting, deadline, findings);
      if (!done) return fail(done.error());
    }
    if (findings.empty()) return findings;
    const std::vector<Placeholder> placeholders = find_placeholders(text);
    std::erase_if(findings, [&](const Finding& finding) {
      return !on[static_cast<std::size_t>(finding.type)] || overlaps(finding, placeholders) ||
             own.allows(value_of(text, finding));
    });
    return merged(std::move(findings));
  }

  // What the replacements of the last round uncovered: no rule looks further than kReach from where
  // it finds something.
  Result<std::vector<Finding>> find_near(const Redaction& redaction,
                                         const Deadline& deadline) const {
    if (redaction.replaced.empty()) return std::vector<Finding>();
    const std::string_view text = redaction.text;
    std::vector<Finding> findings;
    std::size_t begin = 0;  // of the window
    std::size_t end = 0;
    std::size_t before = 0;  // the end of the last replacement, in the source
    std::size_t now = 0;     // and in the text
    const auto look = [&]() -> Result<void> {
      auto found = find(text.substr(begin, end - begin), 0, deadline);
      if (!found) return fail(found.error());
      for (Finding& finding : *found) {
        finding.begin += begin;
        finding.end += begin;
        findings.push_back(std::move(finding));
      }
      return {};
    };
    // A window that began within a word would see another word.
    const auto blank_from = [&](std::size_t at) {
      const std::size_t blank = text.find_first_of(" \n\t", at);
      return blank == std::string_view::npos || blank - at > kReach / 2 ? at : blank;
    };
    for (const Replaced& one : redaction.replaced) {
      const std::size_t at = now + (one.finding.begin - before);
      now = at + one.pseudonym.size();
      before = one.finding.end;
      if (at > end + kReach) {
        if (auto done = look(); !done) return fail(done.error());
        begin = blank_from(at - kReach);
      }
      end = blank_from(std::min(text.size(), now + kReach));
    }
    if (auto done = look(); !done) return fail(done.error());
    return merged(std::move(findings));
  }

  static std::string_view value_of(std::string_view text, const Finding& finding) {
    if (!finding.value.empty()) return finding.value;
    return text.substr(finding.begin, finding.end - finding.begin);
  }

  std::string placeholder(Type type, std::string_view value) const {
    std::string keyed(name(type));
    keyed += '\0';
    keyed += normalised(type, value);
    return "<" + std::string(name(type)) + ":" +
           hex(hmac_sha256(key, keyed)).substr(0, kHexDigits) + ">";
  }

  // What takes the value's place where its name says that it is a secret.
  std::optional<std::string> assigned_secret(std::string_view member,
                                             const json::value& value) const {
    const auto* text = value.if_string();
    const bool secret = text != nullptr && on[static_cast<std::size_t>(Type::kSecret)] &&
                        is_assigned_secret(member, *text) && find_placeholders(*text).empty() &&
                        !own.allows(*text);
    if (!secret) return std::nullopt;
    return placeholder(Type::kSecret, *text);
  }

  Result<std::vector<Finding>> find_all(std::string_view text, const Deadline& deadline) const {
    if (text.size() > kMaxText) return fail(ErrorCode::kTooLarge, "a text of over 1 GiB");
    return find(text, 0, deadline);
  }

  // `findings` are all that stand in the text. Nearly always one round finds all. What a
  // replacement uncovers is found in the next, near where it is, so that the result is a fixed
  // point.
  Result<Redaction> redact_found(std::string_view text, std::vector<Finding> findings,
                                 const Deadline& deadline) const {
    Redaction redaction;
    redaction.text = replace(text, std::move(findings), redaction.replaced);
    for (int round = 1; round < kMaxRounds; ++round) {
      auto more = find_near(redaction, deadline);
      if (!more) return fail(more.error());
      if (more->empty()) return redaction;
      redaction.text = replace(redaction.text, std::move(*more), redaction.replaced);
    }
    return fail(ErrorCode::kInternal, "redaction found no end");
  }

  // One round: replaces in `current`, which `done` made out of the source, and adds to `done`.
  std::string replace(std::string_view current, std::vector<Finding> findings,
                      std::vector<Replaced>& done) const {
    std::string next;
    next.reserve(current.size() + findings.size() * 20);  // a pseudonym's size
    std::size_t at = 0;
    std::vector<Replaced> added;
    Shifts shifts(done);
    for (Finding& finding : findings) {
      std::string pseudonym = placeholder(finding.type, value_of(current, finding));
      next.append(current, at, finding.begin - at);
      next += pseudonym;
      at = finding.end;
      finding.begin = shifts.source(finding.begin);
      finding.end = shifts.source(finding.end);
      added.push_back({std::move(finding), std::move(pseudonym)});
    }
    next.append(current, at);
    done.insert(done.end(), std::make_move_iterator(added.begin()),
                std::make_move_iterator(added.end()));
    std::sort(done.begin(), done.end(), [](const Replaced& a, const Replaced& b) {
      return a.finding.begin < b.finding.begin;
    });
    return next;
  }
};

Redactor::Redactor(std::shared_ptr<const State> state) : state_(std::move(state)) {}
Redactor::~Redactor() = default;

void Redactor::take_rules_of(const Redactor& other) {
  const State& theirs = other.state();
  if (theirs.digest == state().digest && theirs.timeout == state().timeout) return;
  state_.set(other.state_.get());
}

Result<std::unique_ptr<Redactor>> Redactor::create(std::string_view tenant_key,
                                                   const RedactionPolicy& policy) {
  auto state = std::make_unique<State>();
  state->key = tenant_key;
  state->timeout = policy.timeout;
  state->on.set();
  for (const std::string& off : policy.off) {
    const auto type = find_type(off);
    if (!type) return fail(ErrorCode::kInvalid, "no type of redaction '" + off + "'");
    state->on.reset(static_cast<std::size_t>(*type));
  }
  std::vector<Pattern> patterns;
  std::string described = std::to_string(kRulesVersion) + " " + state->on.to_string();
  for (const Rule& rule : rules()) {
    patterns.push_back({quoted_pattern(rule.literal), rule.caseless, false});
    described += "\n" + rule.name + "\t" + rule.literal;
  }
  auto matcher = Matcher::compile(patterns);
  if (!matcher) return fail(matcher.error());
  state->matcher = std::move(*matcher);
  auto own = OwnRules::create(policy);
  if (!own) return fail(own.error());
  state->own = std::move(*own);
  state->digest = hex(sha256(described + "\n" + state->own.described()));
  return std::unique_ptr<Redactor>(new Redactor(std::move(state)));
}

Result<Redaction> Redactor::explain(std::string_view text) const {
  const State& rules_now = state();  // the same to the end
  const Deadline deadline(rules_now.timeout);
  auto findings = rules_now.find_all(text, deadline);
  if (!findings) return fail(findings.error());
  return rules_now.redact_found(text, std::move(*findings), deadline);
}

Result<std::optional<std::string>> Redactor::replacement(std::string_view text) const {
  const bool is_word = CleanWords::takes(text);
  const State& rules_now = state();
  if (is_word && rules_now.clean.contains(text)) return std::optional<std::string>();
  const Deadline deadline(rules_now.timeout);
  auto findings = rules_now.find_all(text, deadline);
  if (!findings) return fail(findings.error());
  if (findings->empty()) {
    if (is_word) rules_now.clean.add(text);
    return std::optional<std::string>();
  }
  auto redaction = rules_now.redact_found(text, std::move(*findings), deadline);
  if (!redaction) return fail(redaction.error());
  return std::optional(std::move(redaction->text));
}

Result<std::string> Redactor::redact(std::string_view text) const {
  auto replaced = replacement(text);
  if (!replaced) return fail(replaced.error());
  return *replaced ? std::move(**replaced) : std::string(text);
}

Result<json::value> Redactor::redact_json(json::value value) const {
  const auto changed = redact_within(value);
  if (!changed) return fail(changed.error());
  return value;
}

Result<bool> Redactor::redact_within(json::value& value) const {
  if (const auto* text = value.if_string()) {
    auto replaced = replacement(*text);
    if (!replaced) return fail(replaced.error());
    if (*replaced) value = **replaced;
    return replaced->has_value();
  }
  if (auto* array = value.if_array()) {
    bool any = false;
    for (json::value& item : *array) {
      const auto changed = redact_within(item);
      if (!changed) return changed;
      any = any || *changed;
    }
    return any;
  }
  if (auto* object = value.if_object()) return redact_within(*object);
  // A number may be a card's.
  if (value.is_int64() || value.is_uint64()) {
    auto replaced = replacement(json::serialize(value));
    if (!replaced) return fail(replaced.error());
    if (*replaced) value = **replaced;
    return replaced->has_value();
  }
  return false;
}

Result<bool> Redactor::redact_within(json::object& object) const {
  bool any = false;
  std::vector<std::pair<std::string, std::string>> new_keys;
  for (auto& member : object) {
    auto key = replacement(member.key());
    if (!key) return fail(key.error());
    if (*key) new_keys.emplace_back(member.key(), std::move(**key));
    if (auto secret = state().assigned_secret(member.key(), member.value())) {
      member.value() = std::move(*secret);
      any = true;
      continue;
    }
    const auto changed = redact_within(member.value());
    if (!changed) return changed;
    any = any || *changed;
  }
  if (new_keys.empty()) return any;
  json::object renamed;  // the members in their order
  renamed.reserve(object.size());
  auto next = new_keys.begin();
  for (auto& member : object) {
    const bool is_new = next != new_keys.end() && member.key() == next->first;
    renamed.insert_or_assign(is_new ? json::string_view((next++)->second) : member.key(),
                             std::move(member.value()));
  }
  object = std::move(renamed);
  return true;
}

const std::string& Redactor::policy_digest() const {
  return state().digest;
}

}  // namespace hone::privacy
