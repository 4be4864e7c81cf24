// The committed inputs of the engine's fuzz targets, and cuts of each, with every test run.
#include "fuzz/engine/targets.h"
#include "fuzz/replay.h"

namespace hone::fuzz {
namespace {

class EngineCorpus : public ::testing::TestWithParam<Target> {};

TEST_P(EngineCorpus, IsReadWithoutBreakingAPromise) {
  replay(GetParam());
}

INSTANTIATE_TEST_SUITE_P(Fuzz, EngineCorpus, ::testing::ValuesIn(kEngineTargets),
                         [](const auto& target) { return std::string(target.param.name); });

}  // namespace
}  // namespace hone::fuzz
