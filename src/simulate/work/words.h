// The words that tasks are made of, and the lenient reading of answers that all domains share.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace hone::simulate {

// Parts of the product, in lower case. None is contained in another, nor in another word list.
[[nodiscard]] std::span<const std::string_view> product_parts();

// How many different parts of the product `text` names, whatever the case.
[[nodiscard]] int parts_named(std::string_view text);

// The answer as a lenient reader takes it: without outer blanks, one pair of outer quotes and a
// final period.
[[nodiscard]] std::string_view tidy(std::string_view answer);

[[nodiscard]] bool one_line(std::string_view answer);  // apart from outer blanks
[[nodiscard]] int word_count(std::string_view text);
[[nodiscard]] std::string upper(std::string_view text);
[[nodiscard]] std::string with_capital(std::string_view text);

// Takes the lowest digit of a mixed-radix number: the choice among `words`, and the rest in
// `number`.
[[nodiscard]] std::string_view take_word(std::uint64_t& number,
                                         std::span<const std::string_view> words);

}  // namespace hone::simulate
