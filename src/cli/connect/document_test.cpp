// Taking settings out of texts that others have rewritten since: what is not ours keeps its bytes.
#include "cli/connect/document.h"

#include <gtest/gtest.h>

namespace hone::cli::connect {
namespace {

const std::vector<Setting> kCodexLike = {
    {.path = {"model"}, .value = "assistant"},
    {.path = {"otel", "exporter"},
     .value = json::object{{"otlp-http", json::object{{"endpoint", "http://h/v1/logs"}}}}}};

TEST(ConnectTakeOut, TomlValuesComeBackAsTheyWereWritten) {
  const std::string before =
      "model = 'old' # mine\n"
      "[otel]\n"
      "exporter = { otlp-http = { timeout = 1.50, since = 2024-01-01 } }\n";
  const auto edited =
      put({.path = "config.toml", .format = Format::kToml, .settings = kCodexLike}, before);
  ASSERT_TRUE(edited) << edited.error().message;
  ASSERT_NE(*edited, before);
  const auto out = take_out(Format::kToml, kCodexLike, before, *edited);
  EXPECT_EQ(out.text, before);
  EXPECT_TRUE(out.left.empty());
}

TEST(ConnectTakeOut, ATomlValueThatBecameATableStaysAndIsTold) {
  const std::string before = "[otel]\nexporter = \"none\"\n";
  const std::string now = "[otel]\n[otel.exporter.otlp-http]\nendpoint = \"http://h/v1/logs\"\n";
  const auto out = take_out(Format::kToml, kCodexLike, before, now);
  EXPECT_EQ(out.text, now);
  ASSERT_EQ(out.left.size(), 1U);
  EXPECT_TRUE(out.left[0].starts_with("otel.exporter: ")) << out.left[0];
}

TEST(ConnectTakeOut, TheCommentBehindAYamlBlockStays) {
  const std::vector<Setting> settings = {
      {.path = {"name"}, .value = "Local Assistant", .if_absent = true}};
  const auto out =
      take_out(Format::kYaml, settings, "x: y\n", "name: >-\n  Local Assistant\n# mine\nx: y\n");
  EXPECT_EQ(out.text, "# mine\nx: y\n");
}

TEST(ConnectTakeOut, AJsonMemberThatSharesItsLineLeavesTheOthers) {
  const auto out = take_out(Format::kJson, {{.path = {"b"}, .value = 1}}, "{}",
                            "{\n  // mine\n  \"b\": 1, \"c\": 2\n}\n");
  EXPECT_EQ(out.text, "{\n  // mine\n  \"c\": 2\n}\n");
  EXPECT_TRUE(out.left.empty());
}

}  // namespace
}  // namespace hone::cli::connect
