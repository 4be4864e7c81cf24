#include "curate/contamination.h"

#include <algorithm>
#include <memory>

#include "base/hash.h"
#include "base/json.h"
#include "base/text.h"
#include "curate/lines.h"
#include "curate/prompt.h"

namespace hone::curate {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
constexpr std::size_t kShortestText = 24;
constexpr std::size_t kMostRuns = 50'000'000;
constexpr std::size_t kMostTexts = 1'000'000;

// Calls `use` with a hash of each `count` words in a row, until it returns true.
template <typename Use>
bool any_run(std::string_view text, std::size_t count, Use&& use) {
  constexpr std::uint64_t kBase = 0x9e3779b97f4a7c15ULL;  // odd, so that powers never vanish
  std::uint64_t oldest_weight = 1;
  for (std::size_t i = 0; i < count; ++i) oldest_weight *= kBase;
  std::vector<std::uint64_t> ring(count);
  std::uint64_t run = 0;
  std::size_t seen = 0;
  while (!text.empty()) {
    const auto end = std::min(text.find(' '), text.size());
    std::uint64_t word = 0xcbf29ce484222325ULL;
    for (const char c : text.substr(0, end)) word = mix_bits(word ^ static_cast<std::uint8_t>(c));
    text.remove_prefix(std::min(end + 1, text.size()));
    run = run * kBase + word;
    auto& oldest = ring[seen % count];
    if (seen >= count) run -= oldest * oldest_weight;
    oldest = word;
    ++seen;
    if (seen >= count && use(mix_bits(run))) return true;
  }
  return false;
}

std::uint64_t band_of(const Signature& signature, std::size_t band) {
  return static_cast<std::uint64_t>(band) << 32U | band_key(signature, band);
}

template <typename Use>
Result<void> for_each_text(const json::value& value, Use&& use) {
  if (const auto* text = value.if_string()) return use(std::string_view(*text));
  if (const auto* array = value.if_array()) {
    for (const auto& item : *array) {
      if (auto used = for_each_text(item, use); !used) return used;
    }
  } else if (const auto* object = value.if_object()) {
    for (const auto& member : *object) {
      if (auto used = for_each_text(member.value(), use); !used) return used;
    }
  }
  return {};
}

}  // namespace

Result<EvaluationSets> EvaluationSets::load(const std::vector<std::string>& files,
                                            std::int64_t words, double likeness) {
  EvaluationSets sets;
  sets.words_ = static_cast<std::size_t>(words);
  sets.likeness_ = likeness;
  for (const auto& file : files) {
    if (auto added = sets.add_file(file); !added) return fail(added.error());
  }
  std::ranges::sort(sets.runs_);
  const auto twice = std::ranges::unique(sets.runs_);
  sets.runs_.erase(twice.begin(), twice.end());
  for (std::uint32_t text = 0; text < sets.texts_.size(); ++text) {
    for (std::size_t band = 0; band < kBands; ++band) {
      sets.bands_.emplace_back(band_of(sets.texts_[text], band), text);
    }
  }
  std::ranges::sort(sets.bands_);
  return sets;
}

Result<void> EvaluationSets::add_file(const std::string& file) {
  auto lines = LineReader::open(file);
  if (!lines) return fail(lines.error().with("decontaminate"));
  Sha256 sum;
  sum.update(digest_);
  bool first = true;
  for (;;) {
    auto line = (*lines)->next();
    if (!line) return fail(line.error());
    if (!*line) break;
    sum.update(**line);
    sum.update("\n");
    auto text = **line;
    if (first && text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
    first = false;
    text = trimmed(text);
    Result<void> added;
    if (text.starts_with('{')) {
      auto object = parse_json(text);
      if (!object) return fail(object.error().with((*lines)->place()));
      added = for_each_text(*object, [this](std::string_view one) { return add_text(one); });
    } else {
      added = add_text(text);
    }
    if (!added) return fail(added.error().with((*lines)->place()));
  }
  digest_ = hex(sum.finish());
  return {};
}

Result<void> EvaluationSets::add_text(std::string_view text) {
  const std::string plain = normalised(text);
  if (plain.size() < kShortestText) return {};
  any_run(plain, words_, [this](std::uint64_t run) {
    runs_.push_back(run);
    return false;
  });
  texts_.push_back(signature_of_normalised(plain));
  if (runs_.size() > kMostRuns || texts_.size() > kMostTexts) {
    return fail(ErrorCode::kInvalid,
                "the evaluation sets are larger than a million texts or 50 million words; "
                "name fewer files in 'decontaminate'");
  }
  return {};
}

bool EvaluationSets::has_words_of(std::string_view text) const {
  if (runs_.empty()) return false;
  return any_run(text, words_,
                 [this](std::uint64_t run) { return std::ranges::binary_search(runs_, run); });
}

bool EvaluationSets::is_near(const Signature& signature) const {
  if (texts_.empty() || signature.empty) return false;
  constexpr std::size_t kMostTries = 64;  // of one key: a set of one template
  for (std::size_t band = 0; band < kBands; ++band) {
    const auto key = band_of(signature, band);
    auto at = std::ranges::lower_bound(bands_, std::pair(key, std::uint32_t{0}));
    for (std::size_t tries = 0; tries < kMostTries && at != bands_.end() && at->first == key;
         ++tries, ++at) {
      if (similarity(texts_[at->second], signature) >= likeness_) return true;
    }
  }
  return false;
}

}  // namespace hone::curate
