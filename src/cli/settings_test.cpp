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
context = 16384
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
[telemetry]
grpc = "127.0.0.1:4317"
[page]
origins = ["https://reports.example.org"]
[alias.assistant]
upstream = "engine"
model = "m"
)",
                                       "hone.toml")
                            .value();
  EXPECT_EQ(settings.data, "d");
  EXPECT_EQ(settings.engine.context, 16384);
  EXPECT_EQ(settings.upstreams.at(0).models.at(0), "claude-*");
  EXPECT_FALSE(settings.upstreams.at(0).trainable);
  EXPECT_EQ(settings.aliases.at(0).name, "assistant");
  EXPECT_EQ(settings.telemetry_grpc, "127.0.0.1:4317");
  EXPECT_EQ(Settings().telemetry_grpc, "") << "off where nobody asks for it";
  EXPECT_EQ(settings.page_origins, std::vector<std::string>{"https://reports.example.org"});
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
  EXPECT_EQ(message("[telemetry]\ngrpc = \"x\"\n"),
            "hone.toml: line 2: 'telemetry.grpc' is wrong: 'x' is not an address; write it as "
            "127.0.0.1:8700");
  EXPECT_TRUE(message("[page]\norigins = [\"https://a/\"]\n")
                  .starts_with("hone.toml: line 2: 'page.origins' is wrong: 'https://a/' is no"));
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
  EXPECT_EQ(message("[store]\nwaiting_days = 0\n"),
            "hone.toml: line 2: 'store.waiting_days' must be 1 to 3650");
  EXPECT_EQ(message("[store]\nwaiting_at_most = 0\n"),
            "hone.toml: line 2: 'store.waiting_at_most' must be 1000 to 100000000");
  EXPECT_EQ(message("[engine]\ncontext = 8\n"),
            "hone.toml: line 2: 'engine.context' must be 16 to 1048576");
  EXPECT_EQ(message("[ci]\ngithub_secret = \"short\"\n"),
            "hone.toml: line 2: 'ci.github_secret' must have 16 characters or more: whoever "
            "guesses it posts outcomes");
  EXPECT_EQ(message("[engine]\nmodle = \"m\"\n"),
            "hone.toml: line 2: unknown field 'engine.modle'; did you mean 'model'?");
}

