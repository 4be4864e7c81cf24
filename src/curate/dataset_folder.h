// The files of a dataset (docs/formats/dataset.md), written beside and renamed, so that a folder of
// that name is whole or is not there.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "curate/dataset.h"
#include "curate/example.h"
#include "curate/recipe.h"
#include "curate/select.h"

namespace hone::curate {

// Of a digest, in the name of its folder.
inline constexpr std::size_t kFolderDigits = 12;

// SHA-256 over what makes the dataset: the recipe's section, the digest of the evaluation sets that
// it was held against (empty where there are none), and every example's id, hash and split.
// `hashes` of the examples' lines, in the order of the examples.
[[nodiscard]] std::string digest_of(const DatasetRecipe& recipe, std::string_view evaluation_sets,
                                    const std::vector<Example>& examples,
                                    const std::vector<std::string>& hashes);

// Writes the examples, which are sorted by split and id, and completes `dataset`, of which all but
// digest and folder is known, by the two. Where the folder is there already it stays as it is.
[[nodiscard]] Result<void> write_dataset_folder(store::Database& database, const Recipe& recipe,
                                                std::string_view evaluation_sets,
                                                const std::string& root, const Selection& selection,
                                                Dataset& dataset);

// The manifest without its list of examples, which comes last and can be large.
[[nodiscard]] Result<json::object> manifest_head(const std::string& folder);

}  // namespace hone::curate
