#include "cli/demo/screen.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>

namespace hone::cli::demo {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kLossColumns = 60;
constexpr auto kQuietInterval = 10s;

std::string formatted(const char* format, auto... values) {
  char text[400];
  std::snprintf(text, sizeof text, format, values...);
  return text;
}

std::string seconds_since(std::chrono::steady_clock::time_point began) {
  const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - began;
  return formatted("%.1f s", passed.count());
}

}  // namespace

Screen::Screen() : terminal_(isatty(1) != 0) {}

void Screen::clear() {
  if (line_open_) std::printf("\r\033[K");
  line_open_ = false;
}

void Screen::step(const std::string& title) {
  finish();
  title_ = title;
  began_ = shown_ = std::chrono::steady_clock::now();
  ++number_;
  std::printf(terminal_ ? "\n\033[1m%d. %s\033[0m\n" : "\n%d. %s\n", number_, title.c_str());
  std::fflush(stdout);
}

void Screen::progress(const std::string& text) {
  const auto now = std::chrono::steady_clock::now();
  if (terminal_) {
    clear();
    std::printf("   %s", text.c_str());
    line_open_ = true;
  } else {
    if (now - shown_ < kQuietInterval) return;
    std::printf("   %s\n", text.c_str());
  }
  shown_ = now;
  std::fflush(stdout);
}

void Screen::say(const std::string& line) {
  clear();
  std::printf("   %s\n", line.c_str());
  std::fflush(stdout);
}

void Screen::finish() {
  if (title_.empty()) return;
  say("(" + seconds_since(began_) + ")");
  title_.clear();
}

std::string line_of(const Tally& tally) {
  const auto judged = tally.accepted + tally.modified + tally.rejected;
  if (judged == 0)
    return formatted("%4lld interactions", static_cast<long long>(tally.interactions));
  return formatted(
      "%5.1f%% accepted [%.1f, %.1f]  %4lld asked: %lld accepted, %lld modified, %lld "
      "rejected; edit distance %.2f",
      100 * tally.rate, 100 * tally.low, 100 * tally.high,
      static_cast<long long>(tally.interactions), static_cast<long long>(tally.accepted),
      static_cast<long long>(tally.modified), static_cast<long long>(tally.rejected),
      tally.edit_distance);
}

void show_groups(Screen& screen, const std::vector<Group>& groups) {
  for (const auto& group : groups) {
    screen.say(formatted("%-18s day %lld  %-9s", group.domain.c_str(),
                         static_cast<long long>(group.day), group.arm.c_str()) +
               line_of(group.tally));
  }
}

void show_checks(Screen& screen, const evaluate::GateResult& gate) {
  for (const auto& check : gate.checks) {
    screen.say(formatted("%s %-12s %+.3f [%+.3f, %+.3f]  ", check.passed ? "ok " : "NO ",
                         check.name.c_str(), check.value, check.low, check.high) +
               check.note);
  }
}

void show_loss(Screen& screen, const std::vector<curate::Progress>& steps) {
  if (steps.empty()) return;
  static constexpr std::array<const char*, 8> kBlocks = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  double highest = 0;
  for (const auto& step : steps) highest = std::max(highest, step.loss);
  std::string curve;
  const std::size_t columns = std::min(kLossColumns, steps.size());
  for (std::size_t i = 0; i < columns; ++i) {
    const double loss = steps[i * steps.size() / columns].loss;
    const double height = highest > 0 ? loss / highest * 7.99 : 0;
    curve += kBlocks[static_cast<std::size_t>(std::clamp(height, 0.0, 7.0))];
  }
  screen.say(formatted("loss %.3f ", steps.front().loss) + curve +
             formatted(" %.3f", steps.back().loss));
}

}  // namespace hone::cli::demo
