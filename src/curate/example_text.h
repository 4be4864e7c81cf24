// The lines of examples: their texts read again, in batches, and made-up values put in the place
// of redaction's placeholders, consistently within an example.
#pragma once

#include <functional>
#include <span>
#include <string_view>

#include "base/json.h"
#include "base/result.h"
#include "curate/example.h"

namespace hone::store {
class Database;
}

namespace hone::curate {

// Calls `use` with each example and its line, in their order. kUnavailable where a text is not what
// it was when the examples were chosen (a verdict that changed, an erasure): build again.
[[nodiscard]] Result<void> for_each_line(
    store::Database& database, std::span<const Example> examples, const DatasetRecipe& recipe,
    const std::function<Result<void>(const Example&, std::string_view line)>& use);

}  // namespace hone::curate
