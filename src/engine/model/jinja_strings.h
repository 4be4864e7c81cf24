// Python's functions on strings, over texts that remember what was given. Positions that templates
// see count characters (code points); all here are bytes unless said otherwise. Results are paid
// for by whoever makes a value of them (make_text); what may grow beyond its inputs pays while it
// grows. Used by jinja*.cpp only.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/model/jinja_budget.h"
#include "engine/model/jinja_text.h"

namespace hone::engine::jinja {

[[nodiscard]] std::size_t count_characters(std::string_view text, Budget& budget);
// Where each character begins, and the end of the text.
[[nodiscard]] std::vector<std::size_t> character_starts(std::string_view text, Budget& budget);
// Where the character of that number begins; the end where there are fewer.
[[nodiscard]] std::size_t position_of(std::string_view text, std::size_t character, Budget& budget);
// Python's str.isspace() of one character.
[[nodiscard]] bool is_space(char32_t code);

// In time that grows with the sum of both lengths, not with their product. npos where there is
// none.
[[nodiscard]] std::size_t find_in(std::string_view text, std::string_view wanted, std::size_t from,
                                  Budget& budget);

enum class Ends { kBoth, kLeft, kRight };
// Without characters of `which`, or without white space where none are named, at its ends.
[[nodiscard]] Text strip_ends(const Text& text, Ends ends, std::optional<std::string_view> which,
                              Budget& budget);

constexpr std::int64_t kAll = std::numeric_limits<std::int64_t>::max();
// str.split and str.rsplit: at most `limit` cuts, counted from the left or the right.
[[nodiscard]] std::vector<Text> split_at(const Text& text, std::string_view separator,
                                         std::int64_t limit, bool from_right, Budget& budget);
[[nodiscard]] std::vector<Text> split_at_space(const Text& text, std::int64_t limit,
                                               bool from_right, Budget& budget);
[[nodiscard]] std::vector<Text> split_lines(const Text& text, Budget& budget);

[[nodiscard]] Text replace_in(const Text& text, const Text& old, const Text& by, std::int64_t limit,
                              Budget& budget);
[[nodiscard]] Text repeat(const Text& text, std::int64_t times, Budget& budget);
[[nodiscard]] Text join(const std::vector<Text>& parts, const Text& separator, Budget& budget);

// By Unicode's mappings of one character each, besides "ß" and "İ", which become two.
[[nodiscard]] std::string upper(std::string_view text);
[[nodiscard]] std::string lower(std::string_view text);
[[nodiscard]] std::string capitalized(std::string_view text);
[[nodiscard]] std::string titled(std::string_view text);           // str.title: "It'S"
[[nodiscard]] std::string titled_by_jinja(std::string_view text);  // the filter: "It's"

}  // namespace hone::engine::jinja
