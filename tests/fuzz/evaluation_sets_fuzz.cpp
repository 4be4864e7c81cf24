// Files of evaluation sets, as `decontaminate` names them.
#include <algorithm>
#include <fstream>

#include "base/json.h"
#include "base/text.h"
#include "curate/contamination.h"
#include "curate/prompt.h"
#include "fuzz/targets.h"
#include "support/temp_folder.h"

namespace hone::fuzz {
namespace {

constexpr std::int64_t kWords = 5;
constexpr std::size_t kSought = 24;     // bytes that a text has which is looked for
constexpr std::size_t kMostTexts = 60;  // of more alike, not every one is compared

// All texts of a line, as the formats page has it.
void texts_of(const json::value& value, std::vector<std::string>& texts) {
  if (const auto* text = value.if_string()) texts.emplace_back(*text);
  if (const auto* array = value.if_array()) {
    for (const auto& item : *array) texts_of(item, texts);
  }
  if (const auto* object = value.if_object()) {
    for (const auto& member : *object) texts_of(member.value(), texts);
  }
}

// What the file asks to be kept out; nothing where a line is no text.
std::vector<std::string> sought_in(std::string_view bytes) {
  if (bytes.starts_with("\xEF\xBB\xBF")) bytes.remove_prefix(3);
  std::vector<std::string> texts;
  while (!bytes.empty()) {
    const auto line = trimmed(bytes.substr(0, bytes.find('\n')));
    bytes.remove_prefix(std::min(bytes.find('\n'), bytes.size() - 1) + 1);
    Result<json::value> value = json::value(json::string(line));
    if (line.starts_with('{')) value = parse_json(line);
    if (value) texts_of(*value, texts);
  }
  return texts;
}

}  // namespace

void evaluation_sets(std::string_view bytes) {
  static const test::TempFolder folder;
  const std::string file = folder / "set.jsonl";
  std::ofstream(file, std::ios::binary) << bytes;
  const auto sets = curate::EvaluationSets::load({file}, kWords, 0.8);
  if (!sets) {
    must(sets.error().message.contains(file + ": line "), "a mistake without its line");
    return;
  }
  const auto again = curate::EvaluationSets::load({file}, kWords, 0.8);
  must(again && again->digest() == sets->digest(), "one file with two digests");
  const auto texts = sought_in(bytes);
  for (const auto& text : texts) {
    const std::string plain = curate::normalised(text);
    if (plain.size() < kSought) continue;
    if (std::ranges::count(plain, ' ') + 1 >= kWords) {
      must(sets->has_words_of(plain), "words of the set that are not found");
      must(sets->has_words_of("so said " + plain + " to all"),
           "words in a text that are not found");
    }
    if (texts.size() > kMostTexts) continue;
    must(sets->is_near(curate::signature_of_normalised(plain)), "a text that is not like itself");
  }
}

}  // namespace hone::fuzz
