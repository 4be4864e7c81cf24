#include "privacy/encoding.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/text.h"
#include "privacy/finding.h"

namespace hone::privacy {
namespace {

constexpr std::size_t kLongestRun = 32U << 10;  // of an encoded part, to either side
constexpr std::size_t kShortestBlock = 24;      // of base64: 18 bytes
constexpr std::size_t kProbe = 24;              // characters that tell text from other bytes

constexpr std::array<std::int8_t, 256> make_values() {
  std::array<std::int8_t, 256> values{};
  values.fill(-1);
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (std::size_t i = 0; i < kAlphabet.size(); ++i) {
    values.at(static_cast<unsigned char>(kAlphabet[i])) = static_cast<std::int8_t>(i);
  }
  values['-'] = 62;
  values['_'] = 63;
  return values;
}
constexpr auto kValues = make_values();

int base64_value(char c) {
  return kValues[static_cast<unsigned char>(c)];
}

int hex_value(char c) {
  return is_digit(c) ? c - '0' : is_hex_digit(c) ? to_lower(c) - 'a' + 10 : -1;
}

// The value of `count` hexadecimal digits at `at`, or -1.
int hex_number(std::string_view text, std::size_t at, std::size_t count) {
  int number = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const int digit = hex_value(char_at(text, at + i));
    if (digit < 0) return -1;
    number = number * 16 + digit;
  }
  return number;
}

void put(Decoded& decoded, char c, std::size_t from) {
  decoded.text += c;
  decoded.from.push_back(static_cast<std::uint32_t>(from));
}

// UTF-8; a half of a surrogate pair is as good as any other character here.
void put_code(Decoded& decoded, int code, std::size_t from) {
  if (code < 0x80) return put(decoded, static_cast<char>(code), from);
  if (code < 0x800) {
    put(decoded, static_cast<char>(0xC0 | (code >> 6)), from);
  } else {
    put(decoded, static_cast<char>(0xE0 | (code >> 12)), from);
    put(decoded, static_cast<char>(0x80 | ((code >> 6) & 0x3F)), from);
  }
  put(decoded, static_cast<char>(0x80 | (code & 0x3F)), from);
}

void close(Decoded& decoded, std::size_t end) {
  decoded.end = end;
  decoded.from.push_back(static_cast<std::uint32_t>(end));
}

template <typename Belongs>
Block run_around(std::string_view text, std::size_t at, Belongs belongs) {
  Block run{at, at};
  while (run.begin > 0 && at - run.begin < kLongestRun && belongs(text[run.begin - 1])) --run.begin;
  while (run.end < text.size() && run.end - at < kLongestRun && belongs(text[run.end])) ++run.end;
  return run;
}

constexpr std::array<bool, 256> make_url() {
  std::array<bool, 256> url{};
  for (const char c : std::string_view("-._~:/?#[]@!$&()*+,;=%|")) {
    url.at(static_cast<unsigned char>(c)) = true;
  }
  for (std::size_t c = 0; c < 128; ++c) url.at(c) = url.at(c) || is_word(static_cast<char>(c));
  return url;
}
constexpr auto kUrl = make_url();

bool is_url(char c) {
  return kUrl[static_cast<unsigned char>(c)];
}

bool is_text(unsigned char c) {
  return (c >= 0x20 && c < 0x7F) || c == '\n' || c == '\r' || c == '\t';
}

}  // namespace

std::size_t Decoded::source_end(std::size_t at) const {
  // Bytes of one character share their source; the next one that has another ends it.
  std::size_t next = at;
  while (next + 1 < from.size() && at > 0 && from[next] == from[at - 1]) ++next;
  return from[next];
}

Decoded decode_percent(std::string_view text, std::size_t at) {
  const Block run = run_around(text, at, is_url);
  Decoded decoded;
  decoded.begin = run.begin;
  for (std::size_t i = run.begin; i < run.end;) {
    const int byte = text[i] == '%' ? hex_number(text, i + 1, 2) : -1;
    put(decoded, byte < 0 ? text[i] : static_cast<char>(byte), i);
    i += byte < 0 ? 1 : 3;
  }
  close(decoded, run.end);
  return decoded;
}

