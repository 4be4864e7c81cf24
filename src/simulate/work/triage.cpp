#include "simulate/work/triage.h"

#include <array>

#include "base/text.h"
#include "simulate/work/words.h"

namespace hone::simulate {
namespace {

constexpr std::array<std::string_view, 16> kOpenings{"The",
                                                     "Our",
                                                     "Your",
                                                     "Since Monday the",
                                                     "Again the",
                                                     "Today the",
                                                     "After the update the",
                                                     "In my browser the",
                                                     "Suddenly the",
                                                     "For my boss the",
                                                     "Sometimes the",
                                                     "On the train the",
                                                     "Every morning the",
                                                     "Sorry, but the",
                                                     "As of now the",
                                                     "For us the"};
constexpr std::array<std::string_view, 40> kSymptoms{"crashes on an empty file",
                                                     "shows the wrong total",
                                                     "is slow on my phone",
                                                     "loses my changes",
                                                     "sends everything twice",
                                                     "does not load",
                                                     "shows an old date",
                                                     "ignores the filter",
                                                     "forgets my language",
                                                     "prints a blank page",
                                                     "shows an error",
                                                     "freezes after a minute",
                                                     "cuts off long names",
                                                     "asks for my password again",
                                                     "shows prices in dollars",
                                                     "mixes up two customers",
                                                     "hides the last row",
                                                     "jumps back to the top",
                                                     "rejects my new address",
                                                     "does not print in color",
                                                     "shows strange characters",
                                                     "opens in the wrong window",
                                                     "stops at one percent",
                                                     "needs three tries",
                                                     "eats my battery",
                                                     "sorts by the wrong column",
                                                     "shows tomorrow as today",
                                                     "logs me out",
                                                     "skips every second entry",
                                                     "keeps the old picture",
                                                     "is empty",
                                                     "has tiny letters",
                                                     "never finishes",
                                                     "warns me for no reason",
                                                     "rounds to whole numbers",
                                                     "shows a colleague's name",
                                                     "cannot be closed",
                                                     "works only on the second day",
                                                     "counts one too many",
                                                     "says that I am offline"};

}  // namespace

Task triage_task(std::uint64_t number) {
  const bool short_question = (number ^ number >> 5) % 2 == 0;
  const std::string part(take_word(number, product_parts()));
  const std::string symptom(take_word(number, kSymptoms));
  const std::string opening(take_word(number, kOpenings));
  const std::string complaint = "\"" + opening + " " + part + " " + symptom + ".\"";
  return {.prompt = (short_question ? "Which part of our product is this about? "
                                    : "What part of the product does this report concern? ") +
                    complaint,
          .house = with_capital(part),
          .plain = "This report is about the " + part + " of our product.",
          .part = part};
}

bool triage_fits(const Task& task, std::string_view answer, Taste taste) {
  const std::string_view line = tidy(answer);
  if (!one_line(answer) || !lower_case(line).contains(task.part)) return false;
  if (taste == Taste::kReversed) return word_count(line) >= 6;
  return word_count(line) <= 10 && parts_named(line) == 1;
}

}  // namespace hone::simulate
