#include "feedback/calibrate.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <tuple>

#include <fmt/format.h>

#include "feedback/cases.h"

namespace hone::feedback {
namespace {

constexpr double kNormal95 = 1.959963985;

bool is_look(const Signal& signal) {
  return signal.kind == "persisted" || signal.kind == "outcome";
}

struct End {
  Time at{};
  bool stayed = false;
};

std::optional<End> end_of(const std::vector<Signal>& by_time, Time decided,
                          const CalibrateOptions& options) {
  std::optional<End> end;
  for (const Signal& signal : by_time) {
    if (signal.kind == "undone" && !signal.weak && signal.at >= decided) {
      return End{signal.at, false};
    }
    if (is_look(signal) && signal.value && signal.at - decided >= options.late) {
      end = End{signal.at, *signal.value >= options.stayed};
    }
  }
  return end;
}

// Wilson 1927.
std::pair<double, double> wilson_interval(double hits, double n) {
  const double z2 = kNormal95 * kNormal95;
  const double share = hits / n;
  const double middle = (share + z2 / (2 * n)) / (1 + z2 / n);
  const double half =
      kNormal95 * std::sqrt(share * (1 - share) / n + z2 / (4 * n * n)) / (1 + z2 / n);
  return {middle - half, middle + half};
}

class Calibrating {
 public:
  Calibrating(const Policy& policy, const CalibrateOptions& options)
      : policy_(policy), options_(options) {}

  void add(Case& one) {
    auto& signals = one.signals;
    if (!options_.source.empty() && std::ranges::none_of(signals, [&](const Signal& s) {
          return s.source == options_.source;
        })) {
      return;
    }
    std::ranges::sort(signals, {}, [](const Signal& s) { return std::tie(s.at, s.id); });
    const auto first = std::ranges::find_if(signals, [&](const Signal& s) {
      return !is_look(s) && s.kind != "undone" && policy_.direction(s.kind) != Direction::kNone &&
             policy_.weight(s.kind, s.by, s.source) > 0;
    });
    if (first == signals.end()) {
      // A look alone, or nothing at all.
      ++(std::ranges::any_of(signals, is_look) ? counts_.nothing_early : counts_.no_end);
      return;
    }
    const Time decided = first->at;
    const auto end = end_of(signals, decided, options_);
    if (!end) {
      ++counts_.no_end;
      return;
    }
    if (end->at <= decided + options_.early && options_.early.count() > 0) {
      ++counts_.ended_early;
      return;
    }
    foretell(one, decided, *end);
  }

  Calibration finish() {
    auto calibration = calibration_of(foretold_, options_.bins);
    calibration.no_end = counts_.no_end;
    calibration.ended_early = counts_.ended_early;
    calibration.nothing_early = counts_.nothing_early;
    return calibration;
  }

 private:
  void foretell(const Case& one, Time decided, const End& end) {
    std::vector<Signal> early;
    for (const Signal& signal : one.signals) {
      if (signal.at > decided + options_.early || signal.at >= end.at) break;
      early.push_back(signal);
      early.back().habit = {};
    }
    const auto verdict = decide(std::move(early), policy_, one.answer);
    if (!verdict) {
      ++counts_.nothing_early;
      return;
    }
    foretold_.push_back({chance_of(verdict->log_odds), end.stayed});
  }

  const Policy& policy_;
  const CalibrateOptions& options_;
  Calibration counts_;
  std::vector<Foretold> foretold_;
};

}  // namespace

Calibration calibration_of(const std::vector<Foretold>& all, int bins) {
  Calibration sum;
  if (all.empty()) return sum;
  const int count = std::clamp(bins, 1, 100);
  std::vector<CalibrationBin> every(static_cast<std::size_t>(count));
  for (const Foretold& one : all) {
    const int place = std::clamp(static_cast<int>(one.chance * count), 0, count - 1);
    CalibrationBin& bin = every[static_cast<std::size_t>(place)];
    const double ended = one.stayed ? 1 : 0;
    bin.from = static_cast<double>(place) / count;
    ++bin.n;
    bin.stayed += one.stayed ? 1 : 0;
    bin.predicted += one.chance;
    sum.predicted += one.chance;
    sum.observed += ended;
    sum.brier += (one.chance - ended) * (one.chance - ended);
  }
  const auto n = static_cast<double>(all.size());
  sum.n = static_cast<std::int64_t>(all.size());
  sum.predicted /= n;
  sum.observed /= n;
  sum.brier /= n;
  sum.brier_of_base = sum.observed * (1 - sum.observed);
  for (CalibrationBin& bin : every) {
    if (bin.n == 0) continue;
    const auto inside = static_cast<double>(bin.n);
    bin.predicted /= inside;
    bin.observed = static_cast<double>(bin.stayed) / inside;
    std::tie(bin.low, bin.high) = wilson_interval(static_cast<double>(bin.stayed), inside);
    sum.ece += inside * std::abs(bin.predicted - bin.observed) / n;
    sum.bins.push_back(bin);
  }
  return sum;
}

Result<Calibration> calibrate(store::Database& database, const Policy& policy,
                              const CalibrateOptions& options) {
  Calibrating calibrating(policy, options);
  CaseReader reader(database);
  while (true) {
    auto cases = reader.next();
    if (!cases) return fail(cases.error());
    if (cases->empty()) return calibrating.finish();
    for (Case& one : *cases) calibrating.add(one);
  }
}

json::object to_json(const Calibration& calibration) {
  json::array bins;
  for (const CalibrationBin& bin : calibration.bins) {
    bins.push_back({{"from", bin.from},
                    {"n", bin.n},
                    {"predicted", bin.predicted},
                    {"observed", bin.observed},
                    {"low", bin.low},
                    {"high", bin.high}});
  }
  return {{"n", calibration.n},
          {"no_end", calibration.no_end},
          {"ended_early", calibration.ended_early},
          {"nothing_early", calibration.nothing_early},
          {"predicted", calibration.predicted},
          {"observed", calibration.observed},
          {"brier", calibration.brier},
          {"brier_of_base", calibration.brier_of_base},
          {"ece", calibration.ece},
          {"bins", std::move(bins)}};
}

std::string to_text(const Calibration& calibration) {
  std::string text = fmt::format(
      "{} judged; left out: {} of which no end is known, {} that ended "
      "early, {} with nothing early\n",
      calibration.n, calibration.no_end, calibration.ended_early, calibration.nothing_early);
  if (calibration.n == 0) return text;
  text += "  from       n  predicted  stayed  (95%)\n";
  for (const CalibrationBin& bin : calibration.bins) {
    text += fmt::format("  {:.2f} {:7d}      {:.3f}   {:.3f}  ({:.3f} to {:.3f})\n", bin.from,
                        bin.n, bin.predicted, bin.observed, bin.low, bin.high);
  }
  return text + fmt::format(
                    "   all {:7d}      {:.3f}   {:.3f}\nBrier {:.4f} ({:.4f} by the mean "
                    "alone), calibration error {:.4f}\n",
                    calibration.n, calibration.predicted, calibration.observed, calibration.brier,
                    calibration.brier_of_base, calibration.ece);
}

}  // namespace hone::feedback
