// The files of a dataset (docs/formats/dataset.md), written beside and renamed, so that a folder of
// that name is whole or is not there.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "curate/dataset.h"
#include "curate/example.h"
#include "curate/recipe.h"

namespace hone::curate {

// SHA-256 over what makes the dataset: the recipe's section and every example's id, hash and split.
[[nodiscard]] std::string digest_of(const DatasetRecipe& recipe,
                                    const std::vector<Example>& examples);

// `examples` sorted by split and id; does nothing where the folder is there.
[[nodiscard]] Result<void> write_dataset_folder(const Dataset& dataset, const Recipe& recipe,
                                                const std::vector<Example>& examples);

}  // namespace hone::curate
