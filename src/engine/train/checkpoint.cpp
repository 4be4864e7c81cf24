#include "engine/train/checkpoint.h"

#include <ATen/ops/empty_like.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>

#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/log.h"
#include "engine/model/in_quotes.h"
#include "engine/model/mapped_file.h"
#include "engine/model/safetensors.h"

namespace hone::engine {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kKept = 2;
constexpr std::string_view kPrefix = "step-";
constexpr std::string_view kOptimizerFile = "optimizer.safetensors";
constexpr std::uint64_t kMaxStateBytes = 1U << 20;

Result<void> remove_folder(const std::string& folder) {
  std::error_code error;
  fs::remove_all(folder, error);
  if (error) return fail(ErrorCode::kIo, "cannot remove " + folder + ": " + error.message());
  return {};
}

// The steps that have a checkpoint, newest first.
std::vector<std::int64_t> steps_in(const std::string& folder) {
  std::vector<std::int64_t> steps;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    std::int64_t step = 0;
    if (!name.starts_with(kPrefix)) continue;
    const auto [end, bad] =
        std::from_chars(name.data() + kPrefix.size(), name.data() + name.size(), step);
    if (bad == std::errc() && end == name.data() + name.size()) steps.push_back(step);
  }
  std::ranges::sort(steps, std::greater());
  return steps;
}

std::string step_folder(const std::string& folder, std::int64_t step) {
  return folder + "/" + std::string(kPrefix) + std::to_string(step);
}

Result<std::string> digest_file(const std::string& path) {
  auto file = map_file(path);
  if (!file) return fail(file.error());
  std::string digest = hex(sha256(file->bytes));
  if (auto whole = file->still_whole(); !whole) return fail(whole.error());
  return digest;
}

// A parameter as the optimizer sees it, and its moments: all that a resumed run needs bit by bit.
std::array<NamedTensor, 3> tensors_of(const Parameter& parameter, const Moments& moments) {
  return {NamedTensor{"parameter." + parameter.name, parameter.tensor.detach()},
          NamedTensor{"first." + parameter.name, moments.first},
          NamedTensor{"second." + parameter.name, moments.second}};
}

// One parameter after the other, so that no rank holds all moments.
Result<void> write_optimizer(const std::string& path, AdamW& optimizer) {
  std::vector<TensorSpec> specs;
  for (const Parameter& parameter : optimizer.parameters()) {
    for (const NamedTensor& named : tensors_of(parameter, {}))
      specs.push_back({named.name, DType::kF32, parameter.tensor.sizes().vec()});
  }
  auto writer = SafetensorsWriter::create(path, std::move(specs));
  if (!writer) return fail(writer.error());
  for (std::size_t i = 0; i < optimizer.parameters().size(); ++i) {
    const auto moments = optimizer.gather_moments(i);
    if (!moments) return fail(moments.error());
    for (const NamedTensor& named : tensors_of(optimizer.parameters()[i], *moments)) {
      auto written = writer->write_next({static_cast<const char*>(named.tensor.const_data_ptr()),
                                         static_cast<std::size_t>(named.tensor.nbytes())});
      if (!written) return written;
    }
  }
  return writer->finish();
}

Result<void> write_files(const std::string& folder, const Policy& policy, at::ScalarType dtype,
                         const std::string& base_model) {
  if (policy.score.defined()) {
    auto written =
        save_tensors(folder + "/score.safetensors", {{"score.weight", policy.score}}, at::kFloat);
    if (!written) return written;
  }
  if (policy.adapter) return save_lora(*policy.adapter, folder, base_model);
  return save_llama(policy.weights, folder, dtype);
}

json::array array_of(const std::vector<double>& values) {
  return json::array(values.begin(), values.end());
}

Result<void> write_state(const std::string& folder, const AdamW& optimizer, const TrainState& state,
                         int world) {
  json::object files;
  for (const auto& entry : fs::directory_iterator(folder)) {
    auto digest = digest_file(entry.path().string());
    if (!digest) return fail(digest.error());
    files[entry.path().filename().string()] = *digest;
  }
  const json::object document = {{"step", state.step},
                                 {"optimizer_steps", optimizer.steps()},
                                 {"tokens", state.tokens},
                                 {"seconds", state.seconds},
                                 {"loss_first", state.loss_first},
                                 {"loss_last", state.loss_last},
                                 {"losses_first", array_of(state.losses.first)},
                                 {"losses_last", array_of(state.losses.last)},
                                 {"ranks", world},
                                 {"inputs", state.inputs},
                                 {"files", std::move(files)}};
  return write_file_atomically(posix_files(), folder + "/state.json",
                               json::serialize(document) + "\n");
}

