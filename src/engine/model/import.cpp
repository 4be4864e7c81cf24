#include "engine/model/import.h"

namespace hone::engine {

Result<void> import_gguf(const ImportOptions& options) {
  return fail(ErrorCode::kUnavailable, "import of " + options.gguf_path + " is not built yet");
}

}  // namespace hone::engine
