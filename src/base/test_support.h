// What tests of all folders share: a folder that goes away, and the data beside the repository.
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

namespace hone::testing {

class TempFolder {
 public:
  TempFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "hone-test-XXXXXX").string();
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

// The path of `name` under the shared folder, or nothing, said aloud, where there is none:
//
//   const auto file = shared_path("data/gsm8k/train.jsonl.gz");
//   if (!file) GTEST_SKIP();
inline std::optional<std::string> shared_path(const std::string& name) {
  const char* given = std::getenv("HONE_SHARED");
  const std::string shared = given != nullptr ? given : source_dir() + "/../shared";
  if (std::filesystem::exists(shared + "/" + name)) return shared + "/" + name;
  std::cerr << "SKIPPED: needs " << name << ", no ../shared\n";
  return std::nullopt;
}

inline std::string read_all(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

inline void write_all(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

// What a command prints, for unpacking data in tests.
inline std::string output_of(const std::string& command) {
  std::string output;
  FILE* pipe = ::popen(command.c_str(), "r");
  if (pipe == nullptr) return output;
  char bytes[65536];
  while (const std::size_t size = std::fread(bytes, 1, sizeof(bytes), pipe)) {
    output.append(bytes, size);
  }
  ::pclose(pipe);
  return output;
}

}  // namespace hone::testing
