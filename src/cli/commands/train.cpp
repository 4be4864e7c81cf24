// hone train RECIPE: builds the recipe's dataset and trains on it, without gate or release. A run
// that was cut off is taken up again with --resume.
#include "cli/command.h"
#include "cli/policy.h"
#include "cli/shop.h"
#include "feedback/verdicts.h"
#include "release/registry.h"

namespace hone::cli {
namespace {

struct TrainOptions {
  std::string recipe;
  std::string base;
  std::string resume;
};

Result<curate::Run> new_run(const TrainOptions& options, const loop::Shop& shop,
                            const release::Model& base) {
  auto recipe = curate::load_recipe(options.recipe);
  if (!recipe) return fail(recipe.error());
  if (auto decided = feedback::refresh(shop.database, shop.policy); !decided) {
    return fail(decided.error());
  }
  auto dataset = curate::build_dataset(shop.database, *recipe, shop.data + "/datasets", shop.clock);
  if (!dataset) return fail(dataset.error());
  remark("dataset " + dataset->digest.substr(0, 12) + ", " + std::to_string(dataset->examples) +
         " examples");
  return curate::prepare_run(shop.database, *recipe, *dataset, {base.digest, base.folder},
                             shop.data + "/runs", shop.ids, shop.clock);
}

Result<void> train(const Invocation& call, const TrainOptions& options) {
  auto workspace = call.open();
  if (!workspace) return fail(workspace.error());
  auto policy = load_policy((*workspace)->settings());
  if (!policy) return fail(policy.error());
  auto shop = make_shop(call, **workspace, *policy);
  if (!shop) return fail(shop.error());
  Result<curate::Run> run = fail(ErrorCode::kInvalid, "give a recipe, or --resume RUN");
  Result<release::Model> base = fail(ErrorCode::kNotFound, "no base model");
  if (!options.resume.empty()) {
    run = curate::find_run(shop->database, options.resume);
    if (!run) return fail(run.error());
    base = release::find_model(shop->database, run->base_model);
  } else if (!options.recipe.empty()) {
    base = release::find_model(shop->database, options.base);
    if (base) run = new_run(options, *shop, *base);
  }
  if (!base && !options.base.empty()) return fail(base.error());
  if (!run) return fail(run.error());
  if (!base) return fail(base.error());
  const auto watch = watch_on_screen();
  const auto ran = loop::run_trainer(shop->trainer, run->folder, [&](const auto& progress) {
    watch({.name = "train", .message = "", .progress = progress});
  });
  auto result = curate::finish_run(shop->database, run->id, shop->clock);
  if (!ran) return fail(ran.error().with("run " + run->id));
  if (!result) return fail(result.error());
  auto model = release::add_adapter(shop->database, result->output, base->digest, run->id,
                                    shop->clock.now());
  if (!model) return fail(model.error());
  show(call, json::object{{"run", run->id},
                          {"model", model->digest},
                          {"folder", model->folder},
                          {"steps", result->steps},
                          {"tokens", result->tokens},
                          {"seconds", result->seconds},
                          {"loss_first", result->loss_first},
                          {"loss_last", result->loss_last}});
  return {};
}

}  // namespace

void add_train(CLI::App& app, Invocation& call) {
  auto options = std::make_shared<TrainOptions>();
  auto* command = app.add_subcommand("train", "a dataset and a model from a recipe");
  command->add_option("recipe", options->recipe, "TOML file (docs/formats/recipe.md)");
  command->add_option("--base", options->base, "model to start from: name or digest");
  command->add_option("--resume", options->resume, "run id: goes on from its last checkpoint");
  command->callback(
      [&call, options] { call.action = [&call, options] { return train(call, *options); }; });
}

}  // namespace hone::cli
