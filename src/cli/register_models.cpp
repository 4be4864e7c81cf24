#include "cli/register_models.h"

#include <filesystem>

#include "base/log.h"
#include "cli/upstreams.h"
#include "release/registry.h"

namespace hone::cli {

Result<void> register_aliases(Workspace& workspace, const std::vector<AliasSettings>& aliases) {
  auto& database = workspace.database();
  const Time now = workspace.clock().now();
  for (const auto& alias : aliases) {
    auto model = release::find_model(database, alias.model);
    const std::string named = model ? model->digest : alias.model;
    if (const auto known = release::find_alias(database, alias.name)) {
      if (known->upstream != alias.upstream || known->model != named) {
        spdlog::info("alias '{}' goes on serving {} of '{}', which `hone model alias` changes",
                     alias.name, known->model, known->upstream);
      }
      continue;
    }
    if (auto set = release::set_alias(database, alias.name, alias.upstream, named, now); !set) {
      return set;
    }
  }
  return {};
}

Result<void> register_models(Workspace& workspace) {
  const Settings& settings = workspace.settings();
  std::vector<AliasSettings> aliases = settings.aliases;
  if (!settings.engine.model.empty()) {
    const auto folder = std::filesystem::absolute(settings.engine.model).lexically_normal();
    auto base = release::add_base(workspace.database(), folder.string(), folder.filename().string(),
                                  true, workspace.clock().now());
    if (!base) return fail(base.error().with("[engine] model"));
    if (aliases.empty()) aliases.push_back({"assistant", kEngine, base->name, {}});
  }
  return register_aliases(workspace, aliases);
}

}  // namespace hone::cli
