// hone evaluate run | list: the gate for a candidate beside a baseline, on a dataset's held-out
// part.
#include "cli/command.h"
#include "cli/policy.h"
#include "cli/shop.h"
#include "evaluate/gate.h"
#include "loop/serving.h"

namespace hone::cli {
namespace {

struct EvaluateOptions {
  std::string recipe;
  std::string candidate;
  std::string baseline;
  std::string dataset;
};

Result<void> evaluate_model(const Invocation& call, const EvaluateOptions& options) {
  auto recipe = curate::load_recipe(options.recipe);
  if (!recipe) return fail(recipe.error());
  auto workspace = call.open();
  if (!workspace) return fail(workspace.error());
  auto policy = load_policy((*workspace)->settings());
  if (!policy) return fail(policy.error());
  auto shop = make_shop(call, **workspace, *policy);
  if (!shop) return fail(shop.error());
  auto candidate = release::find_model(shop->database, options.candidate);
  if (!candidate) return fail(candidate.error());
  auto baseline = release::find_model(shop->database, options.baseline);
  if (!baseline) return fail(baseline.error());
  auto dataset = curate::find_dataset(shop->database, options.dataset);
  if (!dataset) return fail(dataset.error());
  for (const auto& model : {*candidate, *baseline}) {
    if (auto served = loop::ensure_served(shop->serving, model); !served) return served;
  }
  const evaluate::Scorer scorer({.base_url = shop->serving});
  auto result = evaluate::run_gate(
      scorer, {release::serving_name(*baseline), release::serving_name(*candidate)},
      dataset->held_out_file(), recipe->gate,
      [](std::string_view step, std::size_t done, std::size_t all) {
        if (done == all) remark(std::string(step) + ": " + std::to_string(all));
      });
  if (!result) return fail(result.error());
  auto evaluation =
      evaluate::save_evaluation(shop->database, shop->ids, shop->clock,
                                {candidate->digest, baseline->digest, dataset->digest}, *result);
  if (!evaluation) return fail(evaluation.error());
  if (call.json) {
    show(call, evaluate::to_json(*evaluation));
  } else {
    json::array rows;
    for (const auto& check : result->checks) {
      rows.push_back(json::object{{"check", check.name},
                                  {"passed", check.passed},
                                  {"value", check.value},
                                  {"low", check.low},
                                  {"high", check.high},
                                  {"note", check.note}});
    }
    show(call, rows, {"check", "passed", "value", "low", "high", "note"});
    remark(result->passed ? "passed" : "not passed: " + result->reason());
  }
  return {};
}

Result<void> list_evaluations(const Invocation& call) {
  auto workspace = call.open();
  if (!workspace) return fail(workspace.error());
  auto evaluations = evaluate::list_evaluations((*workspace)->database());
  if (!evaluations) return fail(evaluations.error());
  json::array rows;
  for (const auto& evaluation : *evaluations) {
    if (call.json) {
      rows.push_back(evaluate::to_json(evaluation));
    } else {
      rows.push_back(json::object{{"id", evaluation.id},
                                  {"model", evaluation.of.model.substr(0, 12)},
                                  {"baseline", evaluation.of.baseline.substr(0, 12)},
                                  {"passed", evaluation.result.passed},
                                  {"at", to_text(evaluation.created_at)}});
    }
  }
  show(call, rows, {"id", "model", "baseline", "passed", "at"});
  return {};
}

}  // namespace

void add_evaluate(CLI::App& app, Invocation& call) {
  auto options = std::make_shared<EvaluateOptions>();
  auto* command = app.add_subcommand("evaluate", "what a model must show: run, list");
  command->require_subcommand(1);
  auto* run =
      command->add_subcommand("run", "the gate, on a dataset's held-out people and prompts");
  run->add_option("recipe", options->recipe, "TOML file; its [gate]")->required();
  run->add_option("--candidate", options->candidate, "digest")->required();
  run->add_option("--baseline", options->baseline, "digest, or a base's name")->required();
  run->add_option("--dataset", options->dataset, "digest")->required();
  run->callback([&call, options] {
    call.action = [&call, options] { return evaluate_model(call, *options); };
  });
  auto* list = command->add_subcommand("list", "all, newest first");
  list->callback([&call] { call.action = [&call] { return list_evaluations(call); }; });
}

}  // namespace hone::cli
