#include "base/id.h"

#include <array>

namespace hone {
namespace {

constexpr std::string_view kAlphabet = "0123456789abcdefghjkmnpqrstvwxyz";
constexpr std::size_t kLength = 26;

}  // namespace

std::string IdSource::next(std::string_view prefix) {
  std::uint64_t time = static_cast<std::uint64_t>(to_millis(clock_.now()));
  std::array<char, kLength> text{};
  for (int i = 9; i >= 0; --i) {
    text[static_cast<std::size_t>(i)] = kAlphabet[time & 31U];
    time >>= 5;
  }
  {
    const std::lock_guard lock(mutex_);
    for (std::size_t i = 10; i < kLength; ++i) text[i] = kAlphabet[random_.next() >> 59];
  }
  std::string id(prefix);
  id.push_back('_');
  id.append(text.data(), text.size());
  return id;
}

bool is_id(std::string_view text, std::string_view prefix) {
  if (text.size() != prefix.size() + 1 + kLength || !text.starts_with(prefix)) return false;
  if (text[prefix.size()] != '_') return false;
  return text.find_first_not_of(kAlphabet, prefix.size() + 1) == std::string_view::npos;
}

}  // namespace hone
