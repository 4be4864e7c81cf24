// Numbers in an answer's words: "$1,234.50", "-3", "#### 42", "about 7%.".
#pragma once

#include <optional>
#include <string_view>

namespace hone::engine {

// The last number of `text`. Digits may be grouped by commas in threes; a currency sign, a per cent
// sign and the full stop behind a sentence do not count; a minus counts where it is no difference
// ("3-2" ends with 2). An exponent counts ("1e3"). Digits inside a word ("x2") are no number.
[[nodiscard]] std::optional<double> last_number(std::string_view text);

// What `text` itself says is its answer: behind the last "####" (GSM8K) or inside the last \boxed{}
// (MATH), whichever comes later. Nothing where it says neither.
[[nodiscard]] std::optional<std::string_view> declared_answer(std::string_view text);

}  // namespace hone::engine
