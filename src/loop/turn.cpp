#include "loop/turn.h"

#include "evaluate/scorer.h"
#include "feedback/verdicts.h"
#include "loop/serving.h"
#include "release/registry.h"
#include "release/releases.h"

namespace hone::loop {
namespace {

struct Trained {
  curate::Run run;
  curate::RunResult result;
  release::Model model;
};

Result<Trained> train(const Shop& shop, const curate::Recipe& recipe,
                      const curate::Dataset& dataset, const release::Model& base,
                      const Watch& watch) {
  auto run = curate::prepare_run(shop.database, recipe, dataset, {base.digest, base.folder},
                                 shop.data + "/runs", shop.ids, shop.clock);
  if (!run) return fail(run.error());
  if (shop.before_training) {
    if (auto done = shop.before_training(run->folder); !done) return fail(done.error());
  }
  const auto ran = run_trainer(shop.trainer, run->folder, [&](const curate::Progress& progress) {
    watch({.name = "train", .message = "", .progress = progress});
  });
  auto result = curate::finish_run(shop.database, run->id, shop.clock);
  if (!ran) return fail(ran.error());
  if (!result) return fail(result.error());
  auto model =
      release::add_adapter(shop.database, result->output, base.digest, run->id, shop.clock.now());
  if (!model) return fail(model.error());
  return Trained{*run, *result, *model};
}

// The model that is trained further: what the alias serves, or, where that is an adapter, its base.
Result<release::Model> base_of(store::Database& database, const release::Model& served) {
  return served.kind == "base" ? Result<release::Model>(served)
                               : release::find_model(database, served.parent);
}

}  // namespace

Result<Turn> turn(const Shop& shop, const curate::Recipe& recipe, const Watch& watch) {
  Turn turn;
  if (recipe.train.method == "reward") {
    return fail(ErrorCode::kInvalid,
                "recipe " + recipe.name +
                    " trains a reward model, which answers nobody: train it with `hone train`");
  }
  auto alias = release::find_alias(shop.database, recipe.alias);
  if (!alias) return fail(alias.error());
  auto baseline = release::find_model(shop.database, alias->model);
  if (!baseline) return fail(baseline.error());
  auto base = base_of(shop.database, *baseline);
  if (!base) return fail(base.error());
  turn.baseline = baseline->digest;

  // What people did, as verdicts.
  auto verdicts = feedback::refresh(shop.database, shop.policy);
  if (!verdicts) return fail(verdicts.error());
  turn.verdicts = *verdicts;
  watch({.name = "verdicts", .message = std::to_string(*verdicts) + " decided anew"});
  if (shop.policy.habits.on) {
    // What people's habits are is known only from all feedback together.
    auto replayed = feedback::replay(shop.database, shop.policy, {.apply = true});
    if (!replayed) return fail(replayed.error());
    watch({.name = "verdicts",
           .message = std::to_string(replayed->written) + " changed for what is known of people"});
  }

  // Verdicts, as examples: some people and some prompts are held out.
  auto dataset = curate::build_dataset(shop.database, recipe, shop.data + "/datasets", shop.clock);
  if (!dataset) return fail(dataset.error());
  turn.dataset = *dataset;
  watch({.name = "dataset",
         .message = std::to_string(dataset->examples) + " examples, digest " +
                    dataset->digest.substr(0, 12)});

  // Examples, as a model.
  auto trained = train(shop, recipe, *dataset, *base, watch);
  if (!trained) return fail(trained.error());
  turn.run = trained->run.id;
  turn.training = trained->result;
  turn.candidate = trained->model.digest;

  // The model beside the one that serves, on people and prompts that it never saw.
  for (const auto& model : {*baseline, trained->model}) {
    if (auto ready = ensure_served(shop.serving, model); !ready) return fail(ready.error());
  }
  const evaluate::Scorer scorer({.base_url = shop.serving});
  auto gate = evaluate::run_gate(
      scorer, {release::serving_name(*baseline), release::serving_name(trained->model)},
      dataset->held_out_file(), recipe.gate,
      [&](std::string_view step, std::size_t done, std::size_t all) {
        watch({.name = "gate",
               .message =
                   std::string(step) + " " + std::to_string(done) + "/" + std::to_string(all)});
      });
  if (!gate) return fail(gate.error());
  turn.gate = *gate;
  auto evaluation = evaluate::save_evaluation(
      shop.database, shop.ids, shop.clock, {turn.candidate, turn.baseline, dataset->digest}, *gate);
  if (!evaluation) return fail(evaluation.error());
  turn.evaluation = evaluation->id;
  if (!gate->passed) {
    turn.stopped_by = "gate";
    watch({.name = "gate", .message = "stopped: " + gate->reason()});
    return turn;
  }

  // To a first share of people; what they do decides the rest.
  auto release = release::start_release(
      shop.database, shop.ids,
      {.alias = recipe.alias, .candidate = turn.candidate, .recipe = recipe.release},
      shop.clock.now());
  if (!release) return fail(release.error());
  turn.release = release->id;
  watch({.name = "release",
         .message = "canary, for " + std::to_string(static_cast<int>(release->share * 100)) +
                    "% of the people"});
  return turn;
}

}  // namespace hone::loop
