#include "cli/live_settings.h"

#include "cli/telemetry_grpc.h"
#include "cli/upstreams.h"

namespace hone::cli {
namespace {

Result<std::string> ci_secret(const std::string& value, const std::string& variable,
                              std::string_view name) {
  if (variable.empty()) return value;
  const std::string named = "ci." + std::string(name) + "_env names " + variable;
  std::string secret = variable_or_empty(variable);
  if (secret.empty()) {
    return fail(ErrorCode::kInvalid, named + ", which the environment does not have");
  }
  if (secret.size() >= kLeastCiSecret) return secret;
  return fail(ErrorCode::kInvalid, named + ", which must have " + std::to_string(kLeastCiSecret) +
                                       " characters or more: whoever guesses it posts outcomes");
}

}  // namespace

Result<LiveSettings> make_live(const Settings& settings) {
  LiveSettings live;
  auto upstreams = make_upstreams(settings);
  if (!upstreams) return fail(upstreams.error());
  live.upstreams = std::move(*upstreams);
  auto fallbacks = make_fallbacks(settings, live.upstreams);
  if (!fallbacks) return fail(fallbacks.error());
  live.fallbacks = std::move(*fallbacks);
  if (!settings.tls_certificate.empty()) {
    auto tls = net::load_certificate(settings.tls_certificate, settings.tls_key);
    if (!tls) return fail(tls.error());
    live.tls = std::move(*tls);
  }
  if (!settings.telemetry_grpc.empty()) {
    auto certificate = read_certificate(settings);
    if (!certificate) return fail(certificate.error());
    live.grpc_certificate = std::move(*certificate);
  }
  auto github =
      ci_secret(settings.ci.github_secret, settings.ci.github_secret_env, "github_secret");
  if (!github) return fail(github.error());
  auto gitlab = ci_secret(settings.ci.gitlab_token, settings.ci.gitlab_token_env, "gitlab_token");
  if (!gitlab) return fail(gitlab.error());
  live.ci = {.github = std::move(*github), .gitlab = std::move(*gitlab)};
  return live;
}

std::vector<std::string> need_restart(const Settings& running, const Settings& next) {
  std::vector<std::string> fields;
  const auto compare = [&fields](const char* field, const auto& before, const auto& after) {
    if (!(before == after)) fields.emplace_back(field);
  };
  compare("data", running.data, next.data);
  compare("log_level", running.log_level, next.log_level);
  compare("verdict_policy", running.verdict_policy, next.verdict_policy);
  compare("mining_rules", running.mining_rules, next.mining_rules);
  compare("server.listen", running.listen, next.listen);
  compare("server.auth", running.auth, next.auth);
  compare("server.tls_certificate", running.tls_certificate.empty(), next.tls_certificate.empty());
  compare("telemetry.grpc", running.telemetry_grpc, next.telemetry_grpc);
  compare("capture", running.capture, next.capture);
  compare("store", running.store, next.store);
  compare("engine", running.engine, next.engine);
  return fields;
}

Result<void> settle_currency(store::Database& database, const capture::Prices& prices) {
  if (prices.empty()) return {};
  return database.transaction([&]() -> Result<void> {
    const auto known = database.query("SELECT value FROM setting WHERE name = 'currency'");
    if (!known) return fail(known.error());
    if (!known->empty() && known->front().text("value") == prices.currency()) return {};
    if (!known->empty()) {
      const auto costs = database.query("SELECT id FROM interaction WHERE cost > 0 LIMIT 1");
      if (!costs) return fail(costs.error());
      if (!costs->empty()) {
        return fail(ErrorCode::kConflict, "price.currency is " + prices.currency() +
                                              ", and the costs in the store are in " +
                                              known->front().text("value") +
                                              ": keep that, for they cannot be added up");
      }
    }
    const auto noted = database.execute(
        "INSERT INTO setting (name, value) VALUES ('currency', ?)"
        " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        {prices.currency()});
    if (!noted) return fail(noted.error());
    return {};
  });
}

}  // namespace hone::cli
