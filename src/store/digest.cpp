#include "store/digest.h"

#include <algorithm>

namespace hone::store {
namespace {

constexpr std::size_t kDigestDigits = 64;

int value_of(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
  if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
  return -1;
}

}  // namespace

std::optional<std::string> unhex(std::string_view digits) {
  if (digits.size() % 2 != 0) return std::nullopt;
  std::string bytes(digits.size() / 2, '\0');
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const int high = value_of(digits[2 * i]);
    const int low = value_of(digits[2 * i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    bytes[i] = static_cast<char>(high * 16 + low);
  }
  return bytes;
}

std::optional<Bytes> digest_bytes(std::string_view name) {
  const bool small = std::ranges::none_of(name, [](char c) { return c >= 'A' && c <= 'F'; });
  if (name.size() != kDigestDigits || !small) return std::nullopt;
  auto bytes = unhex(name);
  if (!bytes) return std::nullopt;
  return Bytes{std::move(*bytes)};
}

}  // namespace hone::store
