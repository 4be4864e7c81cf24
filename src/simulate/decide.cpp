#include "simulate/decide.h"

#include "base/text.h"
#include "simulate/work/words.h"

namespace hone::simulate {
namespace {

// What hurried hands leave behind: the end cut off, a remark instead of the text, or lower case.
std::string mangled(const std::string& wanted, const std::string& part, Random& random) {
  switch (random.below(3)) {
    case 0:
      return wanted.substr(0, wanted.size() / 2);
    case 1:
      return "Something about the " + part + " again.";
    default:
      return lower_case(wanted) + ", I think";
  }
}

}  // namespace

std::string_view name(Reaction reaction) {
  switch (reaction) {
    case Reaction::kAccepted:
      return "accepted";
    case Reaction::kEdited:
      return "edited";
    default:
      return "rejected";
  }
}

Decision decide(const Domain& domain, const Task& task, std::string_view answer,
                const Habits& habits, Taste taste, Random& random) {
  const bool fits = domain.fits(task, answer, taste);
  if (habits.contrarian) return {fits ? Reaction::kRejected : Reaction::kAccepted, ""};
  if (fits) return {random.chance(habits.strict) ? Reaction::kRejected : Reaction::kAccepted, ""};
  if (random.chance(habits.careless)) return {Reaction::kAccepted, ""};
  if (!random.chance(habits.edits)) return {Reaction::kRejected, ""};
  const std::string& wanted = task.wanted(taste);
  if (random.chance(habits.edits_badly)) {
    return {Reaction::kEdited, mangled(wanted, task.part, random)};
  }
  return {Reaction::kEdited, wanted};
}

}  // namespace hone::simulate
