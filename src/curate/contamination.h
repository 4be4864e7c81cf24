// What of the evaluation sets is in a text: so many words in a row that both have (13, as for
// GPT-3), or likeness as a whole (curate/similarity.h). Texts are compared as `normalised` writes
// them. An evaluation set is a file of JSON lines, of which every text counts, or of plain lines;
// texts of under 24 bytes are not looked for, for "yes" is in every answer.
//
//   auto sets = EvaluationSets::load(recipe.decontaminate, 13, 0.8);
//   if (sets->has_words_of(normalised(text)) || sets->is_near(signature)) …
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "curate/similarity.h"

namespace hone::curate {

class EvaluationSets {
 public:
  // Errors name file and line. At most 50 million runs of words and a million texts.
  [[nodiscard]] static Result<EvaluationSets> load(const std::vector<std::string>& files,
                                                   std::int64_t words, double likeness);

  [[nodiscard]] bool has_words_of(std::string_view normalised_text) const;
  [[nodiscard]] bool is_near(const Signature& signature) const;
  // SHA-256 over the files' bytes in their order, in hex; empty where there are no files.
  [[nodiscard]] const std::string& digest() const { return digest_; }

 private:
  EvaluationSets() = default;
  Result<void> add_file(const std::string& file);
  Result<void> add_text(std::string_view text);

  std::size_t words_ = 0;
  double likeness_ = 0;
  std::string digest_;
  std::vector<std::uint64_t> runs_;  // sorted hashes of `words_` words in a row
  std::vector<Signature> texts_;
  std::vector<std::pair<std::uint64_t, std::uint32_t>> bands_;  // sorted: band and key, text
};

}  // namespace hone::curate
