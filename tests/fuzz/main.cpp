// libFuzzer's door to the target that the build names.
#include <cstddef>
#include <cstdint>

#include "fuzz/engine/targets.h"
#include "fuzz/targets.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  hone::fuzz::HONE_FUZZ_TARGET({reinterpret_cast<const char*>(data), size});
  return 0;
}
