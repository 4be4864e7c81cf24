// Numbers by which states know people. Where form and check digits are enough, they are; where
// another number could look the same, a word must stand before it. Used inside this folder only.
#pragma once

#include <optional>
#include <string_view>

#include "privacy/finding.h"
#include "privacy/number.h"

namespace hone::privacy {

// Numbers of digits: US, CA, BR, CH, BE, FR, DE, PL, NL, SE, DK, NO, FI, PT, TR, KR, CN, IN, AU,
// ZA, JP, GB (NHS).
[[nodiscard]] std::optional<Finding> find_national_number(std::string_view text,
                                                          const Number& number);
// Those that begin with letters: GB, IT, SG, ES, IN, MX. `at`: of the first letter, which begins a
// word; `letters` of them stand before the first digit.
[[nodiscard]] std::optional<Finding> find_lettered_id(std::string_view text, std::size_t at,
                                                      std::size_t letters);
// `at`: behind the word "passport" or "licence": a document's number.
[[nodiscard]] std::optional<Finding> find_document(std::string_view text, std::size_t at);

}  // namespace hone::privacy
