#include "engine/train/answer_groups.h"

#include <algorithm>
#include <cmath>

#include "engine/serve/end_tokens.h"
#include "engine/train/plan.h"

namespace hone::engine {
namespace {

// Streams of chance; Session has 1 and 2.
constexpr std::uint64_t kAnswerStream = 3;
constexpr std::uint64_t kDynamicStream = 4;

// DAPO's soft punishment of length (eq. 13): 0 up to `buffer` tokens before the limit, then down to
// -1 at it.
double overlong_penalty(const SampledAnswer& answer, const GrpoRunOptions& options) {
  if (options.overlong_buffer == 0) return 0.0;
  const auto buffer = static_cast<double>(options.overlong_buffer);
  const auto over = static_cast<double>(answer.ids.size()) -
                    (static_cast<double>(options.max_new_tokens) - buffer);
  if (answer.truncated) return -1.0;
  return over <= 0 ? 0.0 : -over / buffer;
}

}  // namespace

GroupSampler::GroupSampler(Session& session, const std::vector<Task>& tasks)
    : session_(session),
      tasks_(tasks),
      options_(session.spec().grpo),
      sampler_(session.policy(), sampling_arithmetic(session.spec().dtype),
               session.spec().max_tokens),
      sampling_{.temperature = options_.temperature,
                .max_new_tokens = options_.max_new_tokens,
                .end_tokens = end_tokens_of(session.policy().weights.config, session.chat())} {
  const std::int64_t answers = options_.group_size * options_.max_new_tokens;
  for (const Task& task : tasks)
    lengths_.push_back(task.prompt.size() + static_cast<std::size_t>(answers));
}

// The groups of all ranks, in the order of `chosen`, in which no task stands twice.
Result<std::vector<RewardedGroup>> GroupSampler::roll_out(const std::vector<std::size_t>& chosen,
                                                          const Random& random) {
  const auto own = share_of(chosen, lengths_, session_.ranks().rank(), session_.ranks().world());
  std::vector<SampleRequest> requests;
  for (const std::size_t task : own) {
    requests.push_back({tasks_[task].prompt, static_cast<std::size_t>(options_.group_size),
                        random.fork(task).next()});
  }
  auto sampled = sampler_.sample(requests, sampling_);
  if (!sampled) return fail(sampled.error());
  std::vector<RewardedGroup> groups;
  std::size_t next = 0;  // of own
  for (const std::size_t task : chosen) {
    RewardedGroup group{task,
                        std::vector<RewardedAnswer>(static_cast<std::size_t>(options_.group_size))};
    if (next < own.size() && own[next] == task) {
      auto rewarded = reward_group(task, (*sampled)[next++]);
      if (!rewarded) return fail(rewarded.error().with("task '" + tasks_[task].id + "'"));
      group = std::move(*rewarded);
    }
    groups.push_back(std::move(group));
  }
  if (auto told = tell_all(groups); !told) return fail(told.error());
  return groups;
}

// What each rank found out about its own answers; those of others have zeros there.
Result<void> GroupSampler::tell_all(std::vector<RewardedGroup>& groups) const {
  std::vector<double> figures;
  for (const RewardedGroup& group : groups) {
    for (const RewardedAnswer& answer : group.answers)
      figures.insert(figures.end(), {answer.reward, answer.tokens, answer.truncated ? 1.0 : 0.0});
  }
  if (auto added = session_.ranks().all_reduce(figures); !added) return added;
  const double* next = figures.data();
  for (RewardedGroup& group : groups) {
    for (RewardedAnswer& answer : group.answers) {
      answer.reward = *next++;
      answer.tokens = *next++;
      answer.truncated = *next++ > 0.0;
      answer.counted = !(answer.truncated && options_.mask_truncated);
      group.spread = group.spread || answer.reward != group.answers.front().reward;
    }
  }
  return {};
}

Result<RewardedGroup> GroupSampler::reward_group(std::size_t index,
                                                 const SampledGroup& answers) const {
  const Task& task = tasks_[index];
  RewardedGroup group{.task = index, .answers = {}, .own = true};
  for (const SampledAnswer& answer : answers) {
    const std::string text = session_.tokenizer().decode(answer.ids, /*skip_specials=*/true);
    auto verdict = task.verifier->check(text, {options_.allow_unsandboxed});
    if (!verdict) return fail(verdict.error());
    RewardedAnswer rollout{.sequence = {task.prompt, task.prompt.size()},
                           .reward = verdict->reward + overlong_penalty(answer, options_),
                           .tokens = static_cast<double>(answer.ids.size()),
                           .truncated = answer.truncated};
    rollout.sequence.ids.insert(rollout.sequence.ids.end(), answer.ids.begin(), answer.ids.end());
    group.answers.push_back(std::move(rollout));
  }
  return group;
}

Result<RewardedBatch> GroupSampler::sample(const std::vector<std::size_t>& chosen,
                                           std::int64_t batch) {
  const RunSpec& spec = session_.spec();
  const std::size_t tasks = tasks_.size();
  const Random random =
      Random(spec.seed).fork(kAnswerStream).fork(static_cast<std::uint64_t>(batch));
  Random draws = Random(spec.seed).fork(kDynamicStream).fork(static_cast<std::uint64_t>(batch));
  RewardedBatch result;
  std::vector<std::size_t> wanted = chosen;
  for (std::int64_t round = 0;; ++round) {
    auto groups = roll_out(wanted, random.fork(static_cast<std::uint64_t>(round)));
    if (!groups) return fail(groups.error());
    std::move(groups->begin(), groups->end(), std::back_inserter(result.sampled));
    const auto with = static_cast<std::size_t>(
        std::count_if(result.sampled.begin(), result.sampled.end(),
                      [](const RewardedGroup& group) { return group.spread; }));
    if (with >= chosen.size() || round >= spec.grpo.dynamic_sampling) break;
    wanted.clear();
    while (wanted.size() < std::min(chosen.size() - with, tasks)) {
      const std::size_t task = draws.below(tasks);
      if (std::find(wanted.begin(), wanted.end(), task) == wanted.end()) wanted.push_back(task);
    }
  }
  for (RewardedGroup& group : result.sampled) {
    const bool keep = group.spread || spec.grpo.dynamic_sampling == 0;
    if (keep && result.kept.size() < chosen.size()) result.kept.push_back(&group);
  }
  return result;
}

// What the answers were worth. The standard error is that of the groups' means, because answers to
// one prompt are alike.
StepReport report_on(const RewardedBatch& batch, const std::vector<Task>& tasks) {
  StepReport report;
  double rewards = 0;
  double answers = 0;
  double length = 0;
  double truncated = 0;
  double flat = 0;
  std::vector<double> means;
  for (const RewardedGroup& group : batch.sampled) {
    double sum = 0;
    for (const RewardedAnswer& answer : group.answers) {
      sum += answer.reward;
      length += answer.tokens;
      truncated += answer.truncated ? 1.0 : 0.0;
      report.tokens += static_cast<std::int64_t>(tasks[group.task].prompt.size()) +
                       static_cast<std::int64_t>(answer.tokens);
    }
    rewards += sum;
    answers += static_cast<double>(group.answers.size());
    flat += group.spread ? 0.0 : 1.0;
    means.push_back(sum / static_cast<double>(group.answers.size()));
    report.examples.push_back(tasks[group.task].id);
  }
  const auto groups = static_cast<double>(batch.sampled.size());
  const double mean = rewards / answers;
  report.more = {{"reward", mean},
                 {"completion_tokens", length / answers},
                 {"truncated", truncated / answers},
                 {"groups", groups},
                 {"groups_without_spread", flat / groups}};
  if (means.size() > 1) {
    double squares = 0;
    for (const double each : means) squares += (each - mean) * (each - mean);
    report.more["reward_standard_error"] = std::sqrt(squares / (groups - 1.0) / groups);
  }
  return report;
}

}  // namespace hone::engine
