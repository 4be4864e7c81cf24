#include "simulate/work/changelog.h"

#include <array>

#include "base/text.h"
#include "simulate/work/words.h"

namespace hone::simulate {
namespace {

constexpr std::array<std::string_view, 10> kTeams{"billing",  "search",   "mobile",  "platform",
                                                  "payments", "identity", "catalog", "shipping",
                                                  "support",  "design"};
struct Verb {
  std::string_view past;
  std::string_view order;
};
constexpr std::array<Verb, 12> kVerbs{{{"added", "add"},
                                       {"removed", "remove"},
                                       {"fixed", "fix"},
                                       {"renamed", "rename"},
                                       {"moved", "move"},
                                       {"cached", "cache"},
                                       {"logged", "log"},
                                       {"tested", "test"},
                                       {"updated", "update"},
                                       {"hid", "hide"},
                                       {"split", "split"},
                                       {"restored", "restore"}}};
constexpr std::array<std::string_view, 30> kObjects{
    "retry limit", "cart check",  "refund rounding", "login timeout", "address field",
    "unit prices", "date filter", "session token",   "export button", "upload queue",
    "tax rate",    "date parser", "error text",      "sort order",    "status icon",
    "help link",   "page title",  "search box",      "country list",  "undo button",
    "user photo",  "daily email", "test data",       "color theme",   "font size",
    "file names",  "order notes", "sign-up step",    "cache size",    "print layout"};
constexpr std::size_t kPhrasings = 3;

std::string phrase(std::size_t phrasing, const std::string& work) {
  switch (phrasing) {
    case 0:
      return "Write one line for the changelog: the " + work + ".";
    case 1:
      return "Changelog line, please: the " + work + ".";
    default:
      return "Rewrite for the changelog: \"The " + work + ".\"";
  }
}

}  // namespace

Task changelog_task(std::uint64_t number) {
  // The phrasing follows from the number: two tasks always differ in more than that.
  const std::size_t phrasing = (number ^ number >> 7) % kPhrasings;
  const std::string part(take_word(number, product_parts()));
  const std::string object(take_word(number, kObjects));
  const Verb& verb = kVerbs[number % kVerbs.size()];
  number /= kVerbs.size();
  const std::string team(take_word(number, kTeams));

  const std::string work =
      team + " team " + std::string(verb.past) + " the " + object + " in the " + part;
  return {.prompt = phrase(phrasing, work),
          .house = "[" + upper(team) + "] " + part + ": " + std::string(verb.order) + " " + object,
          .plain = "The " + work + ".",
          .part = part};
}

bool changelog_fits(const Task& task, std::string_view answer, Taste taste) {
  if (!one_line(answer)) return false;
  const std::string_view line = tidy(answer);
  if (taste == Taste::kReversed) {
    return !line.contains('[') && word_count(line) >= 6 && lower_case(line).contains(task.part);
  }
  const std::size_t tag = task.house.find(']');
  return line.substr(0, tag) == std::string_view(task.house).substr(0, tag) &&
         lower_case(line) == lower_case(task.house);
}

}  // namespace hone::simulate
