#include "cli/connect/line_diff.h"

#include <algorithm>
#include <array>
#include <optional>

#include "base/text.h"

namespace hone::cli::connect {
namespace {

using DiffLines = std::vector<std::string_view>;

// Above it, the whole middle counts as one change; settings files are far below.
constexpr std::size_t kMaxCells = 16U << 20;
constexpr std::size_t kShownAround = 2;
constexpr std::size_t kComparedAround = 3;

// Lengths of the longest common subsequence of the ends a[i…], b[j…].
std::vector<std::uint32_t> common_lengths(const DiffLines& a, const DiffLines& b) {
  const std::size_t width = b.size() + 1;
  std::vector<std::uint32_t> length((a.size() + 1) * width, 0);
  for (std::size_t i = a.size(); i-- > 0;) {
    for (std::size_t j = b.size(); j-- > 0;) {
      length[i * width + j] =
          a[i] == b[j] ? length[(i + 1) * width + j + 1] + 1
                       : std::max(length[(i + 1) * width + j], length[i * width + j + 1]);
    }
  }
  return length;
}

void replace_all(std::string& text, std::string_view what, std::string_view with) {
  for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += with.size()) {
    text.replace(at, what.size(), with);
  }
}

// A reference to a variable or file, an empty value, a number or a beginning list: no secret.
bool is_reference(std::string_view value) {
  const auto first = value.find_first_not_of(" \t\"'=:,\r\n");
  if (first == std::string_view::npos) return true;
  value.remove_prefix(first);
  const auto word = value.substr(0, value.find_last_not_of(" \t\"',\r\n") + 1);
  constexpr std::size_t kMaxDigits = 12;
  if (word.size() <= kMaxDigits && word.find_first_not_of("0123456789") == std::string_view::npos) {
    return true;
  }
  return value.starts_with('$') || value.starts_with("{env:") || value.starts_with("{file:") ||
         value.starts_with("bearer $") || value.starts_with("Bearer $") || value.starts_with("[") ||
         value.starts_with("{\n") || value.starts_with("{\r");
}

// Where the value begins that belongs to the name of a secret at `at`.
std::optional<std::size_t> secret_behind(std::string_view line, std::size_t at) {
  const auto separator = line.find_first_of(":=", at);
  if (separator == std::string_view::npos) return std::nullopt;
  const auto between = line.substr(at, separator - at);
  if (between.find_first_of(",{[(") != std::string_view::npos) return std::nullopt;
  // The name of a variable, not its value.
  if (line.substr(0, separator).contains("env_key")) return std::nullopt;
  const auto value = line.substr(separator + 1);
  if (is_reference(value) || value.contains("***")) return std::nullopt;
  return separator + 1;
}

std::string joined_lines(const DiffLines& lines, std::size_t begin, std::size_t end) {
  std::string out;
  for (std::size_t i = begin; i < end; ++i) out += lines[i];
  return out;
}

// How many of the lines around a block in `after` stand around it at `at` in `current` too.
std::size_t fitting(const DiffLines& after, const Hunk& hunk, const DiffLines& current,
                    std::size_t at) {
  const std::size_t size = hunk.after_end - hunk.after_begin;
  std::size_t fits = 0;
  for (std::size_t i = 1; i <= std::min({kComparedAround, hunk.after_begin, at}); ++i) {
    if (after[hunk.after_begin - i] == current[at - i]) ++fits;
  }
  for (std::size_t i = 0; i < kComparedAround; ++i) {
    if (hunk.after_end + i < after.size() && at + size + i < current.size() &&
        after[hunk.after_end + i] == current[at + size + i]) {
      ++fits;
    }
  }
  return fits;
}

// Where the block of `hunk` stands in `current`, from line `from` on.
std::optional<std::size_t> find_block(const DiffLines& after, const Hunk& hunk,
                                      const DiffLines& current, std::size_t from) {
  const std::size_t size = hunk.after_end - hunk.after_begin;
  std::optional<std::size_t> best;
  std::size_t best_fits = 0;
  for (std::size_t at = from; at + size <= current.size(); ++at) {
    if (!std::equal(after.begin() + static_cast<std::ptrdiff_t>(hunk.after_begin),
                    after.begin() + static_cast<std::ptrdiff_t>(hunk.after_end),
                    current.begin() + static_cast<std::ptrdiff_t>(at))) {
      continue;
    }
    const std::size_t fits = fitting(after, hunk, current, at);
    if (size == 0 && fits < 2 * kComparedAround) continue;  // a pure removal is only its place
    if (!best || fits > best_fits) {
      best = at;
      best_fits = fits;
    }
  }
  return best;
}

}  // namespace

std::vector<std::string_view> lines_of(std::string_view text) {
  DiffLines lines;
  while (!text.empty()) {
    const auto end = text.find('\n');
    const std::size_t size = end == std::string_view::npos ? text.size() : end + 1;
    lines.push_back(text.substr(0, size));
    text.remove_prefix(size);
  }
  return lines;
}

