// How much of what a tool wrote is still in a text. The measure (docs/guides/git.md says it for
// people):
//
//   1. Lines are compared without their blanks, so that indenting changes nothing. A line with
//      fewer than three letters or digits ("}", ");") is not counted.
//   2. Lines that stood in the text before the tool wrote are nobody's success: they are taken off
//      first, one for one.
//   3. exact: the line is in the text, anywhere (moved counts).
//      reflowed: it is in the text across line ends (wrapped, or joined with another).
//      edited: a line that nothing else claims is at most `kLightEdit` away from it
//      (feedback/edit_distance.h).
//
// Survived are all three. Pure, and bounded in time whatever the texts are: what goes beyond the
// bounds is not looked for, and counts as not survived.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace hone::feedback {

inline constexpr double kLightEdit = 0.4;
inline constexpr std::size_t kMostTextBytes = 4U << 20;  // of one file

struct SqueezedText {
  std::vector<std::string> lines;  // without blanks, empty ones left out
  std::string joined;              // all of them, one after the other
};

[[nodiscard]] std::string squeeze(std::string_view line);
[[nodiscard]] SqueezedText squeeze_text(std::string_view text);
// Whether a squeezed line says enough to be counted.
[[nodiscard]] bool is_counted(std::string_view squeezed);

// How often each line is there.
using LineTally = std::map<std::string, std::size_t, std::less<>>;
[[nodiscard]] LineTally tally_of(const std::vector<std::string>& lines);
// `lines` without those of `off`, one for one, in their order.
[[nodiscard]] std::vector<std::string> without_lines(const std::vector<std::string>& lines,
                                                     LineTally off);

struct Survival {
  std::size_t counted = 0;
  std::size_t exact = 0;
  std::size_t reflowed = 0;
  std::size_t edited = 0;

  [[nodiscard]] std::size_t survived() const { return exact + reflowed + edited; }
  [[nodiscard]] double fraction() const {
    return counted == 0 ? 0 : static_cast<double>(survived()) / static_cast<double>(counted);
  }
  Survival& operator+=(const Survival& other);
};

// Of `lines` (squeezed), what is in `now` and was not in `before`.
[[nodiscard]] Survival measure_survival(const std::vector<std::string>& lines,
                                        const SqueezedText& now, const SqueezedText& before);

}  // namespace hone::feedback
