#include "engine/model/utf8.h"

#include <utf8proc.h>

namespace hone::engine {
namespace {

// What may follow a lead byte: how many bytes in all, and the range of the second (which is what
// rules out overlong forms, surrogates and codes above U+10FFFF).
struct Lead {
  std::size_t size = 0;  // 0: no lead byte
  unsigned char low = 0x80;
  unsigned char high = 0xBF;
};

Lead lead_of(unsigned char byte) {
  if (byte < 0x80) return {1};
  if (byte < 0xC2) return {0};
  if (byte < 0xE0) return {2};
  if (byte == 0xE0) return {3, 0xA0, 0xBF};
  if (byte == 0xED) return {3, 0x80, 0x9F};
  if (byte < 0xF0) return {3};
  if (byte == 0xF0) return {4, 0x90, 0xBF};
  if (byte < 0xF4) return {4};
  if (byte == 0xF4) return {4, 0x80, 0x8F};
  return {0};
}

// How many bytes from the front of `text` fit its lead byte.
std::size_t matching(std::string_view text, const Lead& lead) {
  std::size_t have = 1;
  while (have < lead.size && have < text.size()) {
    const auto next = static_cast<unsigned char>(text[have]);
    const bool fits = have == 1 ? next >= lead.low && next <= lead.high : (next & 0xC0) == 0x80;
    if (!fits) break;
    ++have;
  }
  return have;
}

bool strips(char32_t code) {
  // Python also strips the information separators, which White_Space lacks.
  return is_white_space(code) || (code >= 0x1C && code <= 0x1F);
}

}  // namespace

Character character_at(std::string_view text, std::size_t position) {
  const std::string_view rest = text.substr(position);
  const auto first = static_cast<unsigned char>(rest.front());
  const Lead lead = lead_of(first);
  if (lead.size == 1) return {first, 1, true};
  if (lead.size == 0) return {};
  const std::size_t have = matching(rest, lead);
  if (have < lead.size) return {0xFFFD, have, false};
  char32_t code = first & (0xFF >> (lead.size + 1));
  for (std::size_t i = 1; i < lead.size; ++i) {
    code = code << 6 | (static_cast<unsigned char>(rest[i]) & 0x3F);
  }
  return {code, lead.size, true};
}

void append_utf8(std::string& text, char32_t code) {
  utf8proc_uint8_t bytes[4];
  const auto size = utf8proc_encode_char(static_cast<utf8proc_int32_t>(code), bytes);
  text.append(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
}

std::size_t incomplete_utf8_tail(std::string_view bytes) {
  for (std::size_t back = 1; back <= 3 && back <= bytes.size(); ++back) {
    const std::string_view tail = bytes.substr(bytes.size() - back);
    const auto first = static_cast<unsigned char>(tail.front());
    if ((first & 0xC0) == 0x80) continue;
    const Lead lead = lead_of(first);
    return lead.size > back && matching(tail, lead) == back ? back : 0;
  }
  return 0;
}

bool is_utf8(std::string_view bytes) {
  for (std::size_t i = 0; i < bytes.size();) {
    const Character character = character_at(bytes, i);
    if (!character.valid) return false;
    i += character.size;
  }
  return true;
}

std::string replace_invalid_utf8(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size());
  for (std::size_t i = 0; i < bytes.size();) {
    const Character character = character_at(bytes, i);
    if (character.valid) {
      text.append(bytes.substr(i, character.size));
    } else {
      append_utf8(text, 0xFFFD);
    }
    i += character.size;
  }
  return text;
}

bool is_letter(char32_t code) {
  const auto category = utf8proc_category(static_cast<utf8proc_int32_t>(code));
  return category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LO;
}

bool is_number(char32_t code) {
  const auto category = utf8proc_category(static_cast<utf8proc_int32_t>(code));
  return category >= UTF8PROC_CATEGORY_ND && category <= UTF8PROC_CATEGORY_NO;
}

bool is_white_space(char32_t code) {
  if (code < 0x80) return code == ' ' || (code >= '\t' && code <= '\r');
  if (code == 0x85) return true;
  const auto category = utf8proc_category(static_cast<utf8proc_int32_t>(code));
  return category >= UTF8PROC_CATEGORY_ZS && category <= UTF8PROC_CATEGORY_ZP;
}

std::string_view strip(std::string_view text) {
  std::size_t begin = 0;
  while (begin < text.size()) {
    const Character character = character_at(text, begin);
    if (!character.valid || !strips(character.code)) break;
    begin += character.size;
  }
  std::size_t end = begin;  // after the last character that stays
  for (std::size_t i = begin; i < text.size();) {
    const Character character = character_at(text, i);
    i += character.size;
    if (!character.valid || !strips(character.code)) end = i;
  }
  return text.substr(begin, end - begin);
}

}  // namespace hone::engine
