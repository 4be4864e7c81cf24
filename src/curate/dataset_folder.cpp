#include "curate/dataset_folder.h"

#include <algorithm>
#include <filesystem>

#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"

namespace hone::curate {
namespace {

json::array to_array(const std::vector<std::string>& names) {
  return json::array(names.begin(), names.end());
}

// Every field, defaults too: a default that changes makes another dataset.
json::object section_of(const DatasetRecipe& recipe) {
  return {{"kinds", to_array(recipe.kinds)},
          {"since", recipe.since ? json::value(to_text(*recipe.since)) : json::value("")},
          {"aliases", to_array(recipe.aliases)},
          {"tools", to_array(recipe.tools)},
          {"min_strength", recipe.min_strength},
          {"held_out_people", recipe.held_out_people},
          {"held_out_prompts", recipe.held_out_prompts},
          {"fold", recipe.fold},
          {"max_per_person", recipe.max_per_person},
          {"max_per_team", recipe.max_per_team},
          {"max_characters", recipe.max_characters},
          {"seed", recipe.seed}};
}

std::string manifest_text(const Dataset& dataset, const Recipe& recipe,
                          const std::vector<Example>& examples) {
  json::object counts;
  for (const auto& [split, by_kind] : dataset.counts) counts[split] = to_json(by_kind);
  json::array list;
  for (const auto& example : examples) {
    list.push_back({{"id", example.id}, {"hash", example.hash}, {"split", example.split}});
  }
  json::object manifest{{"digest", dataset.digest},
                        {"name", dataset.name},
                        {"recipe", recipe.text},
                        {"seed", dataset.seed},
                        {"counts", std::move(counts)},
                        {"left_out", to_json(dataset.left_out)},
                        {"people", to_json(dataset.people)},
                        {"examples", std::move(list)}};
  return json::serialize(manifest) + "\n";
}

std::string payload_lines(const std::vector<Example>& examples, std::string_view split) {
  std::string text;
  for (const auto& example : examples) {
    if (example.split == split) text += example.payload + "\n";
  }
  return text;
}

std::string lineage_lines(const std::vector<Example>& examples) {
  std::string text;
  for (const auto& example : examples) {
    json::array interactions;
    for (const auto* candidate : example.from) interactions.emplace_back(candidate->interaction);
    const Candidate& first = *example.from.front();
    json::object line{{"example", example.id},     {"interactions", std::move(interactions)},
                      {"person", first.person},    {"kind", example.kind},
                      {"split", example.split},    {"verdict", first.verdict},
                      {"strength", first.strength}};
    text += json::serialize(line) + "\n";
  }
  return text;
}

}  // namespace

std::string digest_of(const DatasetRecipe& recipe, const std::vector<Example>& examples) {
  std::vector<std::string> lines;
  for (const auto& example : examples) {
    lines.push_back(example.id + " " + example.hash + " " + std::string(example.split) + "\n");
  }
  std::ranges::sort(lines);
  Sha256 sum;
  sum.update(canonical(section_of(recipe)) + "\n" + std::to_string(recipe.seed) + "\n");
  for (const auto& line : lines) sum.update(line);
  return hex(sum.finish());
}

Result<void> write_dataset_folder(const Dataset& dataset, const Recipe& recipe,
                                  const std::vector<Example>& examples) {
  FileSystem& files = posix_files();
  const std::string& folder = dataset.folder;
  std::error_code error;
  if (std::filesystem::exists(folder, error)) return {};
  const std::string part = folder + ".part";
  std::filesystem::remove_all(part, error);  // of a build that was cut off
  if (auto made = files.make_folder(part); !made) return made;
  const std::pair<std::string_view, std::string> contents[] = {
      {"/manifest.json", manifest_text(dataset, recipe, examples)},
      {"/train.jsonl", payload_lines(examples, kTrainSplit)},
      {"/held_out.jsonl", payload_lines(examples, kHeldOutSplit)},
      {"/lineage.jsonl", lineage_lines(examples)}};
  for (const auto& [name, text] : contents) {
    auto written = write_file_atomically(files, part + std::string(name), text);
    if (!written) return written;
  }
  if (auto renamed = files.rename(part, folder); !renamed) return renamed;
  return files.sync_folder(std::filesystem::path(folder).parent_path().string());
}

}  // namespace hone::curate
