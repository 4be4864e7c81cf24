#include "cli/shop.h"

#include <algorithm>
#include <cstdio>

#include "cli/engine_address.h"

namespace hone::cli {
namespace {

Result<std::string> serving_url(const Workspace& workspace) {
  const Settings& settings = workspace.settings();
  if (!settings.engine.model.empty()) return "http://" + engine_address(workspace);
  for (const auto& upstream : settings.upstreams) {
    if (std::find(upstream.wires.begin(), upstream.wires.end(), "openai-chat") !=
        upstream.wires.end()) {
      return upstream.url;
    }
  }
  return fail(ErrorCode::kInvalid,
              "nothing serves the models: give [engine] model in hone.toml, or an [[upstream]] "
              "with the wire openai-chat that loads adapters");
}

}  // namespace

Result<loop::Shop> make_shop(const Invocation& call, Workspace& workspace,
                             const feedback::Policy& policy) {
  const Settings& settings = workspace.settings();
  auto serving = serving_url(workspace);
  if (!serving) return fail(serving.error());
  const std::string engine =
      settings.engine.program.empty() ? call.beside("hone-engine") : settings.engine.program;
  return loop::Shop{.database = workspace.database(),
                    .clock = workspace.clock(),
                    .ids = workspace.ids(),
                    .policy = policy,
                    .data = workspace.absolute_folder("."),
                    .trainer = {.command = {engine, "train"}},
                    .serving = *serving,
                    .before_training = nullptr};
}

loop::Watch watch_on_screen() {
  return [](const loop::Step& step) {
    if (!step.progress) return remark(step.name + ": " + step.message);
    const auto& progress = *step.progress;
    if (progress.step % 5 != 0 && progress.step != progress.steps) return;
    char text[120];
    std::snprintf(text, sizeof text, "train: step %lld of %lld, loss %.3f",
                  static_cast<long long>(progress.step), static_cast<long long>(progress.steps),
                  progress.loss);
    remark(text);
  };
}

}  // namespace hone::cli
