#include "engine/model/import_merges.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <tuple>
#include <unordered_map>

#include "engine/model/utf8.h"

namespace hone::engine {
namespace {

// Llama 2's longest token has 48 bytes, Gemma's 93; Gemma has half a million merges.
constexpr std::size_t kMaxTokenBytes = 512;
constexpr std::size_t kMaxMerges = 1U << 21;

struct Merge {
  double score;
  std::uint32_t token, left, right;           // ids
  std::uint32_t left_characters, characters;  // of the left part, and of the token

  [[nodiscard]] auto order() const {
    const std::uint32_t right_characters = characters - left_characters;
    return std::tuple(-score, ~left_characters, ~right_characters, token, left, right);
  }
};

std::unexpected<Error> invalid(std::string message) {
  return fail(ErrorCode::kInvalid, std::move(message));
}

using Ids = std::unordered_map<std::string_view, std::uint32_t>;

// All ways to make `token`, which has the id `id`, of two others.
Result<void> split(std::string_view token, std::uint32_t id, double score, const Ids& ids,
                   std::vector<Merge>& merges) {
  const std::string name = "tokenizer.ggml.tokens: token " + std::to_string(id);
  if (token.size() > kMaxTokenBytes) {
    return invalid(name + " has more than " + std::to_string(kMaxTokenBytes) + " bytes");
  }
  if (!std::isfinite(score)) {
    return invalid("tokenizer.ggml.scores: the score of token " + std::to_string(id) +
                   " is not a number");
  }
  const std::size_t first = merges.size();
  std::uint32_t characters = 0;
  for (std::size_t i = 0; i < token.size(); ++characters) {
    const Character character = character_at(token, i);
    if (!character.valid) return invalid(name + " is not UTF-8");
    if (i > 0) {
      const auto left = ids.find(token.substr(0, i));
      const auto right = left == ids.end() ? left : ids.find(token.substr(i));
      if (right != ids.end()) {
        merges.push_back({score, id, left->second, right->second, characters, 0});
      }
    }
    i += character.size;
  }
  for (std::size_t i = first; i < merges.size(); ++i) merges[i].characters = characters;
  if (merges.size() > kMaxMerges) {
    return invalid("tokenizer.ggml.tokens: more than " + std::to_string(kMaxMerges) +
                   " merges follow from the scores");
  }
  return {};
}

}  // namespace

Result<std::vector<std::pair<std::string_view, std::string_view>>> merges_of_scores(
    const std::vector<std::string_view>& tokens, const std::vector<double>& scores,
    const std::vector<bool>& normal) {
  HONE_ASSERT(scores.size() == tokens.size() && normal.size() == tokens.size());
  Ids ids;
  ids.reserve(tokens.size());
  for (std::size_t id = 0; id < tokens.size(); ++id) {
    if (!tokens[id].empty()) ids.emplace(tokens[id], static_cast<std::uint32_t>(id));
  }
  std::vector<Merge> merges;
  for (std::size_t id = 0; id < tokens.size(); ++id) {
    if (!normal[id]) continue;
    auto done = split(tokens[id], static_cast<std::uint32_t>(id), scores[id], ids, merges);
    if (!done) return fail(done.error());
  }
  std::sort(merges.begin(), merges.end(),
            [](const Merge& a, const Merge& b) { return a.order() < b.order(); });
  std::vector<std::pair<std::string_view, std::string_view>> parts;
  parts.reserve(merges.size());
  for (const Merge& merge : merges) parts.emplace_back(tokens[merge.left], tokens[merge.right]);
  return parts;
}

}  // namespace hone::engine
