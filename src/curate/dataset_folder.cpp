#include "curate/dataset_folder.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "curate/example_text.h"
#include "curate/lines.h"

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

// What later recipes can ask, where they ask it: a dataset that does not use it is named as before.
json::object curation_of(const DatasetRecipe& recipe, std::string_view evaluation_sets) {
  const DatasetRecipe plain;
  json::object asked;
  const auto note = [&](std::string_view name, const auto& value, const auto& otherwise) {
    if (value != otherwise) asked[name] = value;
  };
  const auto note_names = [&](std::string_view name, const std::vector<std::string>& names) {
    if (!names.empty()) asked[name] = to_array(names);
  };
  note("near_duplicates", recipe.near_duplicates, plain.near_duplicates);
  note("whole_conversations", recipe.whole_conversations, plain.whole_conversations);
  note("ranked_pairs", recipe.ranked_pairs, plain.ranked_pairs);
  note("tool_calls", recipe.tool_calls, plain.tool_calls);
  if (!evaluation_sets.empty()) {  // by their bytes: paths differ from machine to machine
    asked["decontaminate"] = evaluation_sets;
    asked["decontaminate_words"] = recipe.decontaminate_words;
  }
  note("min_answer_characters", recipe.min_answer_characters, plain.min_answer_characters);
  note("max_answer_characters", recipe.max_answer_characters, plain.max_answer_characters);
  note_names("languages", recipe.languages);
  note_names("leave_out", recipe.leave_out);
  note("max_examples", recipe.max_examples, plain.max_examples);
  note("stratify", recipe.stratify, plain.stratify);
  note("balance", recipe.balance, plain.balance);
  json::object mix;
  for (const auto& [name, weight] : recipe.mix) mix[name] = weight;
  if (!mix.empty()) asked["mix"] = std::move(mix);
  return asked;
}

std::string manifest_text(const Dataset& dataset, const Recipe& recipe, const Selection& selection,
                          std::string_view evaluation_sets,
                          const std::vector<std::string>& hashes) {
  json::object counts;
  for (const auto& [split, by_kind] : dataset.counts) counts[split] = to_json(by_kind);
  json::object manifest{{"digest", dataset.digest},
                        {"name", dataset.name},
                        {"recipe", recipe.text},
                        {"seed", dataset.seed},
                        {"counts", std::move(counts)},
                        {"left_out", to_json(dataset.left_out)},
                        {"people", to_json(dataset.people)},
                        {"conflicts",
                         {{"judged_by_several", selection.conflicts.judged_by_several},
                          {"in_conflict", selection.conflicts.in_conflict}}}};
  if (!evaluation_sets.empty()) manifest["evaluation_sets"] = evaluation_sets;
  // As text, for a million of them as JSON values would be the most memory of all.
  std::string text = json::serialize(manifest);
  text.back() = ',';
  text += "\"examples\":[";
  for (std::size_t i = 0; i < hashes.size(); ++i) {
    const Example& example = selection.examples[i];
    text += fmt::format(R"({}{{"id":"{}","hash":"{}","split":"{}"}})", i == 0 ? "" : ",",
                        example.id(), hashes[i], example.split);
  }
  return text + "]}\n";
}

std::string lineage_line(const Example& example) {
  json::array interactions{example.first->interaction};
  if (example.second != nullptr) interactions.emplace_back(example.second->interaction);
  const Candidate& first = *example.first;
  json::object line{{"example", example.id()},    {"interactions", std::move(interactions)},
                    {"person", first.person},     {"kind", example.kind},
                    {"split", example.split},     {"verdict", first.verdict},
                    {"strength", first.strength}, {"source", first.source},
                    {"team", first.team},         {"domain", first.purpose}};
  return json::serialize(line);
}

