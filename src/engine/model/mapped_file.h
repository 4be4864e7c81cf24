// A file's bytes as one view, mapped read-only; ours are replaced by rename, never rewritten. The
// view lives as long as any copy of the handle.
//
// Somebody may cut a file while it is mapped. What is gone reads as zeros then, instead of ending
// the process (a handler of SIGBUS, which leaves faults elsewhere to whoever had it before), and
// `still_whole` tells. So a loader copies what it wants, asks, and only then gives it away.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace hone::engine {

class Mapping;

struct MappedFile {
  std::shared_ptr<const void> owner;
  std::string_view bytes;
  const Mapping* mapping =
      nullptr;  // the owner's; null where the bytes were in memory from the start

  // kCorrupt where the file was cut or written to since it was mapped.
  [[nodiscard]] Result<void> still_whole() const;
};

// Errors name the path. At most 1024 files at a time. What is not a regular file is refused,
// without waiting for anybody at the other end of it.
[[nodiscard]] Result<MappedFile> map_file(const std::string& path);

[[nodiscard]] MappedFile in_memory(std::string bytes);

}  // namespace hone::engine
