#include "engine/golden/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace hone::engine::golden {
namespace {

// "logits 3.1e-07 (2e-05)", or where numbers must be equal, whether they are.
std::string to_text(const Measure& measure) {
  if (measure.tolerance == 0.0) {
    return fmt::format("{} {}", measure.name, measure.worst == 0.0 ? "equal" : "differ");
  }
  return fmt::format("{} {:.1e} ({:.0e})", measure.name, measure.worst, measure.tolerance);
}

// JSON has no infinity.
json::value to_number(double value) {
  return std::isfinite(value) ? json::value(value) : json::value(nullptr);
}

}  // namespace

void Totals::add(const GroupReport& report) {
  cases += report.cases;
  failed += report.failed;
  if (!report.ran()) not_run.push_back(report.name);
}

std::string heading() {
  return fmt::format("{:<14}{:>6}{:>8}  {}\n", "group", "cases", "failed",
                     "worst deviation (tolerance)");
}

std::string to_text(const GroupReport& report, std::size_t shown) {
  if (!report.ran()) return fmt::format("{:<14}{}\n", report.name, report.not_run);
  std::string measures;
  for (const Measure& measure : report.measures)
    measures += (measures.empty() ? "" : ", ") + to_text(measure);
  std::string text =
      fmt::format("{:<14}{:>6}{:>8}  {}\n", report.name, report.cases, report.failed, measures);
  const std::size_t count = std::min(shown, report.findings.size());
  for (std::size_t i = 0; i < count; ++i) {
    const Finding& finding = report.findings[i];
    text += fmt::format("  {}: {}\n", finding.subject, finding.message);
  }
  if (count < report.findings.size())
    text += fmt::format("  and {} more\n", report.findings.size() - count);
  return text;
}

std::string to_text(const Totals& totals) {
  std::string text = totals.cases == 0
                         ? "nothing was checked"
                         : fmt::format("{} of {} cases failed", totals.failed, totals.cases);
  if (!totals.not_run.empty())
    text += fmt::format("; not checked: {}", fmt::join(totals.not_run, ", "));
  return text + "\n";
}

json::object to_json(const GroupReport& report) {
  if (!report.ran()) return {{"group", report.name}, {"cases", 0}, {"not_run", report.not_run}};
  json::array measures;
  for (const Measure& measure : report.measures) {
    measures.push_back(json::object{{"name", measure.name},
                                    {"worst", to_number(measure.worst)},
                                    {"tolerance", measure.tolerance}});
  }
  json::array findings;
  for (const Finding& finding : report.findings)
    findings.push_back(json::object{{"case", finding.subject}, {"message", finding.message}});
  json::object object{{"group", report.name}, {"cases", report.cases}, {"failed", report.failed}};
  if (const Measure* tightest = report.tightest()) {
    object["worst"] = to_number(tightest->worst);
    object["tolerance"] = tightest->tolerance;
  }
  object["measures"] = std::move(measures);
  object["failures"] = std::move(findings);
  return object;
}

}  // namespace hone::engine::golden
