// Addresses: e-mail, IPv6, MAC, IBAN, web sites. Each function gets the place that a trigger
// pattern found (rules.cpp) and reads outwards from it, at most a few dozen bytes. Used inside this
// folder only.
#pragma once

#include <optional>
#include <string_view>

#include "privacy/finding.h"

namespace hone::privacy {

// `at`: of the "@".
[[nodiscard]] std::optional<Finding> find_email(std::string_view text, std::size_t at);
// `at`: of the second ":" of an address.
[[nodiscard]] std::optional<Finding> find_ipv6(std::string_view text, std::size_t at);
// `at`: of the country's two letters.
[[nodiscard]] std::optional<Finding> find_iban(std::string_view text, std::size_t at);

// `at`: of the first ":" or "-" of a network card's address, behind two hexadecimal digits.
[[nodiscard]] std::optional<Finding> find_mac(std::string_view text, std::size_t at);
// `at`: of "://". A site that is said to be somebody's, by its root.
[[nodiscard]] std::optional<Finding> find_site(std::string_view text, std::size_t at);

}  // namespace hone::privacy
