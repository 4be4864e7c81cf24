// The placeholders that redaction leaves in stored text, "<TYPE:hex>", found again, and filled with
// made-up values of the same type. What is trained on has no placeholders: curation fills them,
// consistently within an example, and a gate refuses a model that writes them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace hone::privacy {

struct Placeholder {
  std::size_t begin = 0;
  std::size_t size = 0;
  std::string_view type;  // "EMAIL", "PHONE", …: views into the text
  std::string_view hex;   // 4 to 16 lower-case digits
};

// In order. Only our own types count: "<ABC:1234>" is somebody's text.
[[nodiscard]] std::vector<Placeholder> find_placeholders(std::string_view text);

// A made-up value of that type, the same for the same seed. It is nobody's: documentation domains,
// number ranges and addresses (RFC 2606, RFC 5737, RFC 3849, 555-01xx), cards and IBANs of test
// ranges.
[[nodiscard]] std::string surrogate(std::string_view type, std::uint64_t seed);

// Every placeholder filled; equal placeholders get equal values under one seed.
[[nodiscard]] std::string fill_placeholders(std::string_view text, std::uint64_t seed);

}  // namespace hone::privacy