// The three files of lines; the hashes of the examples' lines.
Result<std::vector<std::string>> write_lines(store::Database& database, const std::string& part,
                                             const std::vector<Example>& examples,
                                             const DatasetRecipe& recipe) {
  auto train = LineWriter::create(part + "/train.jsonl");
  auto held_out = LineWriter::create(part + "/held_out.jsonl");
  auto lineage = LineWriter::create(part + "/lineage.jsonl");
  for (const auto* file : {&train, &held_out, &lineage}) {
    if (!*file) return fail(file->error());
  }
  std::vector<std::string> hashes;
  hashes.reserve(examples.size());
  auto written = for_each_line(database, examples, recipe,
                               [&](const Example& example, std::string_view line) -> Result<void> {
                                 hashes.push_back(hex(sha256(line)));
                                 LineWriter& file =
                                     example.split == kTrainSplit ? **train : **held_out;
                                 if (auto done = file.write(line); !done) return done;
                                 return (*lineage)->write(lineage_line(example));
                               });
  if (!written) return fail(written.error());
  for (const auto* file : {&train, &held_out, &lineage}) {
    if (auto done = (**file)->finish(); !done) return fail(done.error());
  }
  return hashes;
}

}  // namespace

std::string digest_of(const DatasetRecipe& recipe, std::string_view evaluation_sets,
                      const std::vector<Example>& examples,
                      const std::vector<std::string>& hashes) {
  std::vector<std::string> lines;
  lines.reserve(examples.size());
  for (std::size_t i = 0; i < examples.size(); ++i) {
    lines.push_back(examples[i].id() + " " + hashes[i] + " " + std::string(examples[i].split) +
                    "\n");
  }
  std::ranges::sort(lines);
  json::object section = section_of(recipe);
  if (auto asked = curation_of(recipe, evaluation_sets); !asked.empty()) {
    section["curation"] = std::move(asked);
  }
  Sha256 sum;
  sum.update(canonical(section) + "\n" + std::to_string(recipe.seed) + "\n");
  for (const auto& line : lines) sum.update(line);
  return hex(sum.finish());
}

Result<void> write_dataset_folder(store::Database& database, const Recipe& recipe,
                                  std::string_view evaluation_sets, const std::string& root,
                                  const Selection& selection, Dataset& dataset) {
  // The folder's name is known when all is written. Until then it has one of the recipe's, so that
  // the next build of it clears away what one that was cut off has left; the lock keeps two builds
  // of it at once from doing that to each other.
  const auto section = section_of(recipe.dataset);
  const std::string building =
      root + "/building-" + hex(sha256(recipe.name + canonical(section))).substr(0, kFolderDigits);
  if (auto made = posix_files().make_folder(root); !made) return made;
  const auto lock = posix_files().lock(building + ".lock");
  if (!lock) return fail(lock.error().with("another build of recipe " + recipe.name));
  auto part = begin_folder(building);
  if (!part) return fail(part.error());
  std::error_code error;
  const auto hashes = write_lines(database, *part, selection.examples, recipe.dataset);
  if (!hashes) {
    std::filesystem::remove_all(*part, error);
    return fail(hashes.error());
  }
  dataset.digest = digest_of(recipe.dataset, evaluation_sets, selection.examples, *hashes);
  dataset.folder = root + "/" + dataset.digest.substr(0, kFolderDigits);
  if (std::filesystem::exists(dataset.folder, error)) {
    std::filesystem::remove_all(*part, error);
    return {};
  }
  auto manifest =
      write_file_atomically(posix_files(), *part + "/manifest.json",
                            manifest_text(dataset, recipe, selection, evaluation_sets, *hashes));
  if (!manifest) return manifest;
  auto finished = finish_folder(*part, dataset.folder);
  // Another recipe's build came to the same examples in the meantime.
  if (!finished && finished.error().code == ErrorCode::kConflict) return {};
  return finished;
}

Result<json::object> manifest_head(const std::string& folder) {
  constexpr std::size_t kStep = 1U << 20;
  constexpr std::size_t kMost = 8U << 20;
  const std::string path = folder + "/manifest.json";
  auto file = posix_files().open(path, FileSystem::Mode::kRead);
  if (!file) return fail(file.error());
  std::string text;
  while (text.size() < kMost) {
    auto more = (*file)->read_at(text.size(), kStep);
    if (!more) return fail(more.error());
    text += *more;
    // Within a JSON string these quotes would stand behind backslashes.
    if (const auto at = text.find(",\"examples\":["); at != std::string::npos) {
      auto head = parse_json_object(text.substr(0, at) + "}");
      if (!head) return fail(head.error().with(path));
      return head;
    }
    if (more->empty()) break;
  }
  return fail(ErrorCode::kCorrupt, path + " has no list of examples");
}

}  // namespace hone::curate
