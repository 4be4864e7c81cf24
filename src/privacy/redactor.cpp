#include "privacy/redactor.h"

#include <hs/hs.h>

#include <algorithm>
#include <bitset>
#include <mutex>

#include "base/hash.h"
#include "privacy/finding.h"
#include "privacy/placeholder.h"
#include "privacy/rules.h"
#include "privacy/secret.h"

namespace hone::privacy {
namespace {

constexpr std::size_t kHexDigits = 8;
constexpr int kMaxRounds = 8;
constexpr std::size_t kMaxText = 1U << 30;  // Vectorscan counts in 32 bits

struct Trigger {
  unsigned rule;
  std::size_t end;
};

int on_match(unsigned id, unsigned long long, unsigned long long to, unsigned, void* context) {
  static_cast<std::vector<Trigger>*>(context)->push_back({id, static_cast<std::size_t>(to)});
  return 0;
}

struct FreeDatabase {
  void operator()(hs_database_t* database) const { hs_free_database(database); }
};
struct FreeScratch {
  void operator()(hs_scratch_t* scratch) const { hs_free_scratch(scratch); }
};
using DatabasePtr = std::unique_ptr<hs_database_t, FreeDatabase>;
using ScratchPtr = std::unique_ptr<hs_scratch_t, FreeScratch>;

Result<DatabasePtr> compile(const std::vector<Rule>& all) {
  std::vector<const char*> patterns;
  std::vector<unsigned> flags;
  std::vector<unsigned> ids;
  for (const Rule& rule : all) {
    patterns.push_back(rule.trigger.c_str());
    flags.push_back(rule.caseless ? HS_FLAG_CASELESS : 0U);
    ids.push_back(static_cast<unsigned>(ids.size()));
  }
  hs_database_t* database = nullptr;
  hs_compile_error_t* error = nullptr;
  if (hs_compile_multi(patterns.data(), flags.data(), ids.data(),
                       static_cast<unsigned>(patterns.size()), HS_MODE_BLOCK, nullptr, &database,
                       &error) != HS_SUCCESS) {
    std::string message = "redaction rules do not compile: ";
    message += error->message;
    hs_free_compile_error(error);
    return fail(ErrorCode::kInternal, std::move(message));
  }
  return DatabasePtr(database);
}

// Findings that overlap become one, with the type of the longest, so that no rest of any stays
// readable.
std::vector<Finding> merged(std::vector<Finding> findings) {
  std::sort(findings.begin(), findings.end(), [](const Finding& a, const Finding& b) {
    return a.begin != b.begin ? a.begin < b.begin : a.end > b.end;
  });
  std::vector<Finding> result;
  std::size_t longest = 0;  // of those that the last one was made of
  for (const Finding& finding : findings) {
    const std::size_t size = finding.end - finding.begin;
    if (result.empty() || finding.begin >= result.back().end) {
      result.push_back(finding);
      longest = size;
      continue;
    }
    Finding& last = result.back();
    if (size > longest) {
      last.type = finding.type;
      longest = size;
    }
    last.end = std::max(last.end, finding.end);
  }
  return result;
}

bool overlaps(const Finding& finding, const std::vector<Placeholder>& placeholders) {
  const auto next =
      std::upper_bound(placeholders.begin(), placeholders.end(), finding.begin,
                       [](std::size_t at, const Placeholder& p) { return at < p.begin + p.size; });
  return next != placeholders.end() && next->begin < finding.end;
}

}  // namespace

struct Redactor::State {
  std::string key;
  std::string digest;
  std::bitset<kTypes.size()> on;
  DatabasePtr database;
  ScratchPtr prototype;
  mutable std::mutex mutex;  // guards free
  mutable std::vector<ScratchPtr> free;

  Result<ScratchPtr> take_scratch() const {
    {
      const std::lock_guard lock(mutex);
      if (!free.empty()) {
        ScratchPtr scratch = std::move(free.back());
        free.pop_back();
        return scratch;
      }
    }
    hs_scratch_t* scratch = nullptr;
    if (hs_clone_scratch(prototype.get(), &scratch) != HS_SUCCESS) {
      return fail(ErrorCode::kUnavailable, "no memory to redact with");
    }
    return ScratchPtr(scratch);
  }

  Result<std::vector<Trigger>> scan(std::string_view text) const {
    auto scratch = take_scratch();
    if (!scratch) return fail(scratch.error());
    std::vector<Trigger> triggers;
    const auto code = hs_scan(database.get(), text.data(), static_cast<unsigned>(text.size()), 0,
                              scratch->get(), on_match, &triggers);
    {
      const std::lock_guard lock(mutex);
      free.push_back(std::move(*scratch));
    }
    if (code != HS_SUCCESS) return fail(ErrorCode::kInternal, "redaction could not read the text");
    return triggers;
  }

