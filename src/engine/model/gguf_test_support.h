// GGUF files made by hand, for tests.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/model/gguf.h"
#include "engine/model/test_support.h"

namespace hone::engine {

// Writes GGUF files by hand.
class GgufBytes {
 public:
  GgufBytes(std::uint64_t tensors, std::uint64_t values, std::uint32_t version = 3) {
    bytes_ = "GGUF";
    put(version).put(tensors).put(values);
  }
  template <typename T>
  GgufBytes& put(T value) {
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof(T));
    return *this;
  }
  GgufBytes& text(std::string_view text) {
    put<std::uint64_t>(text.size());
    bytes_ += text;
    return *this;
  }
  GgufBytes& tensor(std::string_view name, std::vector<std::uint64_t> sizes, std::uint32_t type,
                    std::uint64_t offset) {
    text(name).put(static_cast<std::uint32_t>(sizes.size()));
    for (const std::uint64_t size : sizes) put(size);
    return put(type).put(offset);
  }
  GgufBytes& data(std::string_view data) {
    bytes_.resize((bytes_.size() + 31) / 32 * 32, '\0');
    bytes_ += data;
    return *this;
  }
  [[nodiscard]] const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

inline Result<GgufFile> open_bytes(const std::string& bytes) {
  const TempFolder folder;
  write_all(folder.path("x.gguf"), bytes);
  return GgufFile::open(folder.path("x.gguf"));
}

}  // namespace hone::engine
