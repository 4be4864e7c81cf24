// hone model add | list | alias: the registry, and what an alias serves.
#include <filesystem>

#include "cli/command.h"
#include "release/registry.h"

namespace hone::cli {
namespace {

struct ModelOptions {
  std::string folder;
  std::string name;
  std::string alias;
  std::string upstream = "engine";
  bool not_trainable = false;
};

Result<void> add(const Invocation& call, const ModelOptions& options) {
  auto workspace = call.open();
  if (!workspace) return fail(workspace.error());
  const auto folder = std::filesystem::absolute(options.folder).lexically_normal();
  const std::string name = options.name.empty() ? folder.filename().string() : options.name;
  auto model = release::add_base((*workspace)->database(), folder.string(), name,
                                 !options.not_trainable, (*workspace)->clock().now());
  if (!model) return fail(model.error());
  show(call, release::to_json(*model));
  return {};
}

Result<void> list(const Invocation& call) {
  auto workspace = call.open();
  if (!workspace) return fail(workspace.error());
  auto models = release::list_models((*workspace)->database());
  if (!models) return fail(models.error());
  json::array rows;
  for (const auto& model : *models) rows.push_back(release::to_json(model));
  show(call, rows, {"name", "kind", "digest", "folder"});
  return {};
}

Result<void> alias(const Invocation& call, const ModelOptions& options) {
  auto workspace = call.open();
  if (!workspace) return fail(workspace.error());
  auto& database = (*workspace)->database();
  auto model = release::find_model(database, options.name);
  if (!model) return fail(model.error());
  if (auto set = release::set_alias(database, options.alias, options.upstream, model->digest,
                                    (*workspace)->clock().now());
      !set) {
    return set;
  }
  auto now = release::find_alias(database, options.alias);
  if (!now) return fail(now.error());
  show(call, release::to_json(*now));
  return {};
}

}  // namespace

void add_model(CLI::App& app, Invocation& call) {
  auto options = std::make_shared<ModelOptions>();
  auto* model = app.add_subcommand("model", "the registry: add, list, alias");
  model->require_subcommand(1);
  auto* add_one = model->add_subcommand("add", "a base model in Hugging Face layout");
  add_one->add_option("folder", options->folder)->required();
  add_one->add_option("--name", options->name, "default: the folder's");
  add_one->add_flag("--not-trainable", options->not_trainable, "its answers may not be trained on");
  add_one->callback(
      [&call, options] { call.action = [&call, options] { return add(call, *options); }; });
  auto* list_all = model->add_subcommand("list", "all, newest first");
  list_all->callback([&call] { call.action = [&call] { return list(call); }; });
  auto* set = model->add_subcommand("alias", "what an alias serves, outside of a release");
  set->add_option("alias", options->alias, "what tools ask for")->required();
  set->add_option("model", options->name, "name or digest")->required();
  set->add_option("--upstream", options->upstream, "name of the upstream that serves it");
  set->callback(
      [&call, options] { call.action = [&call, options] { return alias(call, *options); }; });
}

}  // namespace hone::cli
