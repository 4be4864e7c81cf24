// What is decided by single texts, and by pairs of them: likeness, evaluation sets, rules of
// quality.
#include "curate/similarity.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <string>
#include <vector>

#include "base/random.h"
#include "curate/contamination.h"
#include "curate/curate_test_support.h"
#include "curate/prompt.h"
#include "curate/quality.h"
#include "curate/select.h"
#include "support/temp_folder.h"

namespace hone::curate {
namespace {

std::string made_up_words(Random& random, int count) {
  std::string text;
  for (int i = 0; i < count; ++i) {
    for (std::uint64_t letter = 2 + random.below(8); letter > 0; --letter) {
      text += static_cast<char>('a' + random.below(26));
    }
    text += ' ';
  }
  return text;
}

// Every n-th word another one.
std::string with_other_words(Random& random, const std::string& text, std::uint64_t one_in) {
  std::string changed;
  for (std::size_t at = 0; at < text.size();) {
    const auto end = std::min(text.find(' ', at), text.size());
    changed +=
        random.below(one_in) == 0 ? made_up_words(random, 1) : text.substr(at, end - at) + " ";
    at = end + 1;
  }
  return changed;
}

TEST(Similarity, EstimatesTheJaccardIndexWithinItsError) {
  Random random(7);
  double bias = 0;
  double squares = 0;
  int count = 0;
  for (const int words : {3, 12, 60, 400}) {
    for (const std::uint64_t one_in : {2U, 5U, 20U, 60U}) {
      for (int i = 0; i < 25; ++i, ++count) {
        const std::string text = made_up_words(random, words);
        const std::string other = with_other_words(random, text, one_in);
        const double error = similarity(signature_of(text), signature_of(other)) -
                             testing::true_jaccard(text, other);
        bias += error;
        squares += error * error;
      }
    }
  }
  EXPECT_LT(std::abs(bias / count), 0.01);
  EXPECT_LT(std::sqrt(squares / count), 0.05);
}

TEST(Similarity, IsOneOfWhatReadsTheSameAndZeroOfNothing) {
  EXPECT_EQ(similarity(signature_of("Yes!"), signature_of("yes")), 1);
  EXPECT_EQ(similarity(signature_of("…?"), signature_of("?!")), 0);
  EXPECT_LT(similarity(signature_of("yes"), signature_of("no")), 0.2);
  Signer parts;
  parts.add("one two three four");
  parts.add("five six seven");
  Signer again;
  again.add("five six seven");
  again.add("one two three four");
  EXPECT_EQ(similarity(parts.finish(), again.finish()), 1);
}

TEST(Similarity, PlantedNearDuplicatesAreFoundAndOthersAreNot) {
  Random random(11);
  std::vector<Signature> signatures;
  std::vector<std::string> texts;
  constexpr int kOriginals = 400;
  for (int i = 0; i < kOriginals; ++i) texts.push_back(made_up_words(random, 60));
  for (int i = 0; i < kOriginals; ++i) texts.push_back(with_other_words(random, texts[i], 60));
  for (const auto& text : texts) signatures.push_back(signature_of(text));
  std::vector<const Signature*> items;
  for (const auto& signature : signatures) items.push_back(&signature);
  UnionFind sets(items.size());
  join_near(
      items, {},
      [&](std::uint32_t a, std::uint32_t b) {
        return similarity(signatures[a], signatures[b]) >= 0.7;
      },
      sets);
  int planted = 0;
  int found = 0;
  for (std::uint32_t i = 0; i < kOriginals; ++i) {
    EXPECT_EQ(sets.find(i), i);  // no two originals are one
    const std::uint32_t copy = kOriginals + i;
    if (sets.find(copy) != copy) {
      EXPECT_EQ(sets.find(copy), i);
    }
    if (testing::true_jaccard(texts[i], texts[copy]) < 0.85) continue;
    ++planted;
    found += sets.find(copy) == i ? 1 : 0;
  }
  EXPECT_GT(planted, 200);
  EXPECT_EQ(found, planted);
}

// All share every band's key, so that pairs are bounded; the copies must still be one set.
TEST(Similarity, ManyEqualTextsCostNoSquareAndAreOneSet) {
  const Signature signature = signature_of("the same words in each of them, again and again");
  const std::vector<const Signature*> items(20'000, &signature);
  std::int64_t asked = 0;
  UnionFind sets(items.size());
  join_near(
      items, {},
      [&](std::uint32_t, std::uint32_t) {
        ++asked;
        return true;
      },
      sets);
  for (std::uint32_t i = 0; i < items.size(); ++i) ASSERT_EQ(sets.find(i), 0U);
  EXPECT_LT(asked, 2 * static_cast<std::int64_t>(items.size()));

  const std::vector<std::uint32_t> classes = {1, 2, 1};
  UnionFind apart(3);
  join_near(
      {&signature, &signature, &signature}, classes,
      [](std::uint32_t, std::uint32_t) { return true; }, apart);
  EXPECT_EQ(apart.find(1), 1U);
  EXPECT_EQ(apart.find(2), 0U);
}

TEST(EvaluationSet, IsFoundByWordsInARowAndByLikeness) {
  test::TempFolder folder;
  const std::string file = folder / "eval.jsonl";
  std::ofstream(file) << R"({"id":"q1","question":"A train leaves Ulm at nine and goes forty )"
                      << R"(miles an hour; when does it come to Bonn, which is far?","tags":)"
                      << R"(["How many apples has Ana when Ben takes two?"]})"
                      << "\n"
                      << "a plain line is a text of its own\n";
  const auto sets = EvaluationSets::load({file}, 8, 0.8);
  ASSERT_TRUE(sets) << sets.error().message;
  EXPECT_TRUE(sets->has_words_of(normalised("So: a TRAIN leaves Ulm, at nine and goes away")));
  EXPECT_FALSE(sets->has_words_of(normalised("a train leaves Ulm at nine, or goes away")));
  EXPECT_TRUE(sets->is_near(signature_of("How many apples has Ana when Ben takes two today?")));
  EXPECT_TRUE(sets->is_near(signature_of("A plain line is a text of its own.")));
  EXPECT_FALSE(sets->is_near(signature_of("How many pears are left when I eat all of them?")));
  EXPECT_FALSE(sets->is_near(signature_of("q1")));

