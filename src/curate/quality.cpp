#include "curate/quality.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "curate/prompt.h"

namespace hone::curate {
namespace {

// Words that are frequent in one language and rare in the others here.
struct LanguageWords {
  std::string_view language;
  std::array<std::string_view, 14> words;
};
constexpr std::array kLanguageWords = {
    LanguageWords{"en",
                  {"the", "and", "of", "to", "is", "that", "it", "for", "with", "this", "you",
                   "are", "be", "have"}},
    LanguageWords{"de",
                  {"der", "und", "nicht", "ist", "ich", "das", "mit", "ein", "eine", "auf", "sich",
                   "wir", "für", "sie"}},
    LanguageWords{"fr",
                  {"le", "et", "les", "est", "des", "une", "pour", "dans", "qui", "vous", "nous",
                   "sur", "avec", "pas"}},
    LanguageWords{"es",
                  {"el", "los", "las", "y", "por", "con", "una", "para", "como", "pero", "está",
                   "más", "muy", "este"}},
    LanguageWords{"it",
                  {"il", "di", "che", "gli", "sono", "per", "non", "della", "anche", "questo",
                   "più", "con", "nel", "alla"}},
    LanguageWords{"pt",
                  {"os", "não", "uma", "com", "você", "são", "mais", "isso", "pelo", "dos", "das",
                   "muito", "também", "ao"}},
    LanguageWords{"nl",
                  {"het", "een", "van", "niet", "dat", "zijn", "voor", "ook", "maar", "wordt",
                   "deze", "naar", "aan", "heeft"}}};

struct Script {
  std::string_view language;
  std::uint32_t first;
  std::uint32_t last;
};
// Japanese before Chinese: it has Han too, and Kana decide.
constexpr std::array kScripts = {Script{"ja", 0x3040, 0x30FF}, Script{"ko", 0xAC00, 0xD7AF},
                                 Script{"zh", 0x4E00, 0x9FFF}, Script{"ru", 0x0400, 0x04FF},
                                 Script{"el", 0x0370, 0x03FF}, Script{"he", 0x0590, 0x05FF},
                                 Script{"ar", 0x0600, 0x06FF}, Script{"th", 0x0E00, 0x0E7F}};

constexpr std::size_t kLanguageBytes = 16U << 10;  // of a text: enough to tell

std::string without_code(std::string_view text) {
  std::string prose;
  bool code = false;
  for (;;) {
    const auto fence = text.find("```");
    if (!code) prose += std::string(text.substr(0, fence)) + "\n";
    if (fence == text.npos) return prose;
    text.remove_prefix(fence + 3);
    code = !code;
  }
}

std::uint32_t next_character(std::string_view text, std::size_t& at) {
  const auto byte = [&](std::size_t i) -> std::uint32_t {
    return i < text.size() ? static_cast<std::uint8_t>(text[i]) : 0U;
  };
  const std::uint32_t first = byte(at);
  if (first >= 0xE0 && first < 0xF0) {
    const auto character =
        (first & 0x0FU) << 12U | (byte(at + 1) & 0x3FU) << 6U | (byte(at + 2) & 0x3FU);
    at += 3;
    return character;
  }
  if (first >= 0xC0 && first < 0xE0) {
    const auto character = (first & 0x1FU) << 6U | (byte(at + 1) & 0x3FU);
    at += 2;
    return character;
  }
  at += first >= 0xF0 ? 4 : 1;
  return first < 0x80 ? first : 0xFFFD;
}

// The language of the script that most letters are of; empty for Latin.
std::string_view language_by_script(std::string_view text) {
  std::array<std::size_t, kScripts.size()> counts{};
  std::size_t latin = 0;
  for (std::size_t at = 0; at < text.size();) {
    const auto character = next_character(text, at);
    if ((character | 0x20U) >= 'a' && (character | 0x20U) <= 'z') ++latin;
    for (std::size_t i = 0; i < kScripts.size(); ++i) {
      if (character >= kScripts[i].first && character <= kScripts[i].last) ++counts[i];
    }
  }
  if (counts[0] * 10 >= counts[2]) {
    counts[0] += counts[0] > 0 ? counts[2] : 0;  // Han among Kana is Japanese
  }
  const auto most = static_cast<std::size_t>(std::ranges::max_element(counts) - counts.begin());
  // A character of these scripts says more than a Latin letter does.
  return counts[most] >= 3 && counts[most] * 2 >= latin ? kScripts[most].language
                                                        : std::string_view();
}

std::string_view language_by_words(std::string_view prose) {
  std::array<std::size_t, kLanguageWords.size()> counts{};
  for (std::string_view rest = prose; !rest.empty();) {
    const auto end = std::min(rest.find(' '), rest.size());
    const auto word = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    for (std::size_t i = 0; i < kLanguageWords.size(); ++i) {
      if (std::ranges::find(kLanguageWords[i].words, word) != kLanguageWords[i].words.end()) {
        ++counts[i];
      }
    }
  }
  const auto best = static_cast<std::size_t>(std::ranges::max_element(counts) - counts.begin());
  constexpr std::size_t kEnough = 3;
  if (counts[best] < kEnough || std::ranges::count(counts, counts[best]) > 1) return {};
  return kLanguageWords[best].language;
}

// As `normalised` writes them: small letters, no apostrophes.
constexpr auto kRefusals = std::to_array<std::string_view>({"i m sorry but i can t",
                                                            "i m sorry but i cannot",
                                                            "i m sorry i can t",
                                                            "i m sorry i cannot",
                                                            "i m sorry but i m not able",
                                                            "i m sorry but i am not able",
                                                            "i m sorry but i m unable",
                                                            "sorry but i can t",
                                                            "sorry i can t",
                                                            "sorry i cannot",
                                                            "i apologize but i can t",
                                                            "i apologize but i cannot",
                                                            "i can t help with",
                                                            "i can t assist",
                                                            "i cannot help with",
                                                            "i cannot assist",
                                                            "i can t provide",
                                                            "i cannot provide",
                                                            "i m unable to",
                                                            "i am unable to",
                                                            "i m not able to",
                                                            "i am not able to",
                                                            "i won t be able to",
                                                            "as an ai",
                                                            "i must decline",
                                                            "es tut mir leid aber ich kann",
                                                            "tut mir leid aber ich kann",
                                                            "ich kann dabei nicht helfen",
                                                            "dabei kann ich nicht helfen",
                                                            "je suis désolé mais je ne peux pas",
                                                            "lo siento pero no puedo",
                                                            "lo siento no puedo"});

}  // namespace

std::vector<std::string_view> known_languages() {
  std::vector<std::string_view> names;
  for (const auto& words : kLanguageWords) names.push_back(words.language);
  for (const auto& script : kScripts) names.push_back(script.language);
  return names;
}

std::string_view language_of(std::string_view text) {
  const std::string prose = without_code(text.substr(0, kLanguageBytes));
  const auto by_script = language_by_script(prose);
  return by_script.empty() ? language_by_words(normalised(prose)) : by_script;
}

bool is_refusal(std::string_view text) {
  constexpr std::size_t kBeginning = 200;
  std::string beginning(text.substr(0, kBeginning));
  constexpr std::string_view kCurly = "\xE2\x80\x99";  // the typographic apostrophe
  for (auto at = beginning.find(kCurly); at != std::string::npos; at = beginning.find(kCurly, at)) {
    beginning.replace(at, kCurly.size(), "'");
  }
  beginning = normalised(beginning) + " ";
  return std::ranges::any_of(kRefusals, [&](std::string_view phrase) {
    return beginning.starts_with(phrase) && beginning.at(phrase.size()) == ' ';
  });
}

bool is_truncated(std::string_view stop_reason) {
  constexpr std::array<std::string_view, 6> kCut = {"length",     "max_tokens",
                                                    "incomplete", "max_output_tokens",
                                                    "MAX_TOKENS", "model_context_window_exceeded"};
  return std::ranges::find(kCut, stop_reason) != kCut.end();
}

}  // namespace hone::curate
