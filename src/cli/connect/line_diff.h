// What changed between two texts, by lines that keep their line breaks: shown to people, and undone
// in a text that others have changed in between.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace hone::cli::connect {

// Lines [before_begin, before_end) became [after_begin, after_end).
struct Hunk {
  std::size_t before_begin = 0;
  std::size_t before_end = 0;
  std::size_t after_begin = 0;
  std::size_t after_end = 0;
};

[[nodiscard]] std::vector<std::string_view> lines_of(std::string_view text);
[[nodiscard]] std::vector<Hunk> diff_lines(const std::vector<std::string_view>& before,
                                           const std::vector<std::string_view>& after);

// As `diff -u` shows it, with two lines around each change. `key` never appears in it, and values
// under names of secrets (…KEY, …TOKEN, …SECRET, PASSWORD, AUTHORIZATION) that are no references to
// a variable or file are hidden.
[[nodiscard]] std::string show_diff(const std::string& name, std::string_view before,
                                    std::string_view after, const std::string& key);
// One line of a settings file without its secrets.
[[nodiscard]] std::string mask_secrets(std::string_view line, const std::string& key);

struct Undone {
  std::string text;
  std::vector<std::string> left;  // the first line of each change that was not found any more
};

// `current` without what led from `before` to `after`: each changed block is looked for, line for
// line, and the one whose neighbours fit best is put back. `current` equal to `after` gives
// `before`.
[[nodiscard]] Undone undo_changes(std::string_view before, std::string_view after,
                                  std::string_view current);

}  // namespace hone::cli::connect