struct SavedState {
  TrainState state;
  std::int64_t optimizer_steps = 0;
  std::int64_t ranks = 1;
};

// What belongs to a checkpoint lies in its folder; the optimizer's tensors always do.
Result<void> check_files(const std::string& folder, const json::object& files) {
  if (!files.contains(kOptimizerFile)) {
    return fail(ErrorCode::kCorrupt, "field 'files' lacks " + in_quotes(kOptimizerFile) +
                                         ", so that nobody vouches for it");
  }
  for (const auto& [name, digest] : files) {
    const std::string_view file = name;
    if (file.empty() || file == "." || file == ".." || file.find('/') != std::string_view::npos ||
        file.find('\0') != std::string_view::npos) {
      return fail(ErrorCode::kCorrupt,
                  "field 'files': " + in_quotes(file) + " is not the name of a file beside it");
    }
    auto found = digest_file(folder + "/" + std::string(file));
    if (!found) return fail(found.error());
    if (!digest.is_string() || std::string_view(digest.get_string()) != *found)
      return fail(ErrorCode::kCorrupt, "checksum of " + std::string(file) + " is wrong");
  }
  return {};
}

// Nothing where a checkpoint of an earlier version lacks it.
Result<std::vector<double>> losses_in(const json::object& document, std::string_view name) {
  auto list = optional_field<json::array>(document, name);
  if (!list) return fail(list.error());
  std::vector<double> losses;
  for (const json::value& value : list->value_or(json::array())) {
    auto loss = as<double>(value, name);
    if (!loss) return fail(loss.error());
    losses.push_back(*loss);
  }
  return losses;
}

// Checks every file's digest.
Result<SavedState> read_state(const std::string& folder, std::int64_t named_step) {
  auto text = read_file(posix_files(), folder + "/state.json", kMaxStateBytes);
  if (!text) return fail(text.error());
  auto document = parse_json_object(*text);
  if (!document) return fail(document.error().with("state.json"));
  auto step = field<std::int64_t>(*document, "step");
  auto optimizer_steps = field<std::int64_t>(*document, "optimizer_steps");
  auto tokens = field<std::int64_t>(*document, "tokens");
  auto seconds = field<double>(*document, "seconds");
  auto first = field<double>(*document, "loss_first");
  auto last = field<double>(*document, "loss_last");
  auto inputs = field<std::string>(*document, "inputs");
  auto files = field<json::object>(*document, "files");
  auto losses_first = losses_in(*document, "losses_first");
  auto losses_last = losses_in(*document, "losses_last");
  auto ranks = optional_field<std::int64_t>(*document, "ranks");
  if (!step || !optimizer_steps || !tokens || !seconds || !first || !last || !inputs || !files ||
      !losses_first || !losses_last || !ranks)
    return fail(ErrorCode::kCorrupt, "state.json lacks a field");
  if (*step != named_step || *optimizer_steps < 0 || *tokens < 0) {
    return fail(ErrorCode::kCorrupt,
                "state.json: fields 'step', 'optimizer_steps' and 'tokens' are " +
                    std::to_string(*step) + ", " + std::to_string(*optimizer_steps) + " and " +
                    std::to_string(*tokens) + ", which is not what its folder says");
  }
  if (auto good = check_files(folder, *files); !good) return fail(good.error().with("state.json"));
  LossWatch losses{std::move(*losses_first), std::move(*losses_last)};
  return SavedState{{*step, *tokens, *seconds, *first, *last, std::move(losses), *inputs},
                    *optimizer_steps,
                    ranks->value_or(1)};
}

Result<void> read_optimizer(const std::string& path, AdamW& optimizer) {
  auto file = SafetensorsFile::open(path);
  if (!file) return fail(file.error());
  for (std::size_t i = 0; i < optimizer.parameters().size(); ++i) {
    const Parameter& parameter = optimizer.parameters()[i];
    const at::Tensor like = parameter.tensor.detach();
    const Moments moments{at::empty_like(like), at::empty_like(like)};
    for (const auto& [name, tensor] : tensors_of(parameter, moments)) {
      const TensorView* view = file->find(name);
      if (view == nullptr) return fail(ErrorCode::kCorrupt, path + ": no tensor '" + name + "'");
      if (auto copied = copy_into(tensor, *view); !copied) return fail(copied.error().with(path));
    }
    optimizer.set_moments(i, moments);
  }
  return file->still_whole();
}