Decoded decode_escapes(std::string_view text, std::size_t at) {
  const Block run =
      run_around(text, at, [](char c) { return c != ' ' && c != '\n' && c != '\r' && c != '\t'; });
  Decoded decoded;
  decoded.begin = run.begin;
  for (std::size_t i = run.begin; i < run.end;) {
    const char next = char_at(text, i + 1);
    const int code = text[i] == '\\' && next == 'u' ? hex_number(text, i + 2, 4) : -1;
    if (code >= 0) {
      put_code(decoded, code, i);
      i += 6;
    } else if (text[i] == '\\' && (next == '/' || next == '"' || next == '\\')) {
      put(decoded, next, i);
      i += 2;
    } else if (text[i] == '\\' && (next == 'n' || next == 't' || next == 'r')) {
      put(decoded, next == 't' ? '\t' : '\n', i);
      i += 2;
    } else {
      put(decoded, text[i], i);
      ++i;
    }
  }
  close(decoded, run.end);
  return decoded;
}

bool is_plain_text(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return is_text(static_cast<unsigned char>(c)); });
}

// All three bytes of a group of four characters come from the whole group: a part of a group
// without the rest would shift what follows.
Decoded decode_base64(std::string_view text, std::size_t begin, std::size_t end) {
  Decoded decoded;
  decoded.begin = begin;
  std::uint32_t bits = 0;
  std::size_t group = begin;
  unsigned count = 0;
  for (std::size_t i = begin; i < end; ++i) {
    const int value = base64_value(text[i]);
    if (value < 0) continue;  // a line break or padding
    if (count == 0) group = i;
    bits = (bits << 6) | static_cast<std::uint32_t>(value);
    ++count;
    const unsigned spare = count == 2 ? 4 : count == 3 ? 2 : 0;
    if (count >= 2) put(decoded, static_cast<char>((bits >> spare) & 0xFFU), group);
    if (count == 4) count = 0;
  }
  close(decoded, end);
  return decoded;
}

namespace {

// The end of the block that begins at `begin`: its lines and padding.
std::size_t block_end(std::string_view text, std::size_t begin) {
  constexpr std::size_t kLine = 60;  // shorter lines are not wrapped base64
  std::size_t end = begin;
  for (std::size_t line = begin;;) {
    while (end < text.size() && base64_value(text[end]) >= 0) ++end;
    std::size_t next = end;
    while (next < text.size() && (text[next] == '\n' || text[next] == '\r')) ++next;
    const bool wrapped =
        next > end && end - line >= kLine && base64_value(char_at(text, next)) >= 0;
    if (!wrapped) break;
    line = end = next;
  }
  while (char_at(text, end) == '=') ++end;
  return end;
}

bool begins_as_text(std::string_view text, std::size_t begin) {
  std::uint32_t bits = 0;
  for (std::size_t i = 0; i < kProbe; ++i) {
    bits = (bits << 6) | static_cast<std::uint32_t>(base64_value(text[begin + i]));
    const std::size_t spare = i % 4 == 1 ? 4 : i % 4 == 2 ? 2 : 0;
    if (i % 4 != 0 && !is_text(static_cast<unsigned char>((bits >> spare) & 0xFFU))) return false;
  }
  return true;
}

constexpr std::size_t kWindow = 16;
using Window = unsigned char __attribute__((vector_size(kWindow)));

// Whether the 16 bytes are all of either alphabet; at once, for it is asked everywhere.
bool all_base64(const char* bytes) {
  Window c;
  std::memcpy(&c, bytes, kWindow);
  const auto folded = c | 0x20;  // letters in lower case; "/" stays, "-" stays, "_" is 0x7F
  const auto valid =
      ((folded - 'a') < 26) | ((c - '0') < 10) | (c == '+') | (c == '/') | (c == '-') | (c == '_');
  std::array<std::uint64_t, 2> halves{};
  std::memcpy(halves.data(), &valid, kWindow);
  return (halves[0] & halves[1]) == ~std::uint64_t{0};
}

}  // namespace

// Every run of that length covers a window that begins at a multiple of the step.
std::vector<Block> base64_blocks(std::string_view text) {
  constexpr std::size_t kStep = kShortestBlock - kWindow;
  std::vector<Block> blocks;
  std::size_t done = 0;
  for (std::size_t at = 0; at + kWindow <= text.size(); at += kStep) {
    if (at < done || !all_base64(text.data() + at)) continue;
    std::size_t begin = at;
    while (begin > done && base64_value(text[begin - 1]) >= 0) --begin;
    std::size_t end = at;
    while (end < text.size() && end - begin < kShortestBlock && base64_value(text[end]) >= 0) ++end;
    if (end - begin < kShortestBlock) continue;
    done = block_end(text, begin);
    if (begins_as_text(text, begin)) blocks.push_back({begin, done});
  }
  return blocks;
}

}  // namespace hone::privacy
