#include "cli/settings.h"

#include <cstdlib>

#include "api/page.h"
#include "base/config.h"
#include "base/file.h"
#include "wire/call.h"

namespace hone::cli {
namespace {

std::string known_wires() {
  std::string names;
  for (const auto format : wire::kFormats) {
    if (!names.empty()) names += ", ";
    names += wire::name(format);
  }
  return names;
}

EngineSettings read_engine(TomlTable table) {
  EngineSettings engine;
  engine.model = table.get_or("model", std::string());
  engine.listen = table.get_or("listen", engine.listen);
  engine.program = table.get_or("program", std::string());
  engine.threads = table.get_or("threads", engine.threads);
  if (engine.threads < 1 || engine.threads > 1024) table.problem("threads", "must be 1 to 1024");
  engine.context = table.get_or("context", engine.context);
  if (engine.context < 16 || engine.context > 1'048'576) {
    table.problem("context", "must be 16 to 1048576");
  }
  if (auto endpoint = parse_endpoint(engine.listen); !endpoint) {
    table.problem("listen", "is wrong: " + endpoint.error().message);
  }
  return engine;
}

UpstreamSettings read_upstream(TomlTable table) {
  UpstreamSettings upstream;
  upstream.name = table.require<std::string>("name");
  upstream.url = table.require<std::string>("url");
  upstream.wires = table.require<std::vector<std::string>>("wires");
  upstream.key_env = table.get_or("key_env", std::string());
  upstream.models = table.get_or("models", std::vector<std::string>());
  upstream.trainable = table.get_or("trainable", false);
  upstream.max_tokens = table.get_or("max_tokens", std::int64_t{0});
  if (upstream.max_tokens < 0) table.problem("max_tokens", "must be 0 or more");
  upstream.timeout_s = table.get_or("timeout_s", upstream.timeout_s);
  if (upstream.timeout_s < 1 || upstream.timeout_s > 3600) {
    table.problem("timeout_s", "must be 1 to 3600");
  }
  if (!upstream.url.starts_with("http://") && !upstream.url.starts_with("https://")) {
    table.problem("url", "must begin with http:// or https://");
  }
  for (const auto& wire : upstream.wires) {
    if (!wire::find_format(wire)) {
      table.problem("wires", "knows " + known_wires() + "; not '" + wire + "'");
    }
  }
  return upstream;
}

std::vector<std::string> read_page_origins(TomlTable table) {
  auto origins = table.get_or("origins", std::vector<std::string>());
  for (const auto& origin : origins) {
    if (auto right = api::check_origin(origin); !right) {
      table.problem("origins", "is wrong: " + right.error().message);
    }
  }
  return origins;
}

StoreSettings read_store(TomlTable table) {
  StoreSettings store;
  store.compress = table.get_or("compress", store.compress);
  store.waiting_days = table.get_or("waiting_days", store.waiting_days);
  if (store.waiting_days < 1 || store.waiting_days > 3650) {
    table.problem("waiting_days", "must be 1 to 3650");
  }
  store.waiting_at_most = table.get_or("waiting_at_most", store.waiting_at_most);
  if (store.waiting_at_most < 1'000 || store.waiting_at_most > 100'000'000) {
    table.problem("waiting_at_most", "must be 1000 to 100000000");
  }
  return store;
}

std::string read_telemetry_grpc(TomlTable table) {
  std::string grpc = table.get_or("grpc", std::string());
  if (grpc.empty()) return grpc;
  if (auto endpoint = parse_endpoint(grpc); !endpoint) {
    table.problem("grpc", "is wrong: " + endpoint.error().message);
  }
  return grpc;
}

CiSettings read_ci(TomlTable table) {
  CiSettings ci;
  const auto secret = [&table](const std::string& name, std::string& value, std::string& variable) {
    value = table.get_or(name, std::string());
    variable = table.get_or(name + "_env", std::string());
    if (!value.empty() && !variable.empty()) {
      table.problem(name, "is given twice, here and by " + name + "_env");
    }
    if (!value.empty() && value.size() < kLeastCiSecret) {
      table.problem(name, "must have 16 characters or more: whoever guesses it posts outcomes");
    }
  };
  secret("github_secret", ci.github_secret, ci.github_secret_env);
  secret("gitlab_token", ci.gitlab_token, ci.gitlab_token_env);
  return ci;
}

void override_from(const char* variable, std::string& value) {
  if (auto given = variable_or_empty(variable); !given.empty()) value = std::move(given);
}

}  // namespace

Result<Settings> parse_settings(std::string_view text, const std::string& name) {
  auto file = TomlFile::parse(text, name);
  if (!file) return fail(file.error());
  auto root = (*file)->root();
  Settings settings;
  settings.data = root.get_or("data", settings.data);
  settings.log_level = root.get_or("log_level", settings.log_level);
  settings.verdict_policy = root.get_or("verdict_policy", std::string());
  settings.mining_rules = root.get_or("mining_rules", std::string());
  auto server = root.table("server");
  settings.listen = server.get_or("listen", settings.listen);
  settings.auth = server.get_or("auth", settings.auth);
  if (settings.auth != "keys" && settings.auth != "open") {
    server.problem("auth", "must be \"keys\" or \"open\"");
  }
  if (auto endpoint = parse_endpoint(settings.listen); !endpoint) {
    server.problem("listen", "is wrong: " + endpoint.error().message);
  }
  settings.tls_certificate = server.get_or("tls_certificate", std::string());
  settings.tls_key = server.get_or("tls_key", std::string());
  if (settings.tls_certificate.empty() != settings.tls_key.empty()) {
    server.problem(settings.tls_key.empty() ? "tls_certificate" : "tls_key",
                   "needs tls_certificate and tls_key, both");
  }
  settings.engine = read_engine(root.table("engine"));
  settings.capture = read_capture(root.table("capture"));
  settings.store = read_store(root.table("store"));
  settings.ci = read_ci(root.table("ci"));
  settings.privacy = read_privacy(root.table("privacy"));
  settings.prices = read_prices(root.table("price"));
  settings.limits = read_limits(root.table("limit"), settings.prices.currency());
  settings.telemetry_grpc = read_telemetry_grpc(root.table("telemetry"));
  settings.page_origins = read_page_origins(root.table("page"));
  for (auto& table : root.tables("upstream")) settings.upstreams.push_back(read_upstream(table));
  auto aliases = root.table("alias");
  for (const auto& alias : aliases.keys()) {
    auto table = aliases.table(alias);
    settings.aliases.push_back({alias, table.require<std::string>("upstream"),
                                table.require<std::string>("model"),
                                table.get_or("fallback", std::vector<std::string>())});
  }
  if (auto done = (*file)->finish(); !done) return fail(done.error());
  return settings;
}

Result<Settings> load_settings(const std::string& path) {
  Settings settings;
  auto text = read_file(posix_files(), path.empty() ? "hone.toml" : path);
  if (text) {
    auto read = parse_settings(*text, path.empty() ? "hone.toml" : path);
    if (!read) return read;
    settings = std::move(*read);
  } else if (!path.empty() || text.error().code != ErrorCode::kNotFound) {
    return fail(text.error());
  }
  override_from("HONE_DATA", settings.data);
  override_from("HONE_LISTEN", settings.listen);
  override_from("HONE_AUTH", settings.auth);
  return settings;
}

Result<Endpoint> listening_at(const Settings& settings, std::string_view text) {
  auto endpoint = parse_endpoint(text);
  if (endpoint && settings.auth == "open" && !endpoint->is_loopback()) {
    return fail(ErrorCode::kInvalid, "auth = \"open\" is for loopback only, and " +
                                         std::string(text) +
                                         " is not: use auth = \"keys\" and `hone key create`");
  }
  return endpoint;
}

Result<Endpoint> reached_at(const Settings& settings) {
  auto endpoint = parse_endpoint(settings.listen);
  if (endpoint && (endpoint->host == "0.0.0.0" || endpoint->host == "::")) {
    endpoint->host = "127.0.0.1";
  }
  return endpoint;
}

std::string server_url(const Settings& settings, const Endpoint& endpoint) {
  const std::string host = endpoint.host.contains(':') ? "[" + endpoint.host + "]" : endpoint.host;
  return (settings.tls_certificate.empty() ? "http://" : "https://") + host + ":" +
         std::to_string(endpoint.port);
}

std::string variable_or_empty(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value == nullptr ? "" : value;
}

}  // namespace hone::cli
