#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>

#include "base/text.h"
#include "privacy/boundary.h"
#include "privacy/secret.h"

namespace hone::privacy {
namespace {

constexpr std::size_t kLongestJwt = 16U << 10;

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

// ISO 3309, as zlib has it.
std::uint32_t crc32(std::string_view text) {
  std::uint32_t crc = ~0U;
  for (const char c : text) {
    crc ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1U) != 0 ? 0xEDB88320U : 0U);
  }
  return ~crc;
}

}  // namespace

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

bool is_unspeakable(std::string_view text) {
  constexpr std::size_t kShortest = 15;
  constexpr std::string_view kVowels = "aeiouy";
  std::size_t run = 0;
  std::size_t runs = 0;
  for (const char c : text) {
    if (!is_letter(c) && !is_digit(c)) return false;  // words joined
    run = is_letter(c) && kVowels.find(to_lower(c)) == std::string_view::npos ? run + 1 : 0;
    runs += run == 4 ? 1 : 0;
  }
  return text.size() >= kShortest && runs >= 2 && entropy_bits(text) >= 3.0;
}

bool looks_made_up(std::string_view text) {
  std::array<bool, 256> seen{};
  std::size_t different = 0;
  std::size_t steps = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    bool& known = seen[static_cast<unsigned char>(text[i])];
    different += known ? 0 : 1;
    known = true;
    steps += i > 0 && text[i] - text[i - 1] == 1 ? 1 : 0;
  }
  return different < 5 || steps * 2 > text.size();
}

bool has_github_checksum(std::string_view token) {
  constexpr std::string_view kBase62 =
      "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  constexpr std::size_t kDigits = 6;
  const std::size_t begin = token.find('_') + 1;
  if (begin == 0 || token.size() < begin + kDigits) return false;
  std::uint32_t rest = crc32(token.substr(begin, token.size() - kDigits - begin));
  for (std::size_t i = 0; i < kDigits; ++i, rest /= 62) {
    if (token[token.size() - 1 - i] != kBase62[rest % 62]) return false;
  }
  return true;
}

std::optional<Finding> find_token(std::string_view text, std::size_t at,
                                  const TokenFormat& format) {
  const auto match = format.shape.match(text, at);
  if (!match) return std::nullopt;
  const std::string_view random = text.substr(match->random, match->end - match->random);
  if (looks_made_up(random)) return std::nullopt;
  Finding found{match->begin, match->end, Type::kSecret, format.name, "its form"};
  if (format.check == TokenCheck::kRandom) {
    if (!looks_random(random) && !is_unspeakable(random)) return std::nullopt;
    found.reason = "its form, and it looks drawn by chance";
  }
  if (format.check == TokenCheck::kGitHubChecksum) {
    const std::string_view token = text.substr(match->begin, match->end - match->begin);
    if (has_github_checksum(token)) found.reason = "its form and checksum";
  }
  return found;
}

std::optional<Finding> find_jwt(std::string_view text, std::size_t at) {
  if (!begins_word(text, at)) return std::nullopt;
  std::size_t end = at;
  for (int part = 0; part < 3; ++part) {
    const std::size_t begin = end;
    while (end - at < kLongestJwt && end < text.size() && belongs('u', text[end])) ++end;
    const bool object = text.substr(begin, 3) == "eyJ" && end - begin >= 10;
    if (part < 2 && (!object || char_at(text, end) != '.')) return std::nullopt;
    if (part < 2) ++end;
  }
  return Finding{at, end, Type::kSecret, "JSON web token", "header and claims in base64url"};
}

std::optional<Finding> find_private_key(std::string_view text, std::size_t at) {
  constexpr std::size_t kLongest = 16U << 10;
  constexpr std::string_view kReason = "a private key's armour";
  const std::string_view block = text.substr(at, kLongest);
  const std::size_t title = block.find("PRIVATE");
  const std::size_t begun = block.find("----", 10);
  if (title == std::string_view::npos || begun == std::string_view::npos || title > begun) {
    return std::nullopt;
  }
  // Behind one character: a blank, or "+" in a URL.
  if (block.substr(title).find("KEY") != std::string_view("PRIVATE ").size()) return std::nullopt;
  const std::size_t closing = block.find("END", begun);
  if (closing != std::string_view::npos && block.substr(closing - 5, 4) == "----") {
    const std::size_t end = block.find("----", closing + 3);
    if (end != std::string_view::npos) {
      std::size_t last = at + end;
      while (char_at(text, last) == '-') ++last;
      return Finding{at, last, Type::kSecret, "private key", kReason};
    }
  }
  std::size_t end = begun;
  while (end < block.size() && block[end] == '-') ++end;
  while (end < block.size() && (belongs('b', block[end]) || block[end] == '\n' ||
                                block[end] == '\r' || block[end] == '\\' || block[end] == ' ')) {
    ++end;
  }
  return Finding{at, at + end, Type::kSecret, "private key", kReason};
}

}  // namespace hone::privacy
