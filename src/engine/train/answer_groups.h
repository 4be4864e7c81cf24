// GRPO's answers: to each task of a step a group of them, sampled from the policy and rewarded by
// the task's verifier. Of several ranks each samples and rewards a share of the groups, whole; what
// the groups are worth is told to all, so that all draw the same tasks and weigh alike. Every call
// is made by all ranks (ranks/collective.h).
#pragma once

#include <cstdint>
#include <vector>

#include "base/random.h"
#include "engine/train/examples.h"
#include "engine/train/rollouts.h"
#include "engine/train/session.h"

namespace hone::engine {

struct RewardedAnswer {
  Sequence sequence;  // with the prompt; empty where it is another rank's
  double reward = 0;
  double advantage = 0;
  double tokens = 0;  // without the prompt
  bool truncated = false;
  bool counted = true;  // its tokens are in the loss
};

struct RewardedGroup {
  std::size_t task = 0;
  std::vector<RewardedAnswer> answers;
  bool own = false;  // this rank's
  bool spread = false;
};

// The batch's tasks, and in place of groups without spread up to `dynamic_sampling` rounds of
// others, drawn anew: what was sampled, and which of it is learnt from.
struct RewardedBatch {
  std::vector<RewardedGroup> sampled;
  std::vector<RewardedGroup*> kept;
};

class GroupSampler {
 public:
  // Borrows both.
  GroupSampler(Session& session, const std::vector<Task>& tasks);

  // Of batch number `batch`, whose tasks are `chosen`.
  [[nodiscard]] Result<RewardedBatch> sample(const std::vector<std::size_t>& chosen,
                                             std::int64_t batch);

 private:
  [[nodiscard]] Result<std::vector<RewardedGroup>> roll_out(const std::vector<std::size_t>& chosen,
                                                            const Random& random);
  [[nodiscard]] Result<void> tell_all(std::vector<RewardedGroup>& groups) const;
  [[nodiscard]] Result<RewardedGroup> reward_group(std::size_t index,
                                                   const SampledGroup& answers) const;

  Session& session_;
  const std::vector<Task>& tasks_;
  const GrpoRunOptions& options_;
  PolicySampler sampler_;
  SamplingOptions sampling_;
  std::vector<std::size_t> lengths_;  // at most, of a task's group
};

// What the answers were worth, for progress.jsonl.
[[nodiscard]] StepReport report_on(const RewardedBatch& batch, const std::vector<Task>& tasks);

}  // namespace hone::engine
