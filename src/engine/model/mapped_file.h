// A file's bytes as one view, mapped read-only. The view lives as long as any copy of the handle;
// the file must not be truncated meanwhile (ours are replaced by rename, never rewritten).
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace hone::engine {

struct MappedFile {
  std::shared_ptr<const void> owner;
  std::string_view bytes;
};

[[nodiscard]] Result<MappedFile> map_file(const std::string& path);

}  // namespace hone::engine
