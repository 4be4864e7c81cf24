// Secrets that are known by the name they are given: password = "…", api_key: …, --token …,
// <password>…</password>, "the token is …". Most of what follows such names in code are not secrets
// but names, calls and stand-ins, so the value must look like one.
#include <algorithm>
#include <array>

#include "base/text.h"
#include "privacy/boundary.h"
#include "privacy/secret.h"

namespace hone::privacy {
namespace {

constexpr std::size_t kLongestValue = 2048;
constexpr std::size_t kLongestName = 64;
constexpr std::size_t kRandomSize = 12;      // where the name says that it is a token
constexpr std::size_t kLongRandomSize = 20;  // where it says less

constexpr std::array<std::string_view, 12> kPasswordNames = {
    "password", "passwd",     "passphrase",  "passcode", "kennwort", "passwort",
    "pwd",      "credential", "credentials", "passw",    "password", "pin_code"};
constexpr std::array<std::string_view, 27> kTokenNames = {
    "secret",         "token",       "api_key",       "apikey",      "access_key", "auth_key",
    "secret_key",     "private_key", "client_secret", "account_key", "bearer",     "signing_key",
    "encryption_key", "master_key",  "session_key",   "accesskey",   "secretkey",  "authkey",
    "privatekey",     "accountkey",  "_signature",    "sig",         "auth",       "authorization",
    "app_key",        "service_key", "deploy_key"};
// Keys to data, not to doors.
constexpr std::array<std::string_view, 20> kOtherKeys = {
    "public_key", "publickey",     "primary_key",     "foreign_key", "sort_key",
    "cache_key",  "partition_key", "idempotency_key", "hash_key",    "group_key",
    "object_key", "row_key",       "dedup_key",       "map_key",     "publishable_key",
    "key_key",    "registry_key",  "lookup_key",      "index_key",   "checksum_key"};
// What may stand behind a name without making it another: "api_key_prod", "token2".
constexpr std::array<std::string_view, 10> kSuffixes = {
    "_prod", "_production", "_staging", "_dev", "_test", "_live", "_value", "_old", "_new", "_v2"};

// What people and documents write where a secret would stand.
constexpr std::array<std::string_view, 19> kStandIns = {
    "your",        "example",  "xxxx",    "****",    "....",   "changeme", "change_me",
    "placeholder", "dummy",    "process", "environ", "getenv", "null",     "undefined",
    "required",    "redacted", "insert",  "replace", "todo"};
constexpr std::array<std::string_view, 4> kSureStandIns = {"xxxx", "****", "....", "placeholder"};

// The words between a name and its value in a sentence.
constexpr std::array<std::string_view, 34> kLinks = {
    "is",   "was",  "as",  "to",   "be",   "the",  "for",   "of",  "now",  "my",    "our",  "value",
    "a",    "an",   "new", "old",  "this", "set",  "using", "use", "with", "below", "here", "that",
    "will", "from", "has", "been", "are",  "prod", "in",    "on",  "it",   "still"};

std::string plain_name(std::string_view name) {
  std::string plain = lower_case(name);
  std::replace(plain.begin(), plain.end(), '-', '_');
  std::replace(plain.begin(), plain.end(), ' ', '_');
  for (bool cut = true; cut;) {
    cut = false;
    while (!plain.empty() && is_digit(plain.back())) {
      plain.pop_back();
      cut = true;
    }
    for (const std::string_view suffix : kSuffixes) {
      if (!plain.ends_with(suffix)) continue;
      plain.erase(plain.size() - suffix.size());
      cut = true;
    }
  }
  return plain;
}

template <std::size_t N>
bool ends_with_any(std::string_view name, const std::array<std::string_view, N>& words) {
  return std::any_of(words.begin(), words.end(), [&](auto word) { return name.ends_with(word); });
}

enum class NameKind { kOther, kPassword, kToken, kKey };

NameKind kind_of(std::string_view name) {
  const std::string plain = plain_name(name);
  if (plain == "pass" || plain.ends_with("_pass") || ends_with_any(plain, kPasswordNames)) {
    return NameKind::kPassword;
  }
  if (ends_with_any(plain, kTokenNames)) return NameKind::kToken;
  if (plain.ends_with("key") && !ends_with_any(plain, kOtherKeys)) return NameKind::kKey;
  return NameKind::kOther;
}

bool is_identifier(std::string_view text) {
  return !text.empty() && !is_digit(text[0]) && std::all_of(text.begin(), text.end(), is_word);
}

// ${NAME}, $NAME, {{ name }}, <name>, %(name)s, %NAME%, #{name}, {name}: filled in later.
bool is_template(std::string_view value) {
  for (const std::string_view mark : {"${", "{{", "$(", "<%", "%(", "#{", "}}"}) {
    if (value.find(mark) != std::string_view::npos) return true;
  }
  const char first = value[0];
  const char last = value.back();
  return (first == '<' && last == '>') || (first == '{' && last == '}') ||
         (first == '[' && last == ']') || (first == '%' && last == '%' && value.size() > 2) ||
         (first == '$' && is_identifier(value.substr(1)));
}

bool is_stand_in(std::string_view value) {
  if (value.empty() || is_template(value) ||
      value.find_first_of("\r\n\t") != std::string_view::npos) {
    return true;
  }
  const std::string plain = lower_case(value);
  const auto says = [&](std::string_view word) { return plain.find(word) != std::string::npos; };
  // A long random value may spell any short word by chance.
  if (value.size() >= kLongRandomSize && looks_random(value)) {
    return std::any_of(kSureStandIns.begin(), kSureStandIns.end(), says);
  }
  return std::any_of(kStandIns.begin(), kStandIns.end(), says);
}

// A digit or a symbol among letters: chosen, not a word.
bool is_chosen(std::string_view value) {
  const auto any = [&](auto is) { return std::any_of(value.begin(), value.end(), is); };
  const auto is_symbol = [](char c) {
    return !is_word(c) && c != '-' && c != '.' && c != '/' && c != ' ' && c != ',' && c != ':';
  };
  return any(is_letter) && (any(is_digit) || any(is_symbol)) &&
         value.find(' ') == std::string_view::npos;
}

// Capitals, small letters and digits within any eight characters or so, as paths do not.
bool mixes_all(std::string_view text) {
  std::size_t changes = 0;
  const auto kind = [](char c) { return is_digit(c) ? 1 : is_upper(c) ? 2 : is_lower(c) ? 3 : 0; };
  for (std::size_t i = 1; i < text.size(); ++i)
    changes += kind(text[i]) != kind(text[i - 1]) ? 1 : 0;
  return changes * 5 >= text.size() * 2;
}

bool counts(NameKind kind, std::string_view value) {
  if (value.size() > kLongestValue || kind == NameKind::kOther || is_stand_in(value)) return false;
  if (kind == NameKind::kPassword) return value.size() >= 6 && is_chosen(value);
  if (looks_made_up(value) || value.find(' ') != std::string_view::npos) return false;
  return value.size() >= (kind == NameKind::kToken ? kRandomSize : kLongRandomSize) &&
         (looks_random(value) || is_unspeakable(value));
}

struct Value {
  std::size_t begin = 0;
  std::size_t end = 0;
  bool quoted = false;
};

// From the opening quote at `at` to the closing one, over escaped ones. A string inside a string
// has `escapes` backslashes before its quotes.
Value read_quoted(std::string_view text, std::size_t at, std::size_t escapes) {
  const char quote = text[at];
  const std::size_t limit = std::min(text.size(), at + kLongestValue);
  for (std::size_t i = at + 1; i < limit && text[i] != '\n'; ++i) {
    if (text[i] != quote) continue;
    std::size_t slashes = 0;
    while (i - slashes > at + 1 && text[i - slashes - 1] == '\\') ++slashes;
    if (slashes == escapes) return {at + 1, i - slashes, true};
    if (slashes < escapes || slashes % 2 == 0) return {at + 1, i - slashes, true};
  }
  return {};
}

// "&page=", "; User Id=".
bool begins_pair(std::string_view text, std::size_t at) {
  const bool blanks = text[at] == ';';
  for (++at; blanks && is_blank(char_at(text, at));) ++at;
  const std::size_t begin = at;
  while (is_word(char_at(text, at)) || char_at(text, at) == '-' ||
         (blanks && char_at(text, at) == ' '))
    ++at;
  return at > begin && char_at(text, at) == '=';
}

// A bare word, as far as what stands before its name says: in a URL's query ("?" or "&") "&" ends
// it, in a list of pairs ";", in an environment file only a blank.
Value read_bare(std::string_view text, std::size_t at, char before_name) {
  const bool in_query = before_name == '?' || before_name == '&';
  std::size_t end = at;
  for (; end < text.size() && end - at < kLongestValue; ++end) {
    const char c = text[end];
    if (std::string_view(" \t\r\n\"'`\\").find(c) != std::string_view::npos) break;
    if (in_query && (c == '&' || c == '#')) break;
    if (c == ';' && before_name == ';') break;
    if ((c == '&' || c == ';') && begins_pair(text, end)) break;
    if (c == '<' && (char_at(text, end + 1) == '/' || is_word(char_at(text, end + 1)))) break;
  }
  // What ends a sentence, a list or a call does not belong to the value.
  while (end > at && std::string_view(",;.:)]}>").find(text[end - 1]) != std::string_view::npos) {
    const char c = text[end - 1];
    const char opening = c == ')' ? '(' : c == ']' ? '[' : c == '}' ? '{' : c == '>' ? '<' : '\0';
    if (opening != '\0' && text.substr(at, end - at).find(opening) != std::string_view::npos) break;
    --end;
  }
  return {at, end, false};
}

// "settings.password2", "get_token()", "tokens[0]", "a->b": code, not a value.
bool is_code(std::string_view text, const Value& value) {
  const std::string_view said = text.substr(value.begin, value.end - value.begin);
  const std::size_t word = static_cast<std::size_t>(
      std::find_if(said.begin(), said.end(),
                   [](char c) { return !is_word(c) && c != '.' && c != ':'; }) -
      said.begin());
  const char next = word < said.size() ? said[word] : char_at(text, value.end);
  const bool closing_tag = text.substr(value.end, 2) == "</";
  if (word > 0 && !closing_tag && (next == '(' || next == '[' || next == '{' || next == '<'))
    return true;
  if (said.find("->") != std::string_view::npos || said.find("::") != std::string_view::npos)
    return true;
  if (word == 0 && std::string_view("([{<").find(next) != std::string_view::npos) return true;
  return said.find('.') != std::string_view::npos && word == said.size() && !looks_random(said);
}

Value read_value(std::string_view text, std::size_t at, char before_name) {
  while (is_blank(char_at(text, at))) ++at;
  std::size_t begin = at;
  while (char_at(text, begin) == '\\') ++begin;
  const char quote = char_at(text, begin);
  if (quote == '"' || quote == '\'' || quote == '`') return read_quoted(text, begin, begin - at);
  // r"…", b'…', f"…"
  if (is_letter(quote) && (char_at(text, at + 1) == '"' || char_at(text, at + 1) == '\'')) {
    return read_quoted(text, at + 1, 0);
  }
  return read_bare(text, at, before_name);
}

struct Name {
  std::size_t begin = 0;
  std::size_t end = 0;
};

bool is_name(char c) {
  return is_word(c) || c == '-';
}

// The name of which the bytes before `at` are a part.
Name name_around(std::string_view text, std::size_t at) {
  Name name{at, at};
  while (name.begin > 0 && at - name.begin < kLongestName && is_name(text[name.begin - 1])) {
    if (ends_escape(text, name.begin)) break;
    --name.begin;
  }
  while (name.end < text.size() && name.end - at < kLongestName && is_name(text[name.end]))
    ++name.end;
  // "api key": two words, one name.
  if (name.begin >= 4 && lower_case(text.substr(name.begin, name.end - name.begin)) == "key" &&
      is_blank(text[name.begin - 1])) {
    std::size_t word = name.begin - 1;
    while (word > 0 && is_name(text[word - 1])) --word;
    name.begin = word;
  }
  return name;
}

// Where the value behind a name begins, if something says that one follows.
std::optional<std::size_t> skip_sign(std::string_view text, const Name& name) {
  std::size_t at = name.end;
  const bool closed = char_at(text, at) == '"' || char_at(text, at) == '\'' ||
                      char_at(text, at) == '\\' || char_at(text, at) == '`';
  while (at - name.end < 6 &&
         std::string_view("\"'`\\]) \t*?!").find(char_at(text, at)) != std::string_view::npos &&
         at < text.size()) {
    ++at;
  }
  const char sign = char_at(text, at);
  if (sign == '=' || sign == ':') {
    while (std::string_view("=:>").find(char_at(text, at)) != std::string_view::npos &&
           at < text.size())
      ++at;
    return at;
  }
  if (sign == '>' && char_before(text, name.begin) == '<') return at + 1;  // <password>
  if (sign == '|') return at + 1;                                          // a table's row
  if (sign == ',' && closed) {                                             // ("password", "…")
    while (is_blank(char_at(text, ++at))) continue;
    if (char_at(text, at) == '"' || char_at(text, at) == '\'') return at;
  }
  return std::nullopt;
}

// "the token for staging is …": over at most five linking words.
std::optional<std::size_t> skip_links(std::string_view text, std::size_t at, bool& linked) {
  linked = false;
  for (int words = 0; words < 6; ++words) {
    while (std::string_view(" \t(:=`'\"").find(char_at(text, at)) != std::string_view::npos &&
           at < text.size()) {
      ++at;
    }
    std::size_t end = at;
    while (is_letter(char_at(text, end)) && end - at < 12) ++end;
    const std::string word = lower_case(text.substr(at, end - at));
    const char after = char_at(text, end);
    const bool ends = is_blank(after) || (after == ':' && is_blank(char_at(text, end + 1)));
    const bool link =
        !word.empty() && ends &&
        (std::find(kLinks.begin(), kLinks.end(), word) != kLinks.end() || word.size() >= 4);
    if (!link) return at;
    linked = linked || word == "is" || word == "was";
    at = end;
  }
  return std::nullopt;
}

std::optional<Finding> finding_of(const Value& value, std::string_view reason) {
  return Finding{value.begin, value.end, Type::kSecret, "named value", reason};
}

// Random enough for a sentence, where much else may stand.
bool is_said_random(std::string_view said) {
  const bool path =
      said.find('/') != std::string_view::npos && (said.size() < 32 || !mixes_all(said));
  return said.size() >= 16 && looks_random(said) && !is_stand_in(said) && !looks_made_up(said) &&
         !path;
}

// "use … as the API token": the value first, then "as", "is" or "was" and a few words, then the
// name.
std::optional<Finding> find_said_before(std::string_view text, const Name& name) {
  std::size_t at = name.begin;
  for (int words = 0; words < 5; ++words) {
    while (at > 0 && is_blank(text[at - 1])) --at;
    std::size_t word = at;
    while (word > 0 && (is_letter(text[word - 1]) || text[word - 1] == '\'') && at - word < 14)
      --word;
    const std::string said = lower_case(text.substr(word, at - word));
    if (said.empty()) return std::nullopt;
    at = word;
    if (said != "as" && said != "is" && said != "was") continue;
    std::size_t end = at;
    while (end > 0 && std::string_view(" \t\"'`),").find(text[end - 1]) != std::string_view::npos)
      --end;
    std::size_t begin = end;
    constexpr std::string_view kEnds = " \t\r\n\"'`(,;<>";
    while (begin > 0 && end - begin < kLongestValue &&
           kEnds.find(text[begin - 1]) == std::string_view::npos) {
      --begin;
    }
    if (!is_said_random(text.substr(begin, end - begin))) return std::nullopt;
    return Finding{begin, end, Type::kSecret, "named value",
                   "said to be a secret, and looks drawn by chance"};
  }
  return std::nullopt;
}

std::optional<Finding> find_in_sentence(std::string_view text, const Name& name, NameKind kind) {
  if (!is_blank(char_at(text, name.end))) return std::nullopt;
  const bool option = text.substr(name.begin, 1) == "-";
  bool linked = false;
  const auto at = option ? std::optional(name.end + 1) : skip_links(text, name.end, linked);
  if (!at || *at >= text.size()) return std::nullopt;
  const Value value = option ? read_value(text, *at, ' ') : read_bare(text, *at, ' ');
  const std::string_view said = text.substr(value.begin, value.end - value.begin);
  if (said.empty() || (!value.quoted && is_code(text, value))) return std::nullopt;
  if (option && counts(kind, said))
    return finding_of(value, "follows an option that names a secret");
  if (kind == NameKind::kPassword && linked && said.size() >= 8 && counts(kind, said)) {
    return finding_of(value, "said to be a password");
  }
  if (!is_said_random(said)) return std::nullopt;
  return finding_of(value, "said to be a secret, and looks drawn by chance");
}

}  // namespace

bool is_assigned_secret(std::string_view name, std::string_view value) {
  return !value.empty() && counts(kind_of(name), value);
}

std::optional<Finding> find_assigned(std::string_view text, std::size_t at) {
  const Name name = name_around(text, at);
  const NameKind kind = kind_of(text.substr(name.begin, name.end - name.begin));
  if (kind == NameKind::kOther) return std::nullopt;
  const auto begin = skip_sign(text, name);
  if (!begin) {
    auto finding = find_in_sentence(text, name, kind);
    if (!finding && is_blank(char_before(text, name.begin))) finding = find_said_before(text, name);
    return finding;
  }
  const Value value = read_value(text, *begin, char_before(text, name.begin));
  const std::string_view said = text.substr(value.begin, value.end - value.begin);
  const bool compared = text.substr(*begin - 2, 2) == "==";
  if (said.empty() || (!value.quoted && (compared || is_code(text, value))) ||
      !counts(kind, said)) {
    return std::nullopt;
  }
  return finding_of(value, kind == NameKind::kPassword
                               ? "follows a password's name"
                               : "follows a secret's name, and looks drawn by chance");
}

}  // namespace hone::privacy