// Renames a finished folder over `target`, so that a crash leaves one of the two, or none with the
// new one beside.
Result<void> put_in_place(const std::string& finished, const std::string& target) {
  if (auto synced = posix_files().sync_folder(finished); !synced) return synced;
  if (auto removed = remove_folder(target); !removed) return removed;
  if (auto renamed = posix_files().rename(finished, target); !renamed) return renamed;
  return posix_files().sync_folder(fs::path(target).parent_path().string());
}

Result<void> write_checkpoint(const std::string& part, const std::string& target,
                              const Policy& policy, AdamW& optimizer, const TrainState& state,
                              const std::string& base_model, int world) {
  if (auto removed = remove_folder(part); !removed) return removed;
  if (auto made = posix_files().make_folder(part); !made) return made;
  if (auto written = write_files(part, policy, at::kFloat, base_model); !written) return written;
  auto written = write_optimizer(part + "/" + std::string(kOptimizerFile), optimizer);
  if (!written) return written;
  if (auto done = write_state(part, optimizer, state, world); !done) return done;
  return put_in_place(part, target);
}

// What to know where a checkpoint could not be written, and to do.
std::string advice(const std::string& folder) {
  const auto steps = steps_in(folder);
  const std::string from = steps.empty() ? "from its beginning, for there is no checkpoint yet"
                                         : "from the checkpoint of step " +
                                               std::to_string(steps.front()) + ", which is whole";
  return ". Make room, if the disk is full, and start the run again: it goes on " + from;
}

// The other ranks' part: their moments.
Result<void> hand_over(AdamW& optimizer) {
  for (std::size_t i = 0; i < optimizer.parameters().size(); ++i) {
    if (auto given = optimizer.gather_moments(i); !given) return fail(given.error());
  }
  return {};
}

}  // namespace

Result<void> save_checkpoint(const std::string& run_folder, const Policy& policy, AdamW& optimizer,
                             const TrainState& state, const std::string& base_model,
                             Collective& ranks) {
  if (ranks.rank() != 0) {
    if (auto given = hand_over(optimizer); !given) return given;
    return ranks.barrier();
  }
  const std::string folder = run_folder + "/checkpoints";
  const std::string target = step_folder(folder, state.step);
  const std::string part = target + ".part";
  auto written =
      write_checkpoint(part, target, policy, optimizer, state, base_model, ranks.world());
  if (!written) {
    if (auto removed = remove_folder(part); !removed) spdlog::warn("{}", removed.error().message);
    return fail(written.error().code, written.error().message + advice(folder));
  }
  const auto steps = steps_in(folder);
  for (std::size_t i = kKept; i < steps.size(); ++i) {
    if (auto removed = remove_folder(step_folder(folder, steps[i])); !removed) return removed;
  }
  return ranks.barrier();
}

Result<std::optional<TrainState>> load_checkpoint(const std::string& run_folder, AdamW& optimizer,
                                                  const std::string& inputs, int world) {
  const std::string folder = run_folder + "/checkpoints";
  for (const std::int64_t step : steps_in(folder)) {
    const std::string path = step_folder(folder, step);
    auto saved = read_state(path, step);
    if (!saved) {
      spdlog::warn("checkpoint {} is damaged and passed over: {}", path, saved.error().message);
      continue;
    }
    if (saved->state.inputs != inputs) {
      return fail(ErrorCode::kConflict,
                  path +
                      " belongs to another run.toml or dataset: start in a new folder, or remove " +
                      folder);
    }
    if (saved->ranks != world) {
      spdlog::warn(
          "{} was made by {} ranks, and now there are {}: the weights will not be the same "
          "bit by bit",
          path, saved->ranks, world);
    }
    auto read = read_optimizer(path + "/" + std::string(kOptimizerFile), optimizer);
    if (!read) return fail(read.error());
    optimizer.set_steps(saved->optimizer_steps);
    return saved->state;
  }
  return std::nullopt;
}

Result<void> write_model(const std::string& folder, const Policy& policy, at::ScalarType dtype,
                         const std::string& base_model) {
  const std::string part = folder + ".part";
  if (auto removed = remove_folder(part); !removed) return removed;
  if (auto made = posix_files().make_folder(part); !made) return made;
  if (auto written = write_files(part, policy, dtype, base_model); !written) return written;
  return put_in_place(part, folder);
}

}  // namespace hone::engine
