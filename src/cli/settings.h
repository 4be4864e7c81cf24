// What `hone` is told: hone.toml, then the environment (HONE_DATA, HONE_LISTEN, HONE_AUTH), then
// flags, the later over the earlier. docs/operations.md lists every field.
//
//   data = "data"
//   verdict_policy = "verdict.toml"  # what feedback amounts to; the one that ships where absent
//   mining_rules = "mining.toml"     # what is read out of conversations; likewise
//   [server]
//   listen = "127.0.0.1:8700"
//   auth = "keys"                  # or "open": no key needed, only on loopback
//   tls_certificate = "chain.pem"  # https: the certificate, and …
//   tls_key = "key.pem"            # … its private key
//   [engine]                       # starts hone-engine and keeps it running: the upstream "engine"
//   model = "models/Llama-3.2-1B"
//   context = 8192                 # the longest prompt and answer together, in tokens
//   [[upstream]]
//   name = "anthropic"
//   url = "https://…"
//   wires = ["anthropic-messages"]
//   key_env = "ANTHROPIC_API_KEY"  # sent instead of the caller's key
//   models = ["claude-*"]
//   trainable = false              # may its answers be trained on?
//   max_tokens = 4096              # the most that a translated request may ask for; 0: no limit
//   timeout_s = 600                # until its answer begins
//   [capture]                      # durability, and a full outbox: cli/capture_settings.h
//   durability = "after-answer"
//   [store]
//   compress = true                # contents of messages in the database: docs/formats/database.md
//   waiting_days = 30              # so long feedback waits for its interaction,
//   waiting_at_most = 100_000      # and so much of it
//   [ci]                           # who may post outcomes: docs/guides/git.md
//   github_secret_env = "HONE_GITHUB_SECRET"
//   gitlab_token = "…"
//   [privacy]                      # what is captured and redacted: cli/privacy_settings.h
//   off = ["IP"]
//   [price] [limit]                # cli/cost_settings.h
//   [telemetry]                    # OTLP comes over HTTP; over gRPC too where this says so
//   grpc = "127.0.0.1:4317"
//   [page]                         # whose pages may post feedback: docs/guides/pages.md
//   origins = ["https://reports.example.org"]
//   [alias.assistant]
//   upstream = "engine"
//   model = "Llama-3.2-1B"
//   fallback = ["anthropic/claude-haiku-4-5"]   # who answers where the upstream does not, in order
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/capture_settings.h"
#include "cli/cost_settings.h"
#include "cli/endpoint.h"
#include "cli/privacy_settings.h"

namespace hone::cli {

struct EngineSettings {
  std::string model;  // Hugging Face folder; empty: no engine of ours
  std::string listen = "127.0.0.1:8701";
  std::string program;  // empty: hone-engine beside hone
  std::int64_t threads = 2;
  std::int64_t context = 8192;  // cut to what the model was trained for
  bool operator==(const EngineSettings&) const = default;
};

constexpr std::size_t kLeastCiSecret = 16;  // characters: whoever guesses it posts outcomes

// Secrets of what CI posts (api/ci_hooks.h), or the variables that they are in.
struct CiSettings {
  std::string github_secret;
  std::string github_secret_env;
  std::string gitlab_token;
  std::string gitlab_token_env;
};

struct StoreSettings {
  bool compress = true;
  std::int64_t waiting_days = 30;
  std::int64_t waiting_at_most = 100'000;
  bool operator==(const StoreSettings&) const = default;
};

struct UpstreamSettings {
  std::string name;
  std::string url;
  std::vector<std::string> wires;
  std::string key_env;
  std::vector<std::string> models;
  bool trainable = false;
  std::int64_t max_tokens = 0;
  std::int64_t timeout_s = 600;
};

struct AliasSettings {
  std::string name;
  std::string upstream;
  std::string model;
  std::vector<std::string> fallback;  // "UPSTREAM" or "UPSTREAM/MODEL"
};

struct Settings {
  std::string data = "data";
  std::string listen = "127.0.0.1:8700";
  std::string auth = "keys";
  std::string tls_certificate;  // empty: plain HTTP
  std::string tls_key;
  std::string log_level = "info";
  std::string verdict_policy;  // a file; empty: the one that ships
  std::string mining_rules;    // likewise
  CaptureSettings capture;
  StoreSettings store;
  PrivacySettings privacy;
  capture::Prices prices;
  capture::LimitRules limits;
  std::string telemetry_grpc;  // where OTLP over gRPC is taken; empty: nowhere
  std::vector<std::string> page_origins;
  CiSettings ci;
  EngineSettings engine;
  std::vector<UpstreamSettings> upstreams;
  std::vector<AliasSettings> aliases;
};

// The text of a hone.toml; `name` is how messages call it.
[[nodiscard]] Result<Settings> parse_settings(std::string_view text, const std::string& name);

// `path` empty: ./hone.toml where there is one, else the defaults; then the environment.
[[nodiscard]] Result<Settings> load_settings(const std::string& path);

// Where a server with these settings is to listen: one without keys on loopback only.
[[nodiscard]] Result<Endpoint> listening_at(const Settings& settings, std::string_view text);

// Where this machine reaches a server with these settings: one that listens on all addresses, on
// 127.0.0.1.
[[nodiscard]] Result<Endpoint> reached_at(const Settings& settings);
// "http://127.0.0.1:8700"
[[nodiscard]] std::string server_url(const Settings& settings, const Endpoint& endpoint);

// A variable of the environment; "" where there is none.
[[nodiscard]] std::string variable_or_empty(const std::string& name);

}  // namespace hone::cli
