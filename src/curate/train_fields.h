// The fields of a recipe's [train] that belong to single methods, as the trainer takes them
// (docs/formats/run.md): one table of names, ranges and the methods that have them. A field of
// another method is an error that names it, for it would be without effect.
#pragma once

#include <string_view>
#include <vector>

#include "base/config.h"
#include "curate/recipe.h"

namespace hone::curate {

[[nodiscard]] std::vector<std::string_view> train_methods();

// Reads what is there into `recipe.options`; problems are noted in `table`.
void read_train_options(TomlTable& table, TrainRecipe& recipe);

}  // namespace hone::curate
