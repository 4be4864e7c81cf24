// Addresses: e-mail, IPv6, IBAN. Each function gets the place that a trigger pattern found
// (rules.cpp) and reads outwards from it, at most a few dozen bytes. Used inside this folder only.
#pragma once

#include <optional>
#include <string_view>

#include "privacy/finding.h"

namespace hone::privacy {

// `at`: of the "@" or "%40".
[[nodiscard]] std::optional<Finding> find_email(std::string_view text, std::size_t at);
// `at`: of the second ":" of an address.
[[nodiscard]] std::optional<Finding> find_ipv6(std::string_view text, std::size_t at);
// `at`: of the country's two letters.
[[nodiscard]] std::optional<Finding> find_iban(std::string_view text, std::size_t at);

}  // namespace hone::privacy