std::vector<Hunk> diff_lines(const DiffLines& before, const DiffLines& after) {
  std::size_t head = 0;
  const std::size_t shorter = std::min(before.size(), after.size());
  while (head < shorter && before[head] == after[head]) ++head;
  std::size_t tail = 0;
  while (tail < shorter - head &&
         before[before.size() - 1 - tail] == after[after.size() - 1 - tail]) {
    ++tail;
  }
  const auto middle = [&](const DiffLines& lines) {
    return DiffLines(lines.begin() + static_cast<std::ptrdiff_t>(head),
                     lines.end() - static_cast<std::ptrdiff_t>(tail));
  };
  const DiffLines a = middle(before);
  const DiffLines b = middle(after);
  std::vector<Hunk> hunks;
  if (a.empty() && b.empty()) return hunks;
  if ((a.size() + 1) * (b.size() + 1) > kMaxCells) {
    hunks.push_back({head, head + a.size(), head, head + b.size()});
    return hunks;
  }
  const auto length = common_lengths(a, b);
  const std::size_t width = b.size() + 1;
  std::size_t i = 0;
  std::size_t j = 0;
  while (i < a.size() || j < b.size()) {
    if (i < a.size() && j < b.size() && a[i] == b[j]) {
      ++i;
      ++j;
      continue;
    }
    Hunk hunk{head + i, head + i, head + j, head + j};
    while ((i < a.size() || j < b.size()) && !(i < a.size() && j < b.size() && a[i] == b[j])) {
      const bool removed = j == b.size() || (i < a.size() && length[(i + 1) * width + j] >=
                                                                 length[i * width + j + 1]);
      removed ? ++i : ++j;
    }
    hunk.before_end = head + i;
    hunk.after_end = head + j;
    hunks.push_back(hunk);
  }
  return hunks;
}

std::string mask_secrets(std::string_view line, const std::string& key) {
  std::string out(line);
  if (!key.empty()) replace_all(out, key, "***");
  constexpr std::array kNames = {"api_key", "apikey",   "_key",         "token",
                                 "secret",  "password", "authorization"};
  const auto lower = lower_case(out);
  std::size_t cut = std::string::npos;
  for (const std::string_view name : kNames) {
    for (auto at = lower.find(name); at != std::string::npos; at = lower.find(name, at + 1)) {
      if (const auto value = secret_behind(lower, at)) cut = std::min(cut, *value);
    }
  }
  if (cut == std::string::npos) return out;
  const auto last = out.find_last_not_of("\r\n");
  const bool comma = last != std::string::npos && out[last] == ',';
  return out.substr(0, cut) + " (hidden)" + (comma ? "," : "") + (out.ends_with('\n') ? "\n" : "");
}

std::string show_diff(const std::string& name, std::string_view before, std::string_view after,
                      const std::string& key) {
  const auto old_lines = lines_of(before);
  const auto new_lines = lines_of(after);
  std::string out = "--- " + name + (before.empty() ? " (is not there)" : "") + "\n+++ " + name +
                    (after.empty() ? " (goes)" : "") + "\n";
  const auto line = [&](char mark, std::string_view text) {
    std::string shown = mask_secrets(text, key);
    const bool ended = shown.ends_with('\n');
    while (shown.ends_with('\n') || shown.ends_with('\r')) shown.pop_back();
    out += mark + shown + "\n";
    if (!ended) out += "\\ no line break at the end\n";
  };
  const auto hunks = diff_lines(old_lines, new_lines);
  std::size_t shown_to = 0;
  for (std::size_t n = 0; n < hunks.size(); ++n) {
    const auto& hunk = hunks[n];
    const std::size_t from =
        std::max(shown_to, hunk.before_begin - std::min(kShownAround, hunk.before_begin));
    if (n == 0 || from > shown_to) {
      out += "@@ line " + std::to_string(hunk.before_begin + 1) + " @@\n";
    }
    for (std::size_t i = from; i < hunk.before_begin; ++i) line(' ', old_lines[i]);
    for (std::size_t i = hunk.before_begin; i < hunk.before_end; ++i) line('-', old_lines[i]);
    for (std::size_t i = hunk.after_begin; i < hunk.after_end; ++i) line('+', new_lines[i]);
    const std::size_t next = n + 1 < hunks.size() ? hunks[n + 1].before_begin : old_lines.size();
    shown_to = std::min(hunk.before_end + kShownAround, next);
    for (std::size_t i = hunk.before_end; i < shown_to; ++i) line(' ', old_lines[i]);
  }
  return out;
}

Undone undo_changes(std::string_view before, std::string_view after, std::string_view current) {
  Undone undone;
  if (current == after) {
    undone.text = std::string(before);
    return undone;
  }
  const auto old_lines = lines_of(before);
  const auto new_lines = lines_of(after);
  const auto now = lines_of(current);
  std::size_t done = 0;
  for (const auto& hunk : diff_lines(old_lines, new_lines)) {
    const auto at = find_block(new_lines, hunk, now, done);
    if (!at) {
      undone.left.emplace_back(hunk.after_begin < hunk.after_end ? new_lines[hunk.after_begin]
                                                                 : old_lines[hunk.before_begin]);
      continue;
    }
    undone.text += joined_lines(now, done, *at);
    undone.text += joined_lines(old_lines, hunk.before_begin, hunk.before_end);
    done = *at + (hunk.after_end - hunk.after_begin);
  }
  undone.text += joined_lines(now, done, now.size());
  return undone;
}

}  // namespace hone::cli::connect
