// hone dataset build | list | show | export: immutable snapshots of examples made from verdicts.
#include "curate/dataset.h"
#include "cli/command.h"
#include "cli/policy.h"
#include "feedback/verdicts.h"

namespace hone::cli {
namespace {

struct DatasetOptions {
  std::string recipe;
  std::string digest;
  std::string kind = "demonstration";
  std::string file;
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

Result<void> show_dataset(const Invocation& call, const DatasetOptions& options) {
  auto workspace = call.open();
  if (!workspace) return fail(workspace.error());
  auto dataset = curate::find_dataset((*workspace)->database(), options.digest);
  if (!dataset) return fail(dataset.error());
  show(call, curate::to_json(*dataset));
  return {};
}

Result<void> export_dataset(const Invocation& call, const DatasetOptions& options) {
  auto workspace = call.open();
  if (!workspace) return fail(workspace.error());
  auto dataset = curate::find_dataset((*workspace)->database(), options.digest);
  if (!dataset) return fail(dataset.error());
  auto count = curate::export_examples(*dataset, options.kind, options.file);
  if (!count) return fail(count.error());
  show(call, json::object{{"file", options.file}, {"kind", options.kind}, {"examples", *count}});
  return {};
}

}  // namespace

void add_dataset(CLI::App& app, Invocation& call) {
  auto options = std::make_shared<DatasetOptions>();
  auto* dataset = app.add_subcommand("dataset", "snapshots of examples: build, list, show, export");
  dataset->require_subcommand(1);
  auto* build = dataset->add_subcommand("build", "from verdicts, as a recipe says");
  build->add_option("recipe", options->recipe, "TOML file (docs/formats/recipe.md)")->required();
  build->callback([&call, options] {
    call.action = [&call, options] { return build_dataset(call, *options); };
  });
  auto* list = dataset->add_subcommand("list", "all, newest first");
  list->callback([&call] { call.action = [&call] { return list_datasets(call); }; });
  auto* show_one = dataset->add_subcommand("show", "one, with what was left out and why");
  show_one->add_option("digest", options->digest, "or its beginning")->required();
  show_one->callback([&call, options] {
    call.action = [&call, options] { return show_dataset(call, *options); };
  });
  auto* export_one = dataset->add_subcommand("export", "its training examples as JSON lines");
  export_one->add_option("digest", options->digest, "or its beginning")->required();
  export_one->add_option("file", options->file, "to write")->required();
  export_one->add_option("--kind", options->kind, "demonstration, preference or judgement")
      ->check(CLI::IsMember({"demonstration", "preference", "judgement"}));
  export_one->callback([&call, options] {
    call.action = [&call, options] { return export_dataset(call, *options); };
  });
}

}  // namespace hone::cli
