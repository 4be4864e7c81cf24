// The committed inputs of the fuzz targets, and cuts of each, with every test run.
#include "fuzz/replay.h"

namespace hone::fuzz {
namespace {

class Corpus : public ::testing::TestWithParam<Target> {};

TEST_P(Corpus, IsReadWithoutBreakingAPromise) {
  replay(GetParam());
}

INSTANTIATE_TEST_SUITE_P(Fuzz, Corpus, ::testing::ValuesIn(kTargets),
                         [](const auto& target) { return std::string(target.param.name); });

}  // namespace
}  // namespace hone::fuzz
