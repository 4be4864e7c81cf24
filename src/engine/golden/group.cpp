#include "engine/golden/group.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <exception>
#include <limits>

#include "base/json.h"
#include "engine/model/in_quotes.h"
#include "engine/model/utf8.h"

namespace hone::engine::golden {
namespace {

// A gradient of zeros is met by zeros only.
constexpr double kLeastNorm = 1e-8;
constexpr std::size_t kShownIds = 8;

double or_infinite(double value) {
  return std::isnan(value) ? std::numeric_limits<double>::infinity() : value;
}

std::string text_of(at::IntArrayRef shape) {
  return fmt::format("[{}]", fmt::join(shape.begin(), shape.end(), ", "));
}

// Some bytes around `place`, as a JSON string.
std::string excerpt(std::string_view text, std::size_t place) {
  constexpr std::size_t kBefore = 24;
  constexpr std::size_t kBytes = 64;
  const std::size_t begin = place - std::min(place, kBefore);
  const std::string_view part = text.substr(std::min(begin, text.size()), kBytes);
  std::string quoted;
  append_json_string(quoted, replace_invalid_utf8(part));
  if (begin > 0) quoted.insert(0, "…");
  if (begin + part.size() < text.size()) quoted += "…";
  return quoted;
}

// The indices of an element, from its place in C order.
std::string place_of(std::int64_t flat, at::IntArrayRef shape) {
  std::vector<std::int64_t> indices(shape.size());
  for (std::size_t i = shape.size(); i > 0; --i) {
    indices[i - 1] = flat % shape[i - 1];
    flat /= shape[i - 1];
  }
  return text_of(indices);
}

}  // namespace

const Measure* GroupReport::find(std::string_view measure) const {
  const auto found = std::ranges::find(measures, measure, &Measure::name);
  return found == measures.end() ? nullptr : &*found;
}

const Measure* GroupReport::tightest() const {
  const auto share = [](const Measure& measure) {
    if (measure.worst == 0.0) return 0.0;
    return measure.tolerance == 0.0 ? std::numeric_limits<double>::infinity()
                                    : measure.worst / measure.tolerance;
  };
  const auto found = std::ranges::max_element(measures, {}, share);
  return found == measures.end() ? nullptr : &*found;
}

void Case::fault(std::string message) {
  failed_ = true;
  report_.findings.push_back({subject_, std::move(message)});
}

bool Case::measure(const Bound& bound, double deviation, double absolute) {
  auto found = std::ranges::find(report_.measures, bound.name, &Measure::name);
  if (found == report_.measures.end()) {
    report_.measures.push_back({std::string(bound.name), bound.tolerance});
    found = report_.measures.end() - 1;
  }
  found->worst = std::max(found->worst, or_infinite(deviation));
  found->worst_absolute = std::max(found->worst_absolute, or_infinite(absolute));
  return deviation <= bound.tolerance;  // not so of what is not a number
}

bool Case::same_shape(const at::Tensor& ours, const at::Tensor& expected, std::string_view what) {
  if (ours.sizes() == expected.sizes()) return true;
  fault(fmt::format("{}: has shape {} instead of {}", what, text_of(ours.sizes()),
                    text_of(expected.sizes())));
  return false;
}

void Case::near(const Bound& bound, double ours, double expected, std::string_view what) {
  const double absolute = std::abs(ours - expected);
  const double deviation = absolute / (1.0 + std::abs(expected));
  if (measure(bound, deviation, absolute)) return;
  fault(fmt::format("{}: {} instead of {}, off by {:.2e} of 1 + |expected|, tolerance {:.0e}", what,
                    ours, expected, deviation, bound.tolerance));
}

void Case::near(const Bound& bound, const at::Tensor& ours, const at::Tensor& expected,
                std::string_view what) {
  if (!same_shape(ours, expected, what)) return;
  if (expected.numel() == 0) {
    fault(fmt::format("{}: the file has no numbers to compare", what));
    return;
  }
  const at::Tensor got = ours.detach().to(at::kDouble).contiguous();
  const at::Tensor want = expected.detach().to(at::kDouble).contiguous();
  const at::Tensor off = (got - want).abs();
  const at::Tensor scaled = off / (want.abs() + 1.0);
  const double deviation = scaled.max().item<double>();
  if (measure(bound, deviation, off.max().item<double>())) return;
  const auto worst = scaled.argmax().item<std::int64_t>();
  fault(fmt::format("{}: {} instead of {} at {}, off by {:.2e} of 1 + |expected|, tolerance {:.0e}",
                    what, got.const_data_ptr<double>()[worst], want.const_data_ptr<double>()[worst],
                    place_of(worst, want.sizes()), deviation, bound.tolerance));
}

void Case::within(const Bound& bound, double ours, double expected, std::string_view what) {
  const double absolute = std::abs(ours - expected);
  if (measure(bound, absolute, absolute)) return;
  fault(fmt::format("{}: {} instead of {}, off by {:.2e}, tolerance {:.0e}", what, ours, expected,
                    absolute, bound.tolerance));
}

void Case::along(const Bound& bound, double ours, double expected, std::string_view what) {
  const double absolute = std::abs(ours - expected);
  const double deviation = absolute / (std::abs(expected) + kLeastNorm);
  if (measure(bound, deviation, absolute)) return;
  fault(fmt::format("{}: {} instead of {}, off by {:.2e} of it, tolerance {:.0e}", what, ours,
                    expected, deviation, bound.tolerance));
}

void Case::along(const Bound& bound, const at::Tensor& ours, const at::Tensor& expected,
                 std::string_view what) {
  if (!ours.defined()) {
    fault(fmt::format("{}: we have none", what));
    return;
  }
  if (!same_shape(ours, expected, what)) return;
  const at::Tensor want = expected.detach().to(at::kDouble);
  const double absolute = (ours.detach().to(at::kDouble) - want).norm().item<double>();
  const double deviation = absolute / (want.norm().item<double>() + kLeastNorm);
  if (measure(bound, deviation, absolute)) return;
  fault(fmt::format("{}: off by {:.2e} of the expected norm, tolerance {:.0e}", what, deviation,
                    bound.tolerance));
}

void Case::equal(const Bound& bound, std::string_view ours, std::string_view expected,
                 std::string_view what) {
  const double differs = ours == expected ? 0.0 : 1.0;
  if (measure(bound, differs, differs)) return;
  const auto place =
      static_cast<std::size_t>(std::ranges::mismatch(ours, expected).in1 - ours.begin());
  fault(fmt::format("{}: from byte {} on {} instead of {}", what, place, excerpt(ours, place),
                    excerpt(expected, place)));
}

void Case::equal(const Bound& bound, std::span<const std::int64_t> ours,
                 std::span<const std::int64_t> expected, std::string_view what) {
  const bool same = std::ranges::equal(ours, expected);
  if (measure(bound, same ? 0.0 : 1.0, same ? 0.0 : 1.0)) return;
  const auto place =
      static_cast<std::size_t>(std::ranges::mismatch(ours, expected).in1 - ours.begin());
  const auto shown = [place](std::span<const std::int64_t> all) {
    const auto rest = all.subspan(std::min(place, all.size()));
    const auto part = rest.first(std::min(kShownIds, rest.size()));
    return fmt::format("{}{}", fmt::join(part.begin(), part.end(), " "),
                       rest.empty()                ? "nothing"
                       : part.size() < rest.size() ? " …"
                                                   : "");
  };
  fault(fmt::format("{}: from place {} on {} instead of {}", what, place, shown(ours),
                    shown(expected)));
}

void Group::run(const std::string& subject, const std::function<Result<void>(Case&)>& check) {
  ++report_.cases;
  Case checked(report_, subject);
  try {
    if (auto done = check(checked); !done) checked.fault(done.error().message);
  } catch (const std::exception& error) {
    checked.fault(first_line(error.what()));  // libtorch's goes on with a stack
  }
  if (checked.failed_) ++report_.failed;
}

GroupReport Group::finish(std::string_view why) && {
  if (!report_.ran()) report_.not_run = why;
  return std::move(report_);
}

}  // namespace hone::engine::golden