  // As an editor may have written it: a byte order mark, and blanks before the object.
  const std::string marked = folder / "marked.jsonl";
  std::ofstream(marked) << "\xEF\xBB\xBF"
                        << R"( {"question":"Which of these words is the odd one out?","id":"q"})";
  const auto read = EvaluationSets::load({marked}, 8, 0.8);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_TRUE(read->is_near(signature_of("Which of these words is the odd one out?")));

  const std::string other = folder / "other.jsonl";
  std::ofstream(other) << R"({"question":)" << "\n";
  const auto broken = EvaluationSets::load({other}, 8, 0.8);
  ASSERT_FALSE(broken);
  EXPECT_NE(broken.error().message.find("other.jsonl: line 1"), std::string::npos)
      << broken.error().message;
  EXPECT_FALSE(EvaluationSets::load({folder / "absent"}, 8, 0.8));
  const auto none = EvaluationSets::load({}, 8, 0.8);
  ASSERT_TRUE(none);
  EXPECT_EQ(none->digest(), "");
  EXPECT_NE(sets->digest(), "");
}

TEST(Quality, TellsLanguagesApartWhereThereIsEnoughOfThem) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"en", "The report is ready, and you can have it for the meeting."},
      {"de", "Der Bericht ist fertig, und ich schicke ihn mit der Post, nicht per Mail."},
      {"fr", "Le rapport est prêt pour la réunion, et les chiffres sont dans une annexe."},
      {"es", "El informe está listo para los socios, pero las cifras no son muy buenas."},
      {"it", "Il rapporto che abbiamo scritto non è lungo, e gli allegati sono nel sistema."},
      {"pt", "O relatório não está pronto, mais uma semana é o que você tem com os dados."},
      {"nl", "Het rapport is niet klaar, maar een van ons heeft dat voor u gedaan."},
      {"ru", "Отчёт готов, и вы можете взять его на встречу."},
      {"ja", "報告書の準備ができました。会議にお持ちください。"},
      {"zh", "报告已经准备好了，你可以带去开会。"},
      {"", "def f(x):\n    return x + 1"},
      {"", "42"},
      {"de", "Das ist der Code, und er ist nicht lang:\n```\nthe and of to is that it for\n```"}};
  for (const auto& [language, text] : cases) EXPECT_EQ(language_of(text), language) << text;
}

TEST(Quality, KnowsRefusalsAndCutAnswers) {
  EXPECT_TRUE(is_refusal("I'm sorry, but I can't help with that."));
  EXPECT_TRUE(is_refusal("I’m sorry, but I can’t share that."));
  EXPECT_TRUE(is_refusal("Es tut mir leid, aber ich kann dir dabei nicht helfen."));
  EXPECT_FALSE(is_refusal("I'm sorry to hear that. Here is what you can do: …"));
  EXPECT_FALSE(is_refusal("As an aid, use the table below."));
  EXPECT_FALSE(is_refusal(""));
  EXPECT_TRUE(is_truncated("length"));
  EXPECT_TRUE(is_truncated("max_tokens"));
  EXPECT_FALSE(is_truncated("end_turn"));
  EXPECT_FALSE(is_truncated(""));
}

TEST(ShareOut, GivesNobodyMoreThanThereIsAndWhatIsOverToTheOthers) {
  using Shares = std::vector<std::int64_t>;
  EXPECT_EQ(share_out(30, {100, 100, 100}, {1, 1, 1}), (Shares{10, 10, 10}));
  EXPECT_EQ(share_out(30, {4, 100, 100}, {1, 1, 1}), (Shares{4, 13, 13}));
  EXPECT_EQ(share_out(10, {300, 600, 100}, {300, 600, 100}), (Shares{3, 6, 1}));
  EXPECT_EQ(share_out(10, {50, 50, 50}, {3, 1, 0}), (Shares{8, 2, 0}));
  EXPECT_EQ(share_out(10, {2, 3, 50}, {3, 1, 0}), (Shares{2, 3, 5}));
  EXPECT_EQ(share_out(18, {10, 100, 300}, {1, 0, 0}), (Shares{10, 2, 6}));
  EXPECT_EQ(share_out(99, {2, 3}, {1, 1}), (Shares{2, 3}));
  EXPECT_EQ(share_out(5, {}, {}), Shares{});
}

}  // namespace
}  // namespace hone::curate
