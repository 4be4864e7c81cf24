// hone loop turn | status: one turn from feedback to release, and where things stand.
#include "cli/command.h"
#include "cli/policy.h"
#include "cli/shop.h"
#include "release/registry.h"
#include "release/releases.h"

namespace hone::cli {
namespace {

json::object to_json(const loop::Turn& turn) {
  return {{"verdicts", turn.verdicts},
          {"dataset", turn.dataset.digest},
          {"examples", turn.dataset.examples},
          {"run", turn.run},
          {"baseline", turn.baseline},
          {"candidate", turn.candidate},
          {"gate", evaluate::to_json(turn.gate)},
          {"evaluation", turn.evaluation},
          {"release", turn.release},
          {"stopped_by", turn.stopped_by.empty() ? json::value(nullptr)
                                                 : json::value(json::string(turn.stopped_by))}};
}

Result<void> run_turn(const Invocation& call, const std::string& recipe_file) {
  auto recipe = curate::load_recipe(recipe_file);
  if (!recipe) return fail(recipe.error());
  auto workspace = call.open();
  if (!workspace) return fail(workspace.error());
  auto policy = load_policy((*workspace)->settings());
  if (!policy) return fail(policy.error());
  auto shop = make_shop(call, **workspace, *policy);
  if (!shop) return fail(shop.error());
  auto turn = loop::turn(*shop, *recipe, watch_on_screen());
  if (!turn) return fail(turn.error());
  show(call, to_json(*turn));
  return {};
}

Result<void> loop_status(const Invocation& call) {
  auto workspace = call.open();
  if (!workspace) return fail(workspace.error());
  auto& database = (*workspace)->database();
  auto counts = database.query(
      "SELECT (SELECT COUNT(*) FROM interaction) AS interactions, "
      "(SELECT COUNT(*) FROM feedback) AS feedback, (SELECT COUNT(*) FROM verdict) AS verdicts, "
      "(SELECT COUNT(*) FROM dataset) AS datasets, (SELECT COUNT(*) FROM run) AS runs, "
      "(SELECT COUNT(*) FROM model) AS models");
  if (!counts) return fail(counts.error());
  json::object object;
  for (const auto& column : counts->columns()) {
    object[column] = counts->front().integer(std::string_view(column));
  }
  auto releases = release::list_releases(database);
  if (!releases) return fail(releases.error());
  json::array list;
  for (const auto& release : *releases) list.push_back(release::to_json(release));
  object["releases"] = std::move(list);
  show(call, object);
  return {};
}

}  // namespace

void add_loop(CLI::App& app, Invocation& call) {
  auto recipe = std::make_shared<std::string>();
  auto* loop = app.add_subcommand("loop", "one turn, and where things stand");
  loop->require_subcommand(1);
  auto* turn = loop->add_subcommand("turn", "verdicts, dataset, training, gate, release");
  turn->add_option("recipe", *recipe, "TOML file (docs/formats/recipe.md)")->required();
  turn->callback(
      [&call, recipe] { call.action = [&call, recipe] { return run_turn(call, *recipe); }; });
  auto* status = loop->add_subcommand("status", "counts, and releases");
  status->callback([&call] { call.action = [&call] { return loop_status(call); }; });
}

}  // namespace hone::cli
