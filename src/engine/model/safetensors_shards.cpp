// The weights of a model folder, in one file or in shards.
#include <map>
#include <unordered_map>

#include "base/file.h"
#include "base/json.h"
#include "engine/model/in_quotes.h"
#include "engine/model/safetensors.h"

namespace hone::engine {
namespace {

constexpr std::size_t kMaxShards = 1000;  // all are mapped at once

// The shards that an index names: "a.safetensors" to the tensors that it says are there.
using Shards = std::map<std::string, std::vector<std::string>>;

Result<Shards> read_index(std::string_view text) {
  auto index = parse_json_object(text);
  if (!index) return fail(index.error());
  const json::value* weight_map = index->if_contains("weight_map");
  if (weight_map == nullptr || !weight_map->is_object()) {
    return fail(ErrorCode::kInvalid, "field 'weight_map' must be an object");
  }
  Shards shards;
  for (const auto& member : weight_map->get_object()) {
    auto shard = as<std::string>(member.value(), "weight_map");
    if (!shard) return fail(shard.error());
    const bool name = !shard->empty() && *shard != "." && *shard != ".." &&
                      shard->find('/') == std::string::npos &&
                      shard->find('\0') == std::string::npos;
    if (!name) {
      return fail(ErrorCode::kInvalid, "weight_map: tensor " + in_quotes(member.key()) + ": " +
                                           in_quotes(*shard) +
                                           " is not the name of a file beside it");
    }
    shards[*shard].emplace_back(member.key());
    if (shards.size() > kMaxShards) {
      return fail(ErrorCode::kTooLarge, "weight_map names more than 1000 files");
    }
  }
  return shards;
}

Result<void> check_shard(const SafetensorsFile& file, const std::vector<std::string>& promised,
                         const std::string& path,
                         std::unordered_map<std::string_view, std::string>& homes) {
  for (const std::string& name : promised) {
    if (file.find(name) == nullptr) {
      return fail(ErrorCode::kCorrupt,
                  path + ": tensor " + in_quotes(name) + " is missing, which the index has there");
    }
  }
  for (const TensorView& view : file.tensors()) {
    const auto [home, added] = homes.emplace(view.name, path);
    if (!added) {
      return fail(ErrorCode::kCorrupt,
                  path + ": tensor " + in_quotes(view.name) + " is in " + home->second + " too");
    }
  }
  return {};
}

}  // namespace

Result<Checkpoint> Checkpoint::open(const std::string& model_folder) {
  Checkpoint checkpoint;
  auto single = SafetensorsFile::open(model_folder + "/model.safetensors");
  if (single) {
    checkpoint.files_.push_back(std::move(*single));
    return checkpoint;
  }
  if (single.error().code != ErrorCode::kNotFound) return fail(single.error());
  const std::string index_path = model_folder + "/model.safetensors.index.json";
  auto text = read_file(posix_files(), index_path);
  if (!text && text.error().code == ErrorCode::kNotFound) {
    return fail(ErrorCode::kNotFound, model_folder + " has no model.safetensors");
  }
  if (!text) return fail(text.error());
  auto shards = read_index(*text);
  if (!shards) return fail(shards.error().with(index_path));
  checkpoint.files_.reserve(shards->size());
  std::unordered_map<std::string_view, std::string> homes;  // by the files' own names
  for (const auto& [shard, promised] : *shards) {
    const std::string path = model_folder + "/" + shard;
    auto file = SafetensorsFile::open(path);
    if (!file) return fail(file.error());
    checkpoint.files_.push_back(std::move(*file));
    auto good = check_shard(checkpoint.files_.back(), promised, path, homes);
    if (!good) return fail(good.error());
  }
  return checkpoint;
}

Result<void> Checkpoint::still_whole() const {
  for (const SafetensorsFile& file : files_) {
    if (auto whole = file.still_whole(); !whole) return whole;
  }
  return {};
}

const TensorView* Checkpoint::find(std::string_view name) const {
  for (const SafetensorsFile& file : files_) {
    if (const TensorView* view = file.find(name)) return view;
  }
  return nullptr;
}

}  // namespace hone::engine
