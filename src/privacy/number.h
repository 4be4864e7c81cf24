// Numbers as people write them: groups of digits with separators. Cards, telephone numbers and IPv4
// addresses are told apart by their groups, not by one long pattern each. Used inside this folder
// only.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "privacy/finding.h"

namespace hone::privacy {

struct DigitGroup {
  std::size_t begin = 0;
  std::size_t end = 0;
  // What separates it from the group before: " ", "-", ") ", " (", …; of the first, "".
  std::string_view before;
};

struct Number {
  std::size_t begin = 0;  // with "+" and "("
  bool plus = false;
  bool parenthesis = false;  // before the first group
  std::vector<DigitGroup> groups;

  [[nodiscard]] std::string digits(std::string_view text,
                                   std::size_t count) const;  // of `count` groups
  [[nodiscard]] std::size_t end(std::size_t count) const { return groups[count - 1].end; }
};

// Whether there is anything to read at `at` for those below: cheap, for there are numbers
// everywhere.
[[nodiscard]] bool has_enough_digits(std::string_view text, std::size_t at);

// Reads from the first digit at `at`, as far as groups follow each other on the line (at most 24
// digits).
[[nodiscard]] Number read_number(std::string_view text, std::size_t at);

// Nothing that would make the number part of a word, a decimal or a longer number stands beside it.
[[nodiscard]] bool stands_alone(std::string_view text, std::size_t begin, std::size_t end);

[[nodiscard]] std::optional<Finding> find_card(std::string_view text, const Number& number);
[[nodiscard]] std::optional<Finding> find_ipv4(std::string_view text, const Number& number);
[[nodiscard]] std::optional<Finding> find_phone(std::string_view text, const Number& number);
// A pair of decimal degrees.
[[nodiscard]] std::optional<Finding> find_coordinates(std::string_view text, std::size_t at);

// ISO/IEC 7812-1, annex B.
[[nodiscard]] bool passes_luhn(std::string_view digits);

}  // namespace hone::privacy
