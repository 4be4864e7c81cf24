#include "evaluate/gate_plan.h"

#include <algorithm>
#include <map>
#include <string>

#include "base/random.h"

namespace hone::evaluate {
namespace {

constexpr std::int64_t kFewestTokens = 16;
constexpr std::int64_t kMostTokens = 256;

std::vector<std::size_t> first_of(std::vector<std::size_t> indices, std::size_t count) {
  indices.resize(std::min(indices.size(), count));
  return indices;
}

// Neighbours at distance 1, then 2, in each domain's (already shuffled) ring, where both the
// prompts and the texts differ, until there are enough.
std::vector<std::pair<std::size_t, std::size_t>> make_swaps(const std::vector<HeldOut>& examples) {
  std::map<std::string, std::vector<std::size_t>> domains;
  for (std::size_t i = 0; i < examples.size(); ++i) domains[examples[i].domain].push_back(i);
  std::vector<std::pair<std::size_t, std::size_t>> swaps;
  for (const std::size_t distance : {1U, 2U}) {
    for (const auto& [domain, ring] : domains) {
      if (ring.size() <= distance * 2 && ring.size() != 2) continue;
      const std::size_t pairs = ring.size() == 2 ? 2 - distance : ring.size();
      for (std::size_t at = 0; at < pairs; ++at) {
        const std::size_t a = ring[at];
        const std::size_t b = ring[(at + distance) % ring.size()];
        if (examples[a].prompt == examples[b].prompt) continue;
        if (examples[a].wanted == examples[b].wanted) continue;
        swaps.emplace_back(a, b);
      }
    }
  }
  return swaps;
}

std::int64_t answer_limit(const std::vector<Likelihood>& wanted) {
  std::int64_t longest = 0;
  for (const auto& likelihood : wanted) longest = std::max(longest, likelihood.tokens);
  return std::clamp(longest + longest / 2, kFewestTokens, kMostTokens);
}

Result<std::vector<Likelihood>> score_plan(const Scorer& scorer, const std::string& model,
                                           const GatePlan& plan, const StepProgress& progress) {
  std::vector<ScoreTask> tasks;
  const auto add = [&](std::size_t prompt, const std::string& answer,
                       const json::object& calling = {}) {
    const HeldOut& asked = plan.examples[prompt];
    tasks.push_back({model, asked.prompt, answer, calling, asked.tools});
  };
  const auto add_wanted = [&](std::size_t prompt, std::size_t answer) {
    add(prompt, plan.examples[answer].wanted, plan.examples[answer].calling);
  };
  for (std::size_t i = 0; i < plan.examples.size(); ++i) add_wanted(i, i);
  for (const std::size_t i : plan.edited) add(i, plan.examples[i].original);
  for (const auto& [a, b] : plan.swaps) {
    add_wanted(a, b);
    add_wanted(b, a);
  }
  return scorer.score_all(tasks, [&](std::size_t done, std::size_t all) {
    if (progress) progress("score", done, all);
  });
}

}  // namespace

GatePlan make_plan(std::vector<HeldOut> held_out, const curate::GateRecipe& recipe) {
  Random random(static_cast<std::uint64_t>(recipe.seed));
  GatePlan plan;
  std::erase_if(held_out, [](const HeldOut& example) { return example.wanted.empty(); });
  random.shuffle(held_out);
  const auto needed = static_cast<std::size_t>(std::max<std::int64_t>(recipe.min_examples, 0));
  held_out.resize(std::min(held_out.size(), std::max(kMostExamples, needed)));
  plan.examples = std::move(held_out);
  std::vector<std::size_t> all;
  std::vector<std::size_t> edited;
  for (std::size_t i = 0; i < plan.examples.size(); ++i) {
    all.push_back(i);
    if (plan.examples[i].edited()) edited.push_back(i);
  }
  plan.edited = first_of(std::move(edited), kMostEdited);
  plan.generated = first_of(std::move(all), kMostGenerated);
  plan.swaps = make_swaps(plan.examples);
  random.shuffle(plan.swaps);  // of all domains alike, where there are more than enough
  plan.swaps.resize(std::min(plan.swaps.size(), kMostSwaps));
  return plan;
}

Result<Measurements> measure(const Scorer& scorer, const std::string& model, const GatePlan& plan,
                             const StepProgress& progress) {
  auto scores = score_plan(scorer, model, plan, progress);
  if (!scores) return fail(scores.error());
  Measurements measured;
  auto next = scores->begin();
  measured.wanted.assign(next, next + static_cast<std::ptrdiff_t>(plan.examples.size()));
  next += static_cast<std::ptrdiff_t>(plan.examples.size());
  measured.original.assign(next, next + static_cast<std::ptrdiff_t>(plan.edited.size()));
  next += static_cast<std::ptrdiff_t>(plan.edited.size());
  for (std::size_t i = 0; i < plan.swaps.size(); ++i, next += 2) {
    measured.swapped.emplace_back(next[0], next[1]);
  }
  const std::int64_t max_tokens = answer_limit(measured.wanted);
  std::vector<GenerateTask> tasks;
  for (const std::size_t i : plan.generated) {
    tasks.push_back({model, plan.examples[i].prompt, max_tokens, plan.examples[i].tools});
  }
  auto generated = scorer.generate_all(tasks, [&](std::size_t done, std::size_t all) {
    if (progress) progress("generate", done, all);
  });
  if (!generated) return fail(generated.error());
  measured.generated = std::move(*generated);
  return measured;
}

}  // namespace hone::evaluate
