#include <algorithm>
#include <array>
#include <cmath>

#include "privacy/secret.h"

namespace hone::privacy {
namespace {

constexpr std::size_t kAny = 512;

bool belongs(Alphabet alphabet, char c) {
  switch (alphabet) {
    case Alphabet::kAlphanumeric:
      return is_letter(c) || is_digit(c);
    case Alphabet::kUpper:
      return is_upper(c) || is_digit(c);
    case Alphabet::kHex:
      return is_digit(c) || (to_lower(c) >= 'a' && to_lower(c) <= 'f');
    case Alphabet::kUrlSafe:
      return is_word(c) || c == '-';
    case Alphabet::kBase32:
      return is_lower(c) || (c >= '2' && c <= '7');
    case Alphabet::kBase64:
      return is_letter(c) || is_digit(c) || c == '+' || c == '/';
  }
  return false;
}

std::size_t run(std::string_view text, std::size_t at, Alphabet alphabet) {
  std::size_t end = at;
  while (end - at <= kAny && end < text.size() && belongs(alphabet, text[end])) ++end;
  return end - at;
}

double entropy_bits(std::string_view text) {
  std::array<int, 256> counts{};
  for (const char c : text) ++counts[static_cast<unsigned char>(c)];
  double bits = 0;
  for (const int count : counts) {
    if (count == 0) continue;
    const double p = static_cast<double>(count) / static_cast<double>(text.size());
    bits -= p * std::log2(p);
  }
  return bits;
}

int class_of(char c) {
  return is_digit(c) ? 1 : is_upper(c) ? 2 : is_lower(c) ? 3 : 0;
}

}  // namespace

// The issuers' own descriptions of their formats.
const std::vector<TokenFormat>& token_formats() {
  using enum Alphabet;
  static const std::vector<TokenFormat> formats = {
      {"AKIA", kUpper, 16, 16},  // AWS access key id, long-lived
      {"ASIA", kUpper, 16, 16},  // and of a session
      {"ghp_", kAlphanumeric, 36, 255},
      {"gho_", kAlphanumeric, 36, 255},
      {"ghu_", kAlphanumeric, 36, 255},
      {"ghs_", kAlphanumeric, 36, 255},
      {"ghr_", kAlphanumeric, 36, 255},
      {"github_pat_", kUrlSafe, 22, 255},
      {"glpat-", kUrlSafe, 20, 255},
      {"xoxb-", kUrlSafe, 10, kAny},
      {"xoxp-", kUrlSafe, 10, kAny},
      {"xoxa-", kUrlSafe, 10, kAny},
      {"xoxr-", kUrlSafe, 10, kAny},
      {"xoxs-", kUrlSafe, 10, kAny},
      {"xapp-", kUrlSafe, 20, kAny},
      {"hooks.slack.com/services/", kBase64, 30, 120},
      {"sk_live_", kAlphanumeric, 16, 255},
      {"rk_live_", kAlphanumeric, 16, 255},
      {"sk_test_", kAlphanumeric, 16, 255},
      {"whsec_", kBase64, 24, 255},
      {"AIza", kUrlSafe, 35, 35},
      {"ya29.", kUrlSafe, 20, kAny},
      {"GOCSPX-", kUrlSafe, 20, 64},
      {"sk-ant-", kUrlSafe, 20, 255},
      {"sk-proj-", kUrlSafe, 20, kAny},
      {"sk-", kUrlSafe, 20, kAny, true},
      {"hf_", kAlphanumeric, 30, 64},
      {"npm_", kAlphanumeric, 36, 36},
      {"pypi-AgE", kUrlSafe, 40, kAny},
      {"SK", kHex, 32, 32},  // Twilio
      {"AccountKey=", kBase64, 40, 100},
      {"SharedAccessKey=", kBase64, 40, 100},
      {"dop_v1_", kHex, 64, 64},
      {"shpat_", kHex, 32, 32},
      {"dapi", kHex, 32, 32},
      {"hone_sk_", kBase32, 32, 32},
  };
  return formats;
}

bool looks_random(std::string_view text) {
  int digits = 0;
  int letters = 0;
  std::size_t changes = 0;
  int last = 0;
  for (const char c : text) {
    const int now = class_of(c);
    digits += now == 1 ? 1 : 0;
    letters += now > 1 ? 1 : 0;
    if (now == 0) continue;
    if (last != 0 && now != last) ++changes;
    last = now;
  }
  return digits > 0 && letters > 0 && changes >= 3 && changes * 8 >= text.size() &&
         entropy_bits(text) >= 3.0;
}

std::optional<Finding> find_token(std::string_view text, std::size_t at,
                                  const TokenFormat& format) {
  const bool inside_word = is_word(char_before(text, at)) && is_word(format.prefix[0]);
  if (inside_word && format.prefix.find('.') == std::string_view::npos) return std::nullopt;
  const std::size_t begin = at + format.prefix.size();
  std::size_t size = run(text, begin, format.alphabet);
  if (format.alphabet == Alphabet::kBase64) {
    while (char_at(text, begin + size) == '=' && size < format.max) ++size;  // padding
  }
  if (size < format.min || size > format.max || is_word(char_at(text, begin + size))) {
    return std::nullopt;
  }
  if (format.must_look_random && !looks_random(text.substr(begin, size))) return std::nullopt;
  // "AccountKey=" is a name: only what follows is the secret.
  const bool named = format.prefix.ends_with('=') || format.prefix.ends_with('/');
  return Finding{named ? begin : at, begin + size, Type::kSecret};
}

std::optional<Finding> find_jwt(std::string_view text, std::size_t at) {
  if (is_word(char_before(text, at))) return std::nullopt;
  std::size_t end = at;
  for (int part = 0; part < 3; ++part) {
    const std::size_t begin = end;
    while (end - at < 8192 && end < text.size() && belongs(Alphabet::kUrlSafe, text[end])) ++end;
    const bool object = text.substr(begin, 3) == "eyJ" && end - begin >= 10;
    if (part < 2 && (!object || char_at(text, end) != '.')) return std::nullopt;
    if (part < 2) ++end;
  }
  return Finding{at, end, Type::kSecret};
}

std::optional<Finding> find_private_key(std::string_view text, std::size_t at) {
  constexpr std::size_t kLongest = 16U << 10;
  const std::string_view block = text.substr(at, kLongest);
  const std::size_t title = block.find("PRIVATE KEY");
  const std::size_t begun = block.find("-----", 10);
  if (title == std::string_view::npos || begun == std::string_view::npos || title > begun) {
    return std::nullopt;
  }
  const std::size_t closing = block.find("-----END", begun);
  if (closing != std::string_view::npos) {
    const std::size_t end = block.find("-----", closing + 8);
    if (end != std::string_view::npos) return Finding{at, at + end + 5, Type::kSecret};
  }
  std::size_t end = begun + 5;
  while (end < block.size() &&
         (belongs(Alphabet::kBase64, block[end]) || block[end] == '\n' || block[end] == '\r' ||
          block[end] == '\\' || block[end] == ' ' || block[end] == '=')) {
    ++end;
  }
  return Finding{at, at + end, Type::kSecret};
}

std::optional<Finding> find_telegram_token(std::string_view text, std::size_t at) {
  std::size_t begin = at;
  while (begin > 0 && at - begin <= 10 && is_digit(text[begin - 1])) --begin;
  const std::size_t size = run(text, at + 1, Alphabet::kUrlSafe);
  if (at - begin < 8 || at - begin > 10 || is_word(char_before(text, begin)) || size != 35) {
    return std::nullopt;
  }
  return Finding{begin, at + 1 + size, Type::kSecret};
}

}  // namespace hone::privacy
