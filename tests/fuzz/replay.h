// Replays the committed inputs of a fuzz target, and cuts of each. Used by tests only.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "fuzz/targets.h"
#include "support/places.h"

namespace hone::fuzz {

inline void replay(const Target& target) {
  const std::string name(target.name);
  std::size_t inputs = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(source_dir() + "/tests/fuzz/corpus/" + name)) {
    std::ostringstream bytes;
    bytes << std::ifstream(entry.path(), std::ios::binary).rdbuf();
    const std::string input = bytes.str();
    target.run(input);
    for (std::size_t cut = 1; cut < 8; ++cut) target.run(input.substr(input.size() * cut / 8));
    for (std::size_t cut = 1; cut < 8; ++cut) target.run(input.substr(0, input.size() * cut / 8));
    ++inputs;
  }
  target.run("");
  EXPECT_GE(inputs, 3U) << "tests/fuzz/corpus/" << name;
}

}  // namespace hone::fuzz
