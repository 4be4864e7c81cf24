// hone dataset build | list | show | diff | export: immutable snapshots of examples made from
// verdicts.
#include "curate/dataset.h"

#include <fmt/format.h>

#include <algorithm>
#include <iostream>

#include "cli/command.h"
#include "cli/parquet.h"
#include "cli/policy.h"
#include "curate/card.h"
#include "curate/export.h"
#include "feedback/tool_fact.h"
#include "feedback/verdicts.h"
#include "wire/chat_form.h"

namespace hone::cli {
namespace {

struct DatasetOptions {
  std::string recipe;
  std::string digest;
  std::string other;
  std::string kind = "demonstration";
  std::string format = "hone";
  bool parquet = false;
  std::string file;
  curate::CardOptions card;
};

Result<void> build_dataset(const Invocation& call, const DatasetOptions& options) {
  auto recipe = curate::load_recipe(options.recipe);
  if (!recipe) return fail(recipe.error());
  auto workspace = call.open();
  if (!workspace) return fail(workspace.error());
  auto policy = load_policy((*workspace)->settings());
  if (!policy) return fail(policy.error());
  auto decided = feedback::refresh((*workspace)->database(), *policy);
  if (!decided) return fail(decided.error());
  remark(std::to_string(*decided) + " verdicts brought up to date");
  auto dataset =
      curate::build_dataset((*workspace)->database(), *recipe,
                            (*workspace)->absolute_folder("datasets"), (*workspace)->clock());
  if (!dataset) return fail(dataset.error());
  show(call, curate::to_json(*dataset));
  return {};
}

Result<void> list_datasets(const Invocation& call) {
  auto workspace = call.open();
  if (!workspace) return fail(workspace.error());
  auto datasets = curate::list_datasets((*workspace)->database());
  if (!datasets) return fail(datasets.error());
  json::array rows;
  for (const auto& dataset : *datasets) rows.push_back(curate::to_json(dataset));
  show(call, rows, {"digest", "name", "examples", "created_at"});
  return {};
}

// {"a": 3, "b": 1} as "a 3, b 1", the most first.
std::string counts_line(const json::object& counts) {
  std::vector<std::pair<std::int64_t, std::string>> sorted;
  for (const auto& member : counts) {
    const auto* count = member.value().if_int64();
    sorted.emplace_back(count == nullptr ? 0 : -*count, member.key());
  }
  std::ranges::sort(sorted);
  constexpr std::size_t kMost = 12;
  std::string line;
  for (std::size_t i = 0; i < std::min(kMost, sorted.size()); ++i) {
    line += (i == 0 ? "" : ", ") + sorted[i].second + " " + std::to_string(-sorted[i].first);
  }
  if (sorted.size() > kMost) line += ", and " + std::to_string(sorted.size() - kMost) + " more";
  return line.empty() ? "none" : line;
}

std::string quantiles_line(const json::object& quantiles) {
  if (quantiles.empty()) return "none";
  std::string line;
  for (const auto& member : quantiles) {
    if (!line.empty()) line += ", ";
    line +=
        std::string(member.key()) + " " + fmt::format("{:.6g}", member.value().to_number<double>());
  }
  return line;
}

std::string share_line(const json::object& found, std::string_view part) {
  const auto* count = found.if_contains(part);
  const auto* rate = found.if_contains("rate");
  if (count == nullptr || rate == nullptr) return "not counted";
  return fmt::format("{} ({:.2f}%)", count->to_number<std::int64_t>(),
                     100 * rate->to_number<double>());
}

std::string cut(std::string_view text, std::size_t bytes) {
  if (text.size() <= bytes) return std::string(text);
  return std::string(feedback::beginning_of(text, bytes)) + " …";
}

std::string tool_names(const json::array& tools) {
  std::string names;
  for (const auto& tool : tools) {
    const auto* object = tool.if_object();
    const auto* function = object == nullptr ? nullptr : object->if_contains("function");
    if (function == nullptr || !function->is_object()) continue;
    names += (names.empty() ? "" : ", ");
    names += string_or_empty(function->get_object(), "name");
  }
  return names;
}

// A text, an answer that calls tools, or whatever else.
std::string field_text(const json::value& value) {
  if (const auto* text = value.if_string()) return std::string(*text);
  const auto* message = value.if_object();
  if (message != nullptr && message->contains("role")) return wire::chat_text(*message);
  return json::serialize(value);
}

void print_example(const json::object& example) {
  constexpr std::size_t kShown = 600;
  std::cout << "\n"
            << string_or_empty(example, "kind") << " " << string_or_empty(example, "id") << "\n";
  for (const auto& member : example) {
    const std::string_view name = member.key();
    if (name == "kind" || name == "id") continue;
    const auto* list = member.value().if_array();
    if (list == nullptr || name == "tools") {
      const std::string text = list == nullptr ? field_text(member.value()) : tool_names(*list);
      std::cout << "  " << name << ": " << cut(text, kShown) << "\n";
      continue;
    }
    for (const auto& value : *list) {
      const auto* message = value.if_object();
      if (message == nullptr) continue;
      std::cout << "  " << string_or_empty(*message, "role") << ": "
                << cut(wire::chat_text(*message), kShown) << "\n";
    }
  }
}

void print_card(const json::object& card) {
  const auto object = [](const json::object& of, std::string_view name) {
    const auto* value = of.if_contains(name);
    const auto* found = value == nullptr ? nullptr : value->if_object();
    return found == nullptr ? json::object() : *found;
  };
  std::cout << string_or_empty(card, "name") << " " << string_or_empty(card, "digest") << "\n"
            << "folder: " << string_or_empty(card, "folder") << "\n"
            << "made: " << string_or_empty(card, "created_at") << "\n";
  const json::object counts = object(card, "counts");
  for (const auto* split : {"train", "held_out"}) {
    std::cout << split << ": " << counts_line(object(counts, split)) << "\n";
  }
  std::cout << "people: " << counts_line(object(card, "people"))
            << "; most examples of one: " << card.at("most_of_one_person") << "\n";
  for (const auto* name : {"sources", "domains", "teams", "verdicts", "languages"}) {
    std::cout << name << ": " << counts_line(object(card, name)) << "\n";
  }
  std::cout << "strength of verdicts: " << quantiles_line(object(card, "strength")) << "\n";
  const json::object characters = object(card, "characters");
  for (const auto* name : {"prompt", "answer"}) {
    std::cout << "characters of the " << name << ": " << quantiles_line(object(characters, name))
              << "\n";
  }
  const json::object conflicts = object(card, "label_conflicts");
  std::cout << "near-duplicates to train on: "
            << share_line(object(card, "near_duplicates"), "examples") << "\n"
            << "answers that people disagreed about: " << share_line(conflicts, "in_conflict");
  if (const auto* several = conflicts.if_contains("judged_by_several")) {
    std::cout << " of " << *several << " that several judged";
  }
  std::cout << "\nleft out: " << counts_line(object(card, "left_out")) << "\n";
  for (const auto& example : card.at("random_examples").as_array()) {
    print_example(example.as_object());
  }
}

Result<void> show_dataset(const Invocation& call, const DatasetOptions& options) {
  auto workspace = call.open();
  if (!workspace) return fail(workspace.error());
  auto dataset = curate::find_dataset((*workspace)->database(), options.digest);
  if (!dataset) return fail(dataset.error());
  auto card = curate::make_card(*dataset, options.card);
  if (!card) return fail(card.error());
  if (call.json) {
    show(call, *card);
  } else {
    print_card(*card);
  }
  return {};
}

Result<void> diff_datasets(const Invocation& call, const DatasetOptions& options) {
  auto workspace = call.open();
  if (!workspace) return fail(workspace.error());
  auto first = curate::find_dataset((*workspace)->database(), options.digest);
  if (!first) return fail(first.error());
  auto second = curate::find_dataset((*workspace)->database(), options.other);
  if (!second) return fail(second.error());
  auto diff = curate::diff_datasets(*first, *second);
  if (!diff) return fail(diff.error());
  show(call, *diff);
  return {};
}

Result<void> export_dataset(const Invocation& call, const DatasetOptions& options) {
  curate::ToParquet to_parquet;
  if (options.parquet) {
    if (options.format == "hone") {
      return fail(ErrorCode::kInvalid,
                  "--parquet needs a --format whose files are tables: trl, sharegpt or torchtune. "
                  "Hone's own trainer reads JSON lines");
    }
    auto writer = parquet_writer(call.beside("hone-parquet"));
    if (!writer) return fail(writer.error());
    to_parquet = std::move(*writer);
  }
  auto workspace = call.open();
  if (!workspace) return fail(workspace.error());
  auto dataset = curate::find_dataset((*workspace)->database(), options.digest);
  if (!dataset) return fail(dataset.error());
  if (options.format != "hone") {
    auto about = curate::export_dataset(*dataset, options.format, options.file, to_parquet);
    if (!about) return fail(about.error());
    show(call, *about);
    return {};
  }
  auto count = curate::export_examples(*dataset, options.kind, options.file);
  if (!count) return fail(count.error());
  show(call, json::object{{"file", options.file}, {"kind", options.kind}, {"examples", *count}});
  return {};
}

}  // namespace

void add_dataset(CLI::App& app, Invocation& call) {
  auto options = std::make_shared<DatasetOptions>();
  auto* dataset =
      app.add_subcommand("dataset", "snapshots of examples: build, list, show, diff, export");
  dataset->require_subcommand(1);
  auto* build = dataset->add_subcommand("build", "from verdicts, as a recipe says");
  build->add_option("recipe", options->recipe, "TOML file (docs/formats/recipe.md)")->required();
  build->callback([&call, options] {
    call.action = [&call, options] { return build_dataset(call, *options); };
  });
  auto* list = dataset->add_subcommand("list", "all, newest first");
  list->callback([&call] { call.action = [&call] { return list_datasets(call); }; });
  auto* show_one =
      dataset->add_subcommand("show", "its card: what is in it, from whom, and what was left out");
  show_one->add_option("digest", options->digest, "or its beginning")->required();
  show_one->add_option("--seed", options->card.seed, "of the examples that are shown");
  show_one->add_option("--examples", options->card.examples, "how many are shown (10)")
      ->check(CLI::Range(0, 1000));
  show_one->callback([&call, options] {
    call.action = [&call, options] { return show_dataset(call, *options); };
  });
  auto* diff = dataset->add_subcommand("diff", "what became of examples from one to another");
  diff->add_option("first", options->digest, "digest, or its beginning")->required();
  diff->add_option("second", options->other, "likewise")->required();
  diff->callback([&call, options] {
    call.action = [&call, options] { return diff_datasets(call, *options); };
  });
  auto* export_one = dataset->add_subcommand("export", "its training examples for a trainer");
  export_one->add_option("digest", options->digest, "or its beginning")->required();
  export_one
      ->add_option("file", options->file,
                   "to write: a file of JSON lines, or with --format a folder")
      ->required();
  std::vector<std::string> formats = curate::export_formats();
  formats.insert(formats.begin(), "hone");
  export_one
      ->add_option("--format", options->format,
                   "hone (JSON lines of one kind), trl, sharegpt, openai, torchtune")
      ->check(CLI::IsMember(formats));
  export_one->add_flag("--parquet", options->parquet,
                       "Parquet files instead of JSON lines (trl, sharegpt, torchtune)");
  export_one
      ->add_option("--kind", options->kind,
                   "of format hone: demonstration, preference, judgement or task")
      ->check(CLI::IsMember({"demonstration", "preference", "judgement", "task"}));
  export_one->callback([&call, options] {
    call.action = [&call, options] { return export_dataset(call, *options); };
  });
}

}  // namespace hone::cli
