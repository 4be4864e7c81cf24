// A file that appears whole or not at all: it is written beside its place, synced, and renamed when
// it is complete. For one that is too large for memory; `write_file_atomically` takes the others.
//
//   auto file = WholeFile::create("model.safetensors");
//   file->append(header);
//   file->finish();
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/file.h"
#include "base/result.h"

namespace hone::engine {

class WholeFile {
 public:
  [[nodiscard]] static Result<WholeFile> create(std::string path);
  WholeFile(WholeFile&&) noexcept = default;
  WholeFile& operator=(WholeFile&&) noexcept = delete;
  ~WholeFile();  // removes what was not finished

  [[nodiscard]] Result<void> append(std::string_view bytes);
  [[nodiscard]] std::uint64_t size() const { return size_; }
  [[nodiscard]] Result<void> finish();

 private:
  WholeFile(std::string path, std::unique_ptr<File> file)
      : path_(std::move(path)), file_(std::move(file)) {}

  std::string path_;
  std::unique_ptr<File> file_;  // null: nothing to remove
  std::uint64_t size_ = 0;
};

}  // namespace hone::engine
