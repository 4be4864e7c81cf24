// What the tests of this folder share: a folder that goes away, and the golden files beside the
// repository.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <optional>
#include <sstream>
#include <string>

#include "support/places.h"

namespace hone::engine {

class TempFolder {
 public:
  TempFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "hone-engine-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) std::abort();
    path_ = name;
  }
  ~TempFolder() { std::filesystem::remove_all(path_); }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  [[nodiscard]] std::string path(const std::string& name = "") const {
    return name.empty() ? path_ : path_ + "/" + name;
  }

 private:
  std::string path_;
};

// The path of `name` under the shared folder, or nothing, said aloud, where there is none.
inline std::optional<std::string> shared_file(const std::string& name) {
  const char* given = std::getenv("HONE_SHARED");
  const std::string shared = given != nullptr ? given : source_dir() + "/../shared";
  if (std::filesystem::exists(shared + "/" + name)) return shared + "/" + name;
  std::cerr << "SKIPPED: needs " << name << ", no ../shared\n";
  return std::nullopt;
}

// The base model's GGUF file: HONE_BASE_GGUF, or where set-up puts it; nothing, said aloud, where
// it is not.
inline std::optional<std::string> base_gguf() {
  const char* given = std::getenv("HONE_BASE_GGUF");
  const std::string path =
      given != nullptr ? given : source_dir() + "/.deps/smollm2/SmolLM2-135M-Instruct.Q4_1.gguf";
  if (std::filesystem::exists(path)) return path;
  std::cerr << "SKIPPED: the base model is not there (" << path << ")\n";
  return std::nullopt;
}

inline std::string read_all(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

// The bytes inside a .gz file.
inline std::string unpacked(const std::string& path) {
  const TempFolder folder;
  const std::string to = folder.path("unpacked");
  const std::string command = "gzip -dc '" + path + "' > '" + to + "'";
  EXPECT_EQ(std::system(command.c_str()), 0) << path;
  return read_all(to);
}

inline void write_all(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

}  // namespace hone::engine
