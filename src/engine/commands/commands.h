// The commands of hone-engine, one file each. An `add_` function declares its subcommand and
// options on `app`; when the user chose it, parsing puts into `chosen` what main then runs. A run
// returns the exit code: 0 done, 1 failed (said on stderr), 2 the command line is wrong.
#pragma once

#include <functional>

#include "base/result.h"

namespace CLI {
class App;
}

namespace hone::engine {

using Run = std::function<int()>;

void add_import(CLI::App& app, Run& chosen);
void add_tokenize(CLI::App& app, Run& chosen);
void add_serve(CLI::App& app, Run& chosen);
void add_train(CLI::App& app, Run& chosen);
void add_score(CLI::App& app, Run& chosen);
void add_loss(CLI::App& app, Run& chosen);
void add_grad(CLI::App& app, Run& chosen);
void add_render(CLI::App& app, Run& chosen);
void add_check_golden(CLI::App& app, Run& chosen);
void add_merge(CLI::App& app, Run& chosen);
void add_average(CLI::App& app, Run& chosen);
void add_export(CLI::App& app, Run& chosen);
void add_verify(CLI::App& app, Run& chosen);
void add_sample(CLI::App& app, Run& chosen);

// Says `result`'s error on stderr, if it is one, and gives the exit code for it.
[[nodiscard]] int exit_code(const Result<void>& result);

}  // namespace hone::engine
