// Makes a model ready on a serving upstream: an adapter is verified against its digest and loaded
// under its serving name; a base is there already.
#pragma once

#include <string>

#include "base/result.h"
#include "release/registry.h"

namespace hone::loop {

// `serving` is the upstream's URL. Loading what is loaded already is no error. Blocking.
[[nodiscard]] Result<void> ensure_served(const std::string& serving, const release::Model& model);

}  // namespace hone::loop
