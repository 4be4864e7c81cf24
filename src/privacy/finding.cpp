#include "privacy/finding.h"

#include <algorithm>

#include "base/text.h"

namespace hone::privacy {
namespace {

constexpr std::array<std::string_view, kTypes.size()> kNames = {
    "EMAIL", "PHONE", "CARD",     "IP",  "IBAN", "SECRET",
    "ID",    "MAC",   "LOCATION", "URL", "NAME", "CUSTOM"};

}  // namespace

std::string_view name(Type type) {
  return kNames.at(static_cast<std::size_t>(type));
}

std::optional<Type> find_type(std::string_view wanted) {
  for (const Type type : kTypes) {
    if (name(type) == wanted) return type;
  }
  return std::nullopt;
}

std::string normalised(Type type, std::string_view text) {
  std::string value;
  switch (type) {
    case Type::kEmail:
    case Type::kIp:
    case Type::kUrl:
    case Type::kName:
      return lower_case(text);
    case Type::kPhone:
    case Type::kCard:
      std::copy_if(text.begin(), text.end(), std::back_inserter(value), is_digit);
      return value;
    case Type::kIban:
    case Type::kId:
    case Type::kMac:
      value = lower_case(text);
      std::erase_if(value, [](char c) { return !is_word(c); });
      return value;
    case Type::kLocation:
    case Type::kSecret:
    case Type::kCustom:
      break;
  }
  return std::string(text);
}

}  // namespace hone::privacy