  Result<std::vector<Finding>> find(std::string_view text) const {
    auto triggers = scan(text);
    if (!triggers) return fail(triggers.error());
    const std::vector<Placeholder> placeholders = find_placeholders(text);
    std::vector<Finding> findings;
    for (const Trigger& trigger : *triggers) {
      const auto finding = rules()[trigger.rule].find(text, trigger.end);
      if (finding && on[static_cast<std::size_t>(finding->type)] &&
          !overlaps(*finding, placeholders)) {
        findings.push_back(*finding);
      }
    }
    return merged(std::move(findings));
  }

  std::string placeholder(Type type, std::string_view value) const {
    std::string keyed(name(type));
    keyed += '\0';
    keyed += normalised(type, value);
    return "<" + std::string(name(type)) + ":" +
           hex(hmac_sha256(key, keyed)).substr(0, kHexDigits) + ">";
  }

  Result<json::value> redact_named(const Redactor& redactor, std::string_view name,
                                   const json::value& value) const {
    const auto* text = value.if_string();
    const bool secret = text != nullptr && on[static_cast<std::size_t>(Type::kSecret)] &&
                        find_placeholders(*text).empty() && is_assigned_secret(name, *text);
    if (secret) return json::value(placeholder(Type::kSecret, *text));
    return redactor.redact_json(value);
  }
};

Redactor::Redactor(std::unique_ptr<State> state) : state_(std::move(state)) {}
Redactor::~Redactor() = default;

Result<std::unique_ptr<Redactor>> Redactor::create(std::string_view tenant_key,
                                                   const RedactionPolicy& policy) {
  auto state = std::make_unique<State>();
  state->key = tenant_key;
  state->on.set();
  for (const std::string& off : policy.off) {
    const auto type = find_type(off);
    if (!type) return fail(ErrorCode::kInvalid, "no type of redaction '" + off + "'");
    state->on.reset(static_cast<std::size_t>(*type));
  }
  auto database = compile(rules());
  if (!database) return fail(database.error());
  state->database = std::move(*database);
  hs_scratch_t* scratch = nullptr;
  if (hs_alloc_scratch(state->database.get(), &scratch) != HS_SUCCESS) {
    return fail(ErrorCode::kUnavailable, "no memory to redact with");
  }
  state->prototype.reset(scratch);
  std::string described = std::to_string(kRulesVersion) + " " + state->on.to_string();
  for (const Rule& rule : rules()) described += "\n" + rule.name + "\t" + rule.trigger;
  state->digest = hex(sha256(described));
  return std::unique_ptr<Redactor>(new Redactor(std::move(state)));
}

Result<std::string> Redactor::redact(std::string_view text) const {
  if (text.size() > kMaxText) return fail(ErrorCode::kTooLarge, "a text of over 1 GiB");
  std::string current(text);
  // Nearly always one round finds nothing. What a replacement uncovers is found in the next, so
  // that the result is a fixed point.
  for (int round = 0; round < kMaxRounds; ++round) {
    const auto findings = state_->find(current);
    if (!findings) return fail(findings.error());
    if (findings->empty()) return current;
    std::string next;
    std::size_t at = 0;
    for (const Finding& finding : *findings) {
      next.append(current, at, finding.begin - at);
      next += state_->placeholder(finding.type, std::string_view(current).substr(
                                                    finding.begin, finding.end - finding.begin));
      at = finding.end;
    }
    next.append(current, at);
    current = std::move(next);
  }
  return fail(ErrorCode::kInternal, "redaction found no end");
}

Result<json::value> Redactor::redact_json(const json::value& value) const {
  if (const auto* text = value.if_string()) {
    auto redacted = redact(*text);
    if (!redacted) return fail(redacted.error());
    return json::value(*redacted);
  }
  if (const auto* array = value.if_array()) {
    json::array result;
    result.reserve(array->size());
    for (const json::value& item : *array) {
      auto redacted = redact_json(item);
      if (!redacted) return fail(redacted.error());
      result.push_back(std::move(*redacted));
    }
    return result;
  }
  if (const auto* object = value.if_object()) {
    json::object result;
    result.reserve(object->size());
    for (const auto& member : *object) {
      auto key = redact(member.key());
      if (!key) return fail(key.error());
      auto redacted = state_->redact_named(*this, member.key(), member.value());
      if (!redacted) return fail(redacted.error());
      result[*key] = std::move(*redacted);
    }
    return result;
  }
  // A number may be a card's.
  if (value.is_int64() || value.is_uint64()) {
    const std::string digits = json::serialize(value);
    auto redacted = redact(digits);
    if (!redacted) return fail(redacted.error());
    if (*redacted != digits) return json::value(*redacted);
  }
  return value;
}

const std::string& Redactor::policy_digest() const {
  return state_->digest;
}

}  // namespace hone::privacy
