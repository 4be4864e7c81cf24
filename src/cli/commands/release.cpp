// hone release start | status | list | promote | rollback | end, and hone model add | list | alias.
#include "cli/command.h"
#include "release/registry.h"
#include "release/releases.h"

namespace hone::cli {
namespace {

struct ReleaseOptions {
  std::string recipe;
  std::string candidate;
  std::string id;
  std::string reason = "by hand";
};

using Change = Result<void> (*)(store::Database&, std::string_view, std::string_view, Time);

Result<void> start(const Invocation& call, const ReleaseOptions& options) {
  auto recipe = curate::load_recipe(options.recipe);
  if (!recipe) return fail(recipe.error());
  auto workspace = call.open();
  if (!workspace) return fail(workspace.error());
  auto& database = (*workspace)->database();
  auto candidate = release::find_model(database, options.candidate);
  if (!candidate) return fail(candidate.error());
  auto release = release::start_release(
      database, (*workspace)->ids(),
      {.alias = recipe->alias, .candidate = candidate->digest, .recipe = recipe->release},
      (*workspace)->clock().now());
  if (!release) return fail(release.error());
  show(call, release::to_json(*release));
  return {};
}

// The release that is named, or the newest.
Result<std::string> which(store::Database& database, const std::string& id) {
  if (!id.empty()) return id;
  auto releases = release::list_releases(database);
  if (!releases) return fail(releases.error());
  if (releases->empty()) return fail(ErrorCode::kNotFound, "there is no release yet");
  return releases->front().id;
}

Result<void> status(const Invocation& call, const ReleaseOptions& options) {
  auto workspace = call.open();
  if (!workspace) return fail(workspace.error());
  auto& database = (*workspace)->database();
  auto id = which(database, options.id);
  if (!id) return fail(id.error());
  auto status = release::release_status(database, *id);
  if (!status) return fail(status.error());
  if (call.json) {
    show(call, release::to_json(*status));
    return {};
  }
  show(call, release::to_json(status->release));
  json::array rows;
  for (const auto& arm : status->arms) {
    rows.push_back(json::object{{"arm", arm.arm},
                                {"interactions", arm.interactions},
                                {"accepted", arm.accepted},
                                {"modified", arm.modified},
                                {"rejected", arm.rejected},
                                {"rate", arm.rate.value},
                                {"low", arm.rate.low},
                                {"high", arm.rate.high}});
  }
  show(call, rows);
  return {};
}

Result<void> list(const Invocation& call) {
  auto workspace = call.open();
  if (!workspace) return fail(workspace.error());
  auto releases = release::list_releases((*workspace)->database());
  if (!releases) return fail(releases.error());
  json::array rows;
  for (const auto& release : *releases) rows.push_back(release::to_json(release));
  show(call, rows, {"id", "alias", "state", "share", "reason"});
  return {};
}

Result<void> change(const Invocation& call, const ReleaseOptions& options, Change apply) {
  auto workspace = call.open();
  if (!workspace) return fail(workspace.error());
  auto& database = (*workspace)->database();
  auto id = which(database, options.id);
  if (!id) return fail(id.error());
  if (auto done = apply(database, *id, options.reason, (*workspace)->clock().now()); !done) {
    return done;
  }
  auto release = release::find_release(database, *id);
  if (!release) return fail(release.error());
  show(call, release::to_json(*release));
  return {};
}

void add_change(CLI::App& release, Invocation& call, const std::shared_ptr<ReleaseOptions>& options,
                const char* name, const char* description, Change apply) {
  auto* command = release.add_subcommand(name, description);
  command->add_option("id", options->id, "of the release (default: the newest)");
  command->add_option("--reason", options->reason, "kept in the release's record");
  command->callback([&call, options, apply] {
    call.action = [&call, options, apply] { return change(call, *options, apply); };
  });
}

}  // namespace

void add_release(CLI::App& app, Invocation& call) {
  auto options = std::make_shared<ReleaseOptions>();
  auto* release = app.add_subcommand("release", "who gets which model: start, status, promote, …");
  release->require_subcommand(1);
  auto* begin = release->add_subcommand("start", "a canary, for a model that passed its gate");
  begin->add_option("recipe", options->recipe, "TOML file; its alias and [release]")->required();
  begin->add_option("--candidate", options->candidate, "digest")->required();
  begin->callback(
      [&call, options] { call.action = [&call, options] { return start(call, *options); }; });
  auto* state = release->add_subcommand("status", "arms, acceptance, intervals, the test");
  state->add_option("id", options->id, "of the release (default: the newest)");
  state->callback(
      [&call, options] { call.action = [&call, options] { return status(call, *options); }; });
  auto* all = release->add_subcommand("list", "all, newest first");
  all->callback([&call] { call.action = [&call] { return list(call); }; });
  add_change(*release, call, options, "promote", "everyone but the reserve, by hand",
             release::promote);
  add_change(*release, call, options, "rollback", "back to the baseline at once",
             release::roll_back);
  add_change(*release, call, options, "end", "the reserve joins the others", release::end_release);
}

}  // namespace hone::cli
