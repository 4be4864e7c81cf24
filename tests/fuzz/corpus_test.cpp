// The committed inputs of the fuzz targets, and cuts of each, with every test run.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "fuzz/targets.h"
#include "support/places.h"

namespace hone::fuzz {
namespace {

class Corpus : public ::testing::TestWithParam<Target> {};

TEST_P(Corpus, IsReadWithoutBreakingAPromise) {
  const std::string name(GetParam().name);
  std::size_t inputs = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(source_dir() + "/tests/fuzz/corpus/" + name)) {
    std::ostringstream bytes;
    bytes << std::ifstream(entry.path(), std::ios::binary).rdbuf();
    const std::string input = bytes.str();
    GetParam().run(input);
    for (std::size_t cut = 1; cut < 8; ++cut) GetParam().run(input.substr(input.size() * cut / 8));
    for (std::size_t cut = 1; cut < 8; ++cut) {
      GetParam().run(input.substr(0, input.size() * cut / 8));
    }
    ++inputs;
  }
  GetParam().run("");
  EXPECT_GE(inputs, 3U) << "tests/fuzz/corpus/" << name;
}

INSTANTIATE_TEST_SUITE_P(Fuzz, Corpus, ::testing::ValuesIn(kTargets),
                         [](const auto& target) { return std::string(target.param.name); });

}  // namespace
}  // namespace hone::fuzz
