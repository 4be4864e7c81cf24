// What a group of golden cases came to, and how its file puts that together: case by case, each a
// function that compares our numbers with the reference's.
//
//   constexpr Bound kLoss{"loss", 1e-5};
//   Group group("model");
//   group.run("mha_tied", [&](Case& checked) -> Result<void> {
//     auto ours = …;
//     if (!ours) return fail(ours.error());           // fails this case and no other
//     checked.near(kLoss, *ours, expected, "mean_ce_loss");
//     return {};
//   });
//   return std::move(group).finish("no folder model/");
//
// One thread at a time.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hone::engine::golden {

// How far one kind of number may be off. 0: it is equal or it is not.
struct Bound {
  std::string_view name;
  double tolerance = 0;
};

// How far one kind of number was off.
struct Measure {
  std::string name;
  double tolerance = 0;
  double worst = 0;           // to be held against the tolerance; infinite: ours is not a number
  double worst_absolute = 0;  // the largest |ours - expected|
};

struct Finding {
  std::string subject;  // the case
  std::string message;
};

struct GroupReport {
  std::string name;
  std::int64_t cases = 0;
  std::int64_t failed = 0;  // cases with a finding, or several
  std::vector<Measure> measures;
  std::vector<Finding> findings;
  std::string not_run;  // why there are no cases; empty where there are

  [[nodiscard]] bool ran() const { return cases > 0; }
  [[nodiscard]] const Measure* find(std::string_view measure) const;  // or null
  // The one that is nearest to its tolerance, or furthest beyond it; null where there is none.
  [[nodiscard]] const Measure* tightest() const;
};

class Group;

// What one case finds. `what` names the number: "logits_a", "step 3: loss".
class Case {
 public:
  void fault(std::string message);

  // By |ours - expected| / (1 + |expected|): absolute and relative, as make/check.py has it. Of
  // tensors the worst element counts.
  void near(const Bound& bound, double ours, double expected, std::string_view what);
  void near(const Bound& bound, const at::Tensor& ours, const at::Tensor& expected,
            std::string_view what);
  // By |ours - expected|.
  void within(const Bound& bound, double ours, double expected, std::string_view what);
  // By ||ours - expected|| / ||expected||.
  void along(const Bound& bound, double ours, double expected, std::string_view what);
  void along(const Bound& bound, const at::Tensor& ours, const at::Tensor& expected,
             std::string_view what);
  void equal(const Bound& bound, std::string_view ours, std::string_view expected,
             std::string_view what);
  void equal(const Bound& bound, std::span<const std::int64_t> ours,
             std::span<const std::int64_t> expected, std::string_view what);

 private:
  friend class Group;
  Case(GroupReport& report, const std::string& subject) : report_(report), subject_(subject) {}
  // Whether it is within the bound.
  [[nodiscard]] bool measure(const Bound& bound, double deviation, double absolute);
  [[nodiscard]] bool same_shape(const at::Tensor& ours, const at::Tensor& expected,
                                std::string_view what);

  GroupReport& report_;
  const std::string& subject_;
  bool failed_ = false;
};

class Group {
 public:
  explicit Group(std::string name) { report_.name = std::move(name); }

  // Counts a case. The error that `check` gives, or what it throws (libtorch where memory is
  // short), fails it.
  void run(const std::string& subject, const std::function<Result<void>(Case&)>& check);
  // `why` there was nothing to run, where that is so.
  [[nodiscard]] GroupReport finish(std::string_view why) &&;

 private:
  GroupReport report_;
};

}  // namespace hone::engine::golden
