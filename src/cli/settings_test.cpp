#include "cli/settings.h"

#include <gtest/gtest.h>

namespace hone::cli {
namespace {

TEST(Settings, ReadsWhatTheHeaderShows) {
  const auto settings = parse_settings(R"(
data = "d"
[server]
listen = "127.0.0.1:9000"
auth = "open"
[engine]
model = "m"
[[upstream]]
name = "a"
url = "https://example.org"
wires = ["anthropic-messages", "openai-responses"]
models = ["claude-*"]
[privacy]
off = ["IP"]
allow = ["*@example.org"]
timeout_ms = 2000
[privacy.team.legal]
capture = "metadata"
[[privacy.pattern]]
name = "employee number"
pattern = "EMP-[0-9]{6}"
type = "ID"
[alias.assistant]
upstream = "engine"
model = "m"
)",
                                       "hone.toml")
                            .value();
  EXPECT_EQ(settings.data, "d");
  EXPECT_EQ(settings.upstreams.at(0).models.at(0), "claude-*");
  EXPECT_FALSE(settings.upstreams.at(0).trainable);
  EXPECT_EQ(settings.aliases.at(0).name, "assistant");
  const PrivacySettings& privacy = settings.privacy;
  EXPECT_EQ(privacy.off, std::vector<std::string>{"IP"});
  EXPECT_EQ(privacy.allow, std::vector<std::string>{"*@example.org"});
  EXPECT_EQ(privacy.timeout_ms, 2000);
  EXPECT_EQ(privacy.patterns.at(0).expression, "EMP-[0-9]{6}");
  EXPECT_EQ(privacy.capture.level("legal"), people::CaptureLevel::kMetadata);
  EXPECT_EQ(privacy.capture.level("sales"), people::CaptureLevel::kContent);
}

TEST(Settings, NamesTheLineOfAMistake) {
  const auto message = [](const char* text) {
    return parse_settings(text, "hone.toml").error().message;
  };
  EXPECT_EQ(message("[server]\nlisten = \"x\"\n"),
            "hone.toml: line 2: 'server.listen' is wrong: 'x' is not an address; write it as "
            "127.0.0.1:8700");
  EXPECT_EQ(message("[[upstream]]\nname = \"a\"\nurl = \"ftp://x\"\nwires = []\n"),
            "hone.toml: line 3: 'upstream.url' must begin with http:// or https://");
  EXPECT_EQ(message("[privacy]\noff = [\"EMIAL\"]\n"),
            "hone.toml: line 2: 'privacy.off' knows no type 'EMIAL'");
  EXPECT_EQ(
      message("[privacy]\ncapture = \"all\"\n"),
      "hone.toml: line 2: 'privacy.capture' must be \"content\", \"metadata\" or \"nothing\"");
  const std::string pattern = message("[[privacy.pattern]]\nname = \"x\"\npattern = \"a(\"\n");
  EXPECT_TRUE(pattern.starts_with("hone.toml: line 3: 'privacy.pattern.pattern' is wrong: "))
      << pattern;
  EXPECT_EQ(message("[[upstream]]\nname = \"a\"\nurl = \"http://x\"\nwires = [\"openai\"]\n"),
            "hone.toml: line 4: 'upstream.wires' knows openai-chat, anthropic-messages, "
            "openai-responses; not 'openai'");
  EXPECT_EQ(message("[engine]\nmodle = \"m\"\n"),
            "hone.toml: line 2: unknown field 'engine.modle'; did you mean 'model'?");
}

TEST(Settings, ReadsEndpoints) {
  EXPECT_EQ(parse_endpoint("8700").value().port, 8700);
  EXPECT_EQ(parse_endpoint("[::1]:1").value().host, "::1");
  EXPECT_TRUE(parse_endpoint("127.0.0.1:80").value().is_loopback());
  EXPECT_FALSE(parse_endpoint("0.0.0.0:80").value().is_loopback());
  for (const char* bad : {"", ":", "a:b", "127.0.0.1:99999", ":80"}) {
    EXPECT_FALSE(parse_endpoint(bad)) << bad;
  }
}

}  // namespace
}  // namespace hone::cli
