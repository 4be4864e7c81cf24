// What the demo shows while it runs: numbered steps with progress, and the tables at the end. On a
// terminal a step's line moves; elsewhere it is printed now and then.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "cli/demo/report.h"
#include "curate/run.h"
#include "evaluate/gate.h"

namespace hone::cli::demo {

class Screen {
 public:
  Screen();
  void step(const std::string& title);     // begins one; ends the one before
  void progress(const std::string& text);  // of the step
  void say(const std::string& line);       // something worth keeping
  void finish();                           // ends the last step

 private:
  void clear();
  const bool terminal_;
  int number_ = 0;
  std::string title_;
  std::chrono::steady_clock::time_point began_;
  std::chrono::steady_clock::time_point shown_;
  bool line_open_ = false;
};

// "81% [76, 86]  of 112: 91 accepted, 14 modified, 7 rejected"
[[nodiscard]] std::string line_of(const Tally& tally);
void show_groups(Screen& screen, const std::vector<Group>& groups);
void show_checks(Screen& screen, const evaluate::GateResult& gate);
// The loss of every step as a row of blocks, first and last value beside it.
void show_loss(Screen& screen, const std::vector<curate::Progress>& steps);

}  // namespace hone::cli::demo
