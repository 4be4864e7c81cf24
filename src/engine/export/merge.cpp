#include "engine/export/merge.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "base/file.h"
#include "base/json.h"
#include "engine/export/merged_model.h"
#include "engine/model/safetensors.h"
#include "engine/model/whole_folder.h"

namespace hone::engine {
namespace {

constexpr std::uint64_t kMaxCopied = 256U << 20;

// What makes a folder complete beside weights and config.json, as far as the model has it.
constexpr std::array<std::string_view, 12> kCopied = {
    "tokenizer.json",      "tokenizer_config.json", "special_tokens_map.json",
    "added_tokens.json",   "tokenizer.model",       "generation_config.json",
    "chat_template.jinja", "chat_template.json",    "LICENSE",
    "LICENSE.txt",         "USE_POLICY.md",         "NOTICE"};

struct Type {
  std::string_view option;  // of the command line
  at::ScalarType scalar;
  DType file;
  std::string_view config;  // in config.json
};
constexpr std::array<Type, 3> kTypes{{{"bf16", at::kBFloat16, DType::kBF16, "bfloat16"},
                                      {"fp16", at::kHalf, DType::kF16, "float16"},
                                      {"fp32", at::kFloat, DType::kF32, "float32"}}};

Result<Type> type_of(const std::string& dtype, at::ScalarType stored) {
  for (const Type& type : kTypes) {
    if (dtype.empty() ? type.scalar == stored : type.option == dtype) return type;
  }
  return fail(ErrorCode::kInvalid, "dtype '" + dtype + "' is not bf16, fp16 or fp32");
}

std::uint64_t bytes_of(const ModelTensor& tensor, DType dtype) {
  std::uint64_t bytes = size_bytes(dtype);
  for (const std::int64_t size : tensor.shape) bytes *= static_cast<std::uint64_t>(size);
  return bytes;
}

// Which tensors, from `begin` up to `end`, one file holds.
struct Shard {
  std::size_t begin = 0;
  std::size_t end = 0;
  std::string name{};
};

// In order, each as full as `max_bytes` allows; one tensor may be larger than that.
std::vector<Shard> shards_of(const std::vector<ModelTensor>& tensors, DType dtype,
                             std::uint64_t max_bytes) {
  std::vector<Shard> shards{{0, 0}};
  std::uint64_t filled = 0;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const std::uint64_t size = bytes_of(tensors[i], dtype);
    if (filled > 0 && filled + size > max_bytes) {
      shards.push_back({i, i});
      filled = 0;
    }
    filled += size;
    shards.back().end = i + 1;
  }
  if (shards.size() == 1) {
    shards.front().name = "model.safetensors";
    return shards;
  }
  for (std::size_t i = 0; i < shards.size(); ++i) {
    std::array<char, 64> name{};
    std::snprintf(name.data(), name.size(), "model-%05zu-of-%05zu.safetensors", i + 1,
                  shards.size());
    shards[i].name = name.data();
  }
  return shards;
}

Result<void> write_shard(const MergedModel& model, const Shard& shard, const Type& type,
                         const std::string& folder) {
  std::vector<TensorSpec> specs;
  for (std::size_t i = shard.begin; i < shard.end; ++i) {
    specs.push_back({model.tensors()[i].name, type.file, model.tensors()[i].shape});
  }
  auto writer = SafetensorsWriter::create(folder + "/" + shard.name, std::move(specs));
  if (!writer) return fail(writer.error());
  for (std::size_t i = shard.begin; i < shard.end; ++i) {
    const auto tensor = model.tensor(model.tensors()[i], type.scalar);
    if (!tensor) return fail(tensor.error());
    auto written = writer->write_next({static_cast<const char*>(tensor->const_data_ptr()),
                                       static_cast<std::size_t>(tensor->nbytes())});
    if (!written) return written;
  }
  std::fprintf(stderr, "merge: %s\n", shard.name.c_str());
  return writer->finish();
}

Result<void> write_weights(const MergedModel& model, const Type& type, std::uint64_t max_bytes,
                           const std::string& folder) {
  const std::vector<Shard> shards = shards_of(model.tensors(), type.file, max_bytes);
  json::object weight_map;
  std::uint64_t total = 0;
  for (const Shard& shard : shards) {
    if (auto done = write_shard(model, shard, type, folder); !done) return done;
    for (std::size_t i = shard.begin; i < shard.end; ++i) {
      weight_map[model.tensors()[i].name] = shard.name;
      total += bytes_of(model.tensors()[i], type.file);
    }
  }
  if (shards.size() == 1) return {};
  const json::object index{{"metadata", {{"total_size", total}}},
                           {"weight_map", std::move(weight_map)}};
  return write_file_atomically(posix_files(), folder + "/model.safetensors.index.json",
                               json::serialize(index) + "\n");
}

// The model's own, with another type: fields that we do not know stay.
Result<void> copy_config(const std::string& model, const Type& type, const std::string& folder) {
  const auto text = read_file(posix_files(), model + "/config.json");
  if (!text) return fail(text.error());
  auto config = parse_json_object(*text);
  if (!config) return fail(config.error().with(model + "/config.json"));
  (*config)["torch_dtype"] = type.config;  // the name before transformers 5, which reads it too
  if (config->contains("dtype")) (*config)["dtype"] = type.config;
  return write_file_atomically(posix_files(), folder + "/config.json",
                               json::serialize(*config) + "\n");
}

Result<void> copy_texts(const std::string& model, const std::string& folder) {
  for (const std::string_view name : kCopied) {
    const std::string file = "/" + std::string(name);
    const auto text = read_file(posix_files(), model + file, kMaxCopied);
    if (!text && text.error().code == ErrorCode::kNotFound) continue;
    if (!text) return fail(text.error());
    if (auto done = write_file_atomically(posix_files(), folder + file, *text); !done) return done;
  }
  return {};
}

}  // namespace

Result<void> merge_model(const MergeOptions& options) {
  const auto model = MergedModel::open(options.model, options.adapters);
  if (!model) return fail(model.error());
  const auto type = type_of(options.dtype, model->stored_type());
  if (!type) return fail(type.error());
  auto folder = WholeFolder::begin(options.folder, options.replace);
  if (!folder) return fail(folder.error());
  if (auto done = copy_config(options.model, *type, folder->part()); !done) return done;
  if (auto done = copy_texts(options.model, folder->part()); !done) return done;
  if (auto done = write_weights(*model, *type, options.max_file_bytes, folder->part()); !done) {
    return fail(done.error().with(options.model));
  }
  if (auto whole = model->still_whole(); !whole) return whole;
  if (auto done = folder->finish(); !done) return done;
  std::fprintf(stderr, "merge: %s\n", options.folder.c_str());
  return {};
}

}  // namespace hone::engine
