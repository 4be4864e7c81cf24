#include "base/id.h"

#include <array>

#include "base/hash.h"

namespace hone {
namespace {

constexpr std::string_view kAlphabet = "0123456789abcdefghjkmnpqrstvwxyz";
constexpr std::size_t kLength = 26;
constexpr std::size_t kTimeLength = 10;

// `chance(i)` gives the i-th of the 16 characters after the time, 5 bits each.
template <typename Chance>
std::string write_id(std::string_view prefix, Time at, const Chance& chance) {
  std::uint64_t time = static_cast<std::uint64_t>(to_millis(at));
  std::array<char, kLength> text{};
  for (std::size_t i = kTimeLength; i > 0; --i) {
    text[i - 1] = kAlphabet[time & 31U];
    time >>= 5;
  }
  for (std::size_t i = kTimeLength; i < kLength; ++i) text[i] = kAlphabet[chance(i - kTimeLength)];
  std::string id(prefix);
  id.push_back('_');
  id.append(text.data(), text.size());
  return id;
}

}  // namespace

std::string IdSource::next(std::string_view prefix) {
  const Time now = clock_.now();
  const std::lock_guard lock(mutex_);
  return write_id(prefix, now, [this](std::size_t) { return random_.next() >> 59; });
}

std::string derived_id(std::string_view prefix, Time time, std::string_view key) {
  const Digest digest = sha256(key);
  return write_id(prefix, time, [&](std::size_t i) { return digest.at(i) & 31U; });
}

bool is_id(std::string_view text, std::string_view prefix) {
  if (text.size() != prefix.size() + 1 + kLength || !text.starts_with(prefix)) return false;
  if (text[prefix.size()] != '_') return false;
  return text.find_first_not_of(kAlphabet, prefix.size() + 1) == std::string_view::npos;
}

}  // namespace hone
