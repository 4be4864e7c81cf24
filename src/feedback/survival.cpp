#include "feedback/survival.h"

#include <algorithm>
#include <cctype>
#include <cstring>

#include "feedback/edit_distance.h"

namespace hone::feedback {
namespace {

constexpr std::size_t kLeastSigns = 3;
constexpr std::size_t kLeastReflowed = 12;      // shorter ones are found anywhere by chance
constexpr std::size_t kReflowBytes = 1U << 28;  // searched in all
constexpr std::size_t kMostEditedPairs = 200'000;
constexpr std::size_t kMostEditedLooks =
    50'000'000;  // at pairs, most of which are of other lengths
constexpr std::size_t kLongestEdited = 1'000;

bool is_line_blank(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f' || c == '\v';
}

bool claim_line(LineTally& counts, std::string_view line) {
  const auto found = counts.find(line);
  if (found == counts.end()) return false;
  if (--found->second == 0) counts.erase(found);
  return true;
}

// Lines of the text that nobody has claimed yet.
LineTally unclaimed(const SqueezedText& now, const SqueezedText& before) {
  LineTally counts = tally_of(now.lines);
  for (const std::string& line : before.lines) claim_line(counts, line);
  return counts;
}

// In linear time whatever the texts are, which std::string::find does not promise.
bool is_within(const std::string& text, const std::string& line) {
  return ::memmem(text.data(), text.size(), line.data(), line.size()) != nullptr;
}

std::vector<std::string> find_reflowed(const std::vector<std::string>& lines,
                                       const SqueezedText& now, const SqueezedText& before,
                                       std::size_t& found) {
  std::vector<std::string> left;
  std::size_t searched = 0;
  for (const std::string& line : lines) {
    const bool looked_for = line.size() >= kLeastReflowed && searched < kReflowBytes;
    if (looked_for) searched += now.joined.size() + before.joined.size();
    if (looked_for && is_within(now.joined, line) && !is_within(before.joined, line)) {
      ++found;
    } else {
      left.push_back(line);
    }
  }
  return left;
}

// Whether two lines of these lengths can be near enough.
bool may_be_near(std::size_t a, std::size_t b) {
  const std::size_t longer = std::max(a, b);
  const std::size_t apart = longer - std::min(a, b);
  // In bytes, of which a character has up to four: only what is out of the question is left out.
  return static_cast<double>(apart) <= kLightEdit * static_cast<double>(longer) ||
         longer < kLeastReflowed;
}

std::size_t find_edited(const std::vector<std::string>& lines, LineTally& counts) {
  std::size_t found = 0;
  std::size_t pairs = 0;
  std::size_t looks = 0;
  for (const std::string& line : lines) {
    if (line.size() > kLongestEdited) continue;
    std::string_view best;
    double nearest = kLightEdit;
    for (const auto& [other, count] : counts) {
      if (++looks > kMostEditedLooks) return found;
      if (other.size() > kLongestEdited || !is_counted(other)) continue;
      if (!may_be_near(line.size(), other.size())) continue;
      if (++pairs > kMostEditedPairs) return found;
      const double distance = edit_distance(line, other);
      if (distance > nearest || (distance == nearest && !best.empty())) continue;
      nearest = distance;
      best = other;
    }
    if (best.empty()) continue;
    ++found;
    claim_line(counts, best);
  }
  return found;
}

}  // namespace

std::string squeeze(std::string_view line) {
  std::string text;
  text.reserve(line.size());
  for (const char c : line) {
    if (!is_line_blank(c)) text.push_back(c);
  }
  return text;
}

SqueezedText squeeze_text(std::string_view text) {
  SqueezedText result;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    std::string line = squeeze(text.substr(at, end - at));
    at = end + 1;
    if (line.empty()) continue;
    result.joined += line;
    result.lines.push_back(std::move(line));
  }
  return result;
}

bool is_counted(std::string_view squeezed) {
  std::size_t signs = 0;
  for (const char c : squeezed) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x80 || std::isalnum(byte) != 0) ++signs;
    if (signs == kLeastSigns) return true;
  }
  return false;
}

LineTally tally_of(const std::vector<std::string>& lines) {
  LineTally counts;
  for (const std::string& line : lines) ++counts[line];
  return counts;
}

std::vector<std::string> without_lines(const std::vector<std::string>& lines, LineTally off) {
  std::vector<std::string> left;
  for (const std::string& line : lines) {
    if (!claim_line(off, line)) left.push_back(line);
  }
  return left;
}

Survival& Survival::operator+=(const Survival& other) {
  counted += other.counted;
  exact += other.exact;
  reflowed += other.reflowed;
  edited += other.edited;
  return *this;
}

Survival measure_survival(const std::vector<std::string>& lines, const SqueezedText& now,
                          const SqueezedText& before) {
  Survival result;
  LineTally counts = unclaimed(now, before);
  std::vector<std::string> left;
  for (const std::string& line : lines) {
    if (!is_counted(line)) continue;
    ++result.counted;
    if (claim_line(counts, line)) {
      ++result.exact;
    } else {
      left.push_back(line);
    }
  }
  left = find_reflowed(left, now, before, result.reflowed);
  result.edited = find_edited(left, counts);
  return result;
}

}  // namespace hone::feedback
