// Whether what was said early foretells how it ended: for each interaction of which it is known
// whether the answer stayed, the chance that the policy gave it from the early signals alone.
//
//   early: all signals up to `early` after the first that weighs something and is nobody's look
//   end:   undone by somebody (did not stay); or the newest `persisted` or `outcome` from `late`
//          on, which says that it stayed where its value reaches `stayed`
//
// What ended before `early` was over is left out: there was nothing left to foretell. Habits are
// not minded, since they are estimated from the same ends. Only interactions with an end can be
// judged; where only accepted texts are looked at later, nothing is learnt about rejections.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/json.h"
#include "base/result.h"
#include "feedback/policy.h"

namespace hone::store {
class Database;
}

namespace hone::feedback {

struct CalibrateOptions {
  std::chrono::milliseconds early{60'000};
  std::chrono::milliseconds late{300'000};
  double stayed = 0.67;  // Copilot's "mostly unchanged" (arXiv 2205.06537)
  int bins = 10;         // at most 100
  std::string source;    // only interactions with a signal of this source; empty: all
};

struct CalibrationBin {
  double from = 0;
  std::int64_t n = 0;
  std::int64_t stayed = 0;
  double predicted = 0;      // mean
  double observed = 0;       // stayed / n
  double low = 0, high = 0;  // Wilson's 95% interval of it, as if interactions were independent
};

struct Calibration {
  std::int64_t n = 0;
  std::int64_t no_end = 0;         // it is not known how it ended
  std::int64_t ended_early = 0;    // before `early` was over
  std::int64_t nothing_early = 0;  // an end, and no signal before it that weighs something
  double predicted = 0;            // means
  double observed = 0;
  double brier = 0;                  // mean squared error; 0 is perfect
  double brier_of_base = 0;          // of always saying `observed`
  double ece = 0;                    // mean distance of predicted from observed over the bins
  std::vector<CalibrationBin> bins;  // those that are not empty
};

struct Foretold {
  double chance = 0;
  bool stayed = false;
};
[[nodiscard]] Calibration calibration_of(const std::vector<Foretold>& all, int bins);

// Reads all feedback, page by page; 16 bytes of memory an interaction judged. Blocking.
[[nodiscard]] Result<Calibration> calibrate(store::Database& database, const Policy& policy,
                                            const CalibrateOptions& options = {});

[[nodiscard]] json::object to_json(const Calibration& calibration);
using hone::to_text;  // of times: not hidden by the one below
[[nodiscard]] std::string to_text(const Calibration& calibration);

}  // namespace hone::feedback
