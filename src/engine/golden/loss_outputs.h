// What a case of loss/ says beside its loss: the tensors "out.…" of its batch's file. Used by
// loss.cpp.
#pragma once

#include <string>

#include "base/json.h"
#include "engine/golden/group.h"
#include "engine/train/batch/inputs.h"
#include "engine/train/policy.h"

namespace hone::engine::golden {

// `path`: the file. A tensor that nothing here computes is a fault of the case.
[[nodiscard]] Result<void> compare_outputs(Case& checked, const std::string& path,
                                           const Policy& policy, const json::object& config,
                                           const BatchTensors& batch);

}  // namespace hone::engine::golden
