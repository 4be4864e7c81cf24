#include "cli/upstreams.h"

#include <gtest/gtest.h>

namespace hone::cli {
namespace {

// Everything else is translated to it: the engine has one format to get right.
TEST(Upstreams, TheEngineSpeaksChatCompletionsAlone) {
  Settings settings;
  settings.engine.model = "models/m";
  const auto upstreams = make_upstreams(settings);
  ASSERT_TRUE(upstreams) << upstreams.error().message;
  const auto* engine = upstreams->find(kEngine);
  ASSERT_NE(engine, nullptr);
  EXPECT_EQ(engine->wires, std::vector<wire::Format>{wire::Format::kOpenAIChat});
  EXPECT_TRUE(engine->trainable);
}

}  // namespace
}  // namespace hone::cli