TEST(Settings, ReadsCapturePricesLimitsAndFallbacks) {
  const auto settings = parse_settings(R"(
[server]
tls_certificate = "c.pem"
tls_key = "k.pem"
[capture]
durability = "before-answer"
outbox_limit = "2 GiB"
when_full = "refuse"
[store]
compress = false
waiting_days = 7
waiting_at_most = 20_000
[price]
currency = "EUR"
[price."claude-*"]
input = 3
output = 15.0
cached_input = 0.3
[limit.everyone]
requests_per_minute = 60
cost_per_month = 199.5
[limit.team."blue"]
tokens_per_day = 1_000_000
[limit.key."key_1"]
requests_per_day = 0
[[upstream]]
name = "a"
url = "https://example.org"
wires = ["anthropic-messages"]
timeout_s = 30
[alias.assistant]
upstream = "a"
model = "m"
fallback = ["b", "c/org/model"]
)",
                                       "hone.toml")
                            .value();
  EXPECT_EQ(settings.tls_key, "k.pem");
  EXPECT_TRUE(settings.capture.before_answer);
  EXPECT_TRUE(settings.capture.refuse_when_full);
  EXPECT_EQ(settings.capture.outbox_limit_bytes, 2ULL << 30);
  EXPECT_FALSE(settings.store.compress);
  EXPECT_EQ(settings.store.waiting_days, 7);
  EXPECT_EQ(settings.store.waiting_at_most, 20'000);
  EXPECT_EQ(settings.prices.currency(), "EUR");
  const auto* price = settings.prices.find("claude-x");
  ASSERT_NE(price, nullptr);
  EXPECT_EQ(price->input, 3);
  EXPECT_EQ(price->cached_input, 0.3);
  EXPECT_EQ(price->cache_write, 3) << "as input where it is left out";
  using capture::Measure;
  using capture::Period;
  const auto& limits = settings.limits;
  EXPECT_EQ(limits.everyone.most.at(Measure::kRequests, Period::kMinute), 60);
  EXPECT_EQ(limits.everyone.most.at(Measure::kCost, Period::kMonth), 199'500'000);
  EXPECT_EQ(limits.everyone.most.at(Measure::kTokens, Period::kDay), std::nullopt);
  EXPECT_EQ(limits.teams.at("blue").most.at(Measure::kTokens, Period::kDay), 1'000'000);
  EXPECT_EQ(limits.keys.at("key_1").most.at(Measure::kRequests, Period::kDay), 0);
  EXPECT_EQ(limits.currency, "EUR");
  EXPECT_EQ(settings.upstreams.at(0).timeout_s, 30);
  EXPECT_EQ(settings.aliases.at(0).fallback, (std::vector<std::string>{"b", "c/org/model"}));
  const auto without = parse_settings("", "hone.toml").value();
  EXPECT_FALSE(without.capture.before_answer);
  EXPECT_FALSE(without.capture.refuse_when_full);
  EXPECT_EQ(without.capture.outbox_limit_bytes, 4ULL << 30);
  EXPECT_TRUE(without.store.compress);
  EXPECT_EQ(without.store.waiting_days, 30);
  EXPECT_EQ(without.store.waiting_at_most, 100'000);
  EXPECT_TRUE(without.limits.empty());
  EXPECT_TRUE(without.prices.empty());
}

TEST(Settings, NamesMistakesInLimitsAndTheLike) {
  const auto message = [](const char* text) {
    return parse_settings(text, "hone.toml").error().message;
  };
  EXPECT_EQ(message("[capture]\noutbox_limit = \"2 GB\"\n"),
            "hone.toml: line 2: 'capture.outbox_limit' must be a size such as \"512 MiB\" or "
            "\"2 GiB\"");
  EXPECT_EQ(message("[capture]\nwhen_full = \"drop\"\n"),
            "hone.toml: line 2: 'capture.when_full' must be \"pass\" or \"refuse\"");
  EXPECT_EQ(message("[limit.everyone]\nrequest_per_minute = 1\n"),
            "hone.toml: line 2: unknown field 'limit.everyone.request_per_minute'; did you mean "
            "'requests_per_minute'?");
  EXPECT_EQ(message("[limit.everyone]\ntokens_per_day = -1\n"),
            "hone.toml: line 2: 'limit.everyone.tokens_per_day' must be 0 or more");
  EXPECT_EQ(message("[price.m]\ninput = 1\n"),
            "hone.toml: line 1: 'price.m.output' is missing; it must be a number");
  EXPECT_EQ(message("[price.m]\ninput = -1\noutput = 1\n"),
            "hone.toml: line 2: 'price.m.input' must be 0 or more");
  EXPECT_EQ(message("[server]\ntls_key = \"k\"\n"),
            "hone.toml: line 2: 'server.tls_key' needs tls_certificate and tls_key, both");
}

TEST(Settings, ReadsSizes) {
  EXPECT_EQ(parse_bytes("2 GiB"), 2ULL << 30);
  EXPECT_EQ(parse_bytes("512MiB"), 512ULL << 20);
  EXPECT_EQ(parse_bytes("7 B"), 7U);
  for (const char* bad : {"", "GiB", "2", "2 GB", "-1 B", "99999999999 GiB", "2 GiB "}) {
    EXPECT_FALSE(parse_bytes(bad)) << bad;
  }
}

TEST(Settings, ReadsEndpoints) {
  EXPECT_EQ(parse_endpoint("8700").value().port, 8700);
  EXPECT_EQ(parse_endpoint("[::1]:1").value().host, "::1");
  EXPECT_TRUE(parse_endpoint("127.0.0.1:80").value().is_loopback());
  EXPECT_FALSE(parse_endpoint("0.0.0.0:80").value().is_loopback());
  EXPECT_FALSE(parse_endpoint("127.0.0.1.example.org:80").value().is_loopback());
  for (const char* own : {"", "localhost:8700", "127.0.0.1", "10.0.0.7:80", "[::1]:8700", "laptop",
                          "a.localhost", "host.docker.internal:8700", "Laptop.Local"}) {
    EXPECT_TRUE(is_name_of_this_machine(own)) << own;
  }
  for (const char* other : {"evil.example:8700", "127.0.0.1.example.org", "localhost.evil.org",
                            "local.", "xlocal.org", "1.2.3.4.a"}) {
    EXPECT_FALSE(is_name_of_this_machine(other)) << other;
  }
  EXPECT_TRUE(check_own_name("localhost:4317"));
  EXPECT_EQ(check_own_name("evil.example:4317").error().code, ErrorCode::kDenied);
  for (const char* bad : {"", ":", "a:b", "127.0.0.1:99999", ":80"}) {
    EXPECT_FALSE(parse_endpoint(bad)) << bad;
  }
}

TEST(Settings, WithoutKeysListenOnLoopbackOnly) {
  Settings settings;
  EXPECT_EQ(listening_at(settings, "0.0.0.0:4317").value().port, 4317);
  settings.auth = "open";
  EXPECT_EQ(listening_at(settings, "[::1]:4317").value().host, "::1");
  const auto refused = listening_at(settings, "0.0.0.0:4317");
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("loopback only, and 0.0.0.0:4317 is not"),
            std::string::npos)
      << refused.error().message;
}

}  // namespace
}  // namespace hone::cli
