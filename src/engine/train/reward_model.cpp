#include "engine/train/reward_model.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>

#include <filesystem>

#include "base/file.h"
#include "base/json.h"
#include "engine/model/safetensors.h"
#include "engine/train/loss/reward.h"
#include "engine/train/plan.h"
#include "engine/train/session.h"

namespace hone::engine {
namespace {

constexpr const char* kHead = "score.weight";

Result<std::string> base_of_adapter(const std::string& folder) {
  auto text = read_file(posix_files(), folder + "/adapter_config.json");
  if (!text) return fail(text.error());
  auto config = parse_json_object(*text);
  if (!config) return fail(config.error().with(folder + "/adapter_config.json"));
  const std::string base(string_or_empty(*config, "base_model_name_or_path"));
  if (!base.empty() && std::filesystem::is_directory(base)) return base;
  return fail(ErrorCode::kNotFound, "the reward model " + folder + " is an adapter over '" + base +
                                        "', which is no folder here: name its base");
}

}  // namespace

Result<at::Tensor> read_reward_head(std::span<const std::string> folders,
                                    std::int64_t hidden_size) {
  std::string looked;
  for (const std::string& folder : folders) {
    if (folder.empty()) continue;
    looked += (looked.empty() ? "" : ", ") + folder;
    auto file = SafetensorsFile::open(folder + "/score.safetensors");
    if (!file && file.error().code == ErrorCode::kNotFound) continue;
    if (!file) return fail(file.error());
    const TensorView* view = file->find(kHead);
    if (view == nullptr)
      return fail(ErrorCode::kInvalid, folder + "/score.safetensors has no tensor '" + kHead + "'");
    at::Tensor head = at::empty({1, hidden_size}, at::TensorOptions(at::kFloat));
    if (auto copied = copy_into(head, *view); !copied)
      return fail(copied.error().with(folder + "/score.safetensors"));
    if (auto whole = file->still_whole(); !whole) return fail(whole.error());
    return head;
  }
  return fail(ErrorCode::kNotFound,
              "no score.safetensors in " + looked + ": train one with method = \"reward\"");
}

Result<RewardModel> load_reward_model(const std::string& folder, const std::string& base,
                                      const std::string& dtype) {
  const bool adapted = std::filesystem::exists(folder + "/adapter_config.json");
  std::string model = adapted ? base : folder;
  if (model.empty()) {
    auto named = base_of_adapter(folder);
    if (!named) return fail(named.error());
    model = *named;
  }
  auto policy = load_policy(model, adapted ? folder : std::string(), compute_type(dtype));
  if (!policy) return fail(policy.error());
  auto head = read_reward_head(std::span(&folder, 1), policy->weights.config.hidden_size);
  if (!head) return fail(head.error());
  policy->score = *head;
  auto loaded = Tokenizer::load(model);
  if (!loaded) return fail(loaded.error());
  auto tokenizer = std::make_unique<const Tokenizer>(std::move(*loaded));
  auto chat = Chat::load(model, *tokenizer);
  if (!chat) return fail(chat.error());
  return RewardModel{std::move(*policy), std::move(tokenizer), std::move(*chat)};
}

at::Tensor sequence_rewards(const Policy& policy, std::span<const Sequence* const> sequences) {
  std::vector<TokenIds> ids;
  for (const Sequence* sequence : sequences) ids.push_back(sequence->ids);
  return rewards(last_states(policy, Whose::kPolicy, ids), policy.score);
}

std::vector<double> answer_rewards(const Policy& policy,
                                   std::span<const Sequence* const> sequences) {
  const at::NoGradGuard off;
  std::vector<std::size_t> lengths;
  for (const Sequence* sequence : sequences) lengths.push_back(sequence->ids.size());
  std::vector<double> all;
  for (const auto& members : micro_batches(lengths, kMicroBatchTokens)) {
    std::vector<const Sequence*> batch;
    for (const std::size_t member : members) batch.push_back(sequences[member]);
    const at::Tensor values = sequence_rewards(policy, batch).contiguous();
    for (std::int64_t i = 0; i < values.size(0); ++i)
      all.push_back(static_cast<double>(values.const_data_ptr<float>()[i]));
  }
  return all;
}

}  // namespace hone::engine
