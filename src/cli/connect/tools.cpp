// What each tool needs so that its calls go through Hone and its decisions reach it. The names are
// those of the tools' own documentation; `docs/guides/connect.md` tells them to people.
#include <array>
#include <filesystem>

#include "cli/connect/setting.h"

namespace hone::cli::connect {
namespace {

constexpr std::string_view kHookPath = "/v1/hooks/claude-code";
constexpr std::string_view kContinuePath = "/v1/events/continue";

std::string joined_path(const std::string& folder, std::string_view name) {
  return folder + "/" + std::string(name);
}

// The folder that a variable names, or one in the person's home.
std::string tool_folder(const Places& places, const std::string& variable,
                        const std::string& otherwise) {
  const auto named = places.variable(variable);
  return named.empty() ? joined_path(places.home, otherwise) : named;
}

// As the variables of OpenTelemetry want it: percent-encoded.
std::string otlp_headers(const Wish& wish) {
  return "Authorization=Bearer%20" + wish.key;
}

bool there(const std::string& path) {
  std::error_code failed;
  return std::filesystem::exists(path, failed);
}

void add_to(std::vector<Setting>& settings, std::vector<std::string> path, json::value value,
            Secret secret = Secret::kNo) {
  settings.push_back({.path = std::move(path), .value = std::move(value), .secret = secret});
}

// The file from which a tool takes its environment, with the key and, in the variable `headers`
// ("": none), with what telemetry sends.
FilePlan secrets_file(const std::string& folder, const Wish& wish, const std::string& headers) {
  FilePlan file{.path = joined_path(folder, ".env"), .format = Format::kDotenv};
  add_to(file.settings, {"HONE_KEY"}, json::string(wish.key), Secret::kKey);
  if (!headers.empty()) {
    add_to(file.settings, {headers}, json::string(otlp_headers(wish)), Secret::kHolds);
  }
  return file;
}

// ---- Claude Code -------------------------------------------------------------------------------

// What people decide, and what must be known to tell it: PermissionRequest names no call,
// PreToolUse does, and refusals are only in PostToolBatch and PermissionDenied. The server answers
// each at once.
constexpr std::array kHookEvents = {"UserPromptSubmit", "PreToolUse",  "PermissionRequest",
                                    "PermissionDenied", "PostToolUse", "PostToolUseFailure",
                                    "PostToolBatch",    "Stop",        "SessionEnd"};
constexpr std::int64_t kHookTimeoutS = 2;  // a tool never waits for us

void claude_environment(const Wish& wish, std::vector<Setting>& settings) {
  const auto set = [&](const char* name, json::value value, Secret secret = Secret::kNo) {
    add_to(settings, {"env", name}, std::move(value), secret);
  };
  if (wish.gateway) {
    set("ANTHROPIC_BASE_URL", json::string(wish.server));
    if (!wish.key.empty()) {
      set("ANTHROPIC_AUTH_TOKEN", json::string(wish.key), Secret::kHolds);
    }
    set("ANTHROPIC_MODEL", json::string(wish.model));
    set("ANTHROPIC_DEFAULT_HAIKU_MODEL", json::string(wish.model));
  }
  if (!wish.key.empty()) set("HONE_KEY", json::string(wish.key), Secret::kKey);
  // Those of the logs alone: metrics and traces may go elsewhere already.
  set("CLAUDE_CODE_ENABLE_TELEMETRY", "1");
  set("OTEL_LOGS_EXPORTER", "otlp");
  set("OTEL_EXPORTER_OTLP_LOGS_PROTOCOL", "http/json");
  set("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", json::string(wish.server + "/v1/logs"));
  if (!wish.key.empty()) {
    set("OTEL_EXPORTER_OTLP_LOGS_HEADERS", json::string(otlp_headers(wish)), Secret::kHolds);
  }
  // The gateway sees all content anyway.
  if (!wish.gateway && wish.content) {
    for (const char* name :
         {"OTEL_LOG_USER_PROMPTS", "OTEL_LOG_ASSISTANT_RESPONSES", "OTEL_LOG_TOOL_DETAILS"}) {
      set(name, "1");
    }
  }
}

json::object claude_hook(const Wish& wish) {
  return {{"hooks", json::array({json::object{
                        {"type", "http"},
                        {"url", wish.server + std::string(kHookPath)},
                        {"headers", json::object{{"Authorization", "Bearer $HONE_KEY"}}},
                        {"allowedEnvVars", json::array({json::value("HONE_KEY")})},
                        {"timeout", kHookTimeoutS}}})}};
}

Result<Plan> plan_claude_code(const Wish& wish, const Places& places) {
  FilePlan file;
  file.path =
      places.project.empty()
          ? joined_path(tool_folder(places, "CLAUDE_CONFIG_DIR", ".claude"), "settings.json")
          : joined_path(places.project, ".claude/settings.local.json");
  claude_environment(wish, file.settings);
  for (const char* event : kHookEvents) {
    file.settings.push_back(
        {.path = {"hooks", event}, .value = claude_hook(wish), .in_list = true});
  }
  Plan plan{.files = {std::move(file)}};
  if (wish.key.empty()) {
    plan.remarks.emplace_back(
        wish.gateway ? "no key is written: set HONE_KEY, ANTHROPIC_AUTH_TOKEN and "
                       "OTEL_EXPORTER_OTLP_LOGS_HEADERS (Authorization=Bearer%20KEY) yourself"
                     : "no key is written: set HONE_KEY and OTEL_EXPORTER_OTLP_LOGS_HEADERS "
                       "(Authorization=Bearer%20KEY) yourself");
  }
  if (!places.project.empty()) {
    plan.remarks.emplace_back(".claude/settings.local.json holds the key: see that git ignores it");
  }
  return plan;
}

// ---- Codex -------------------------------------------------------------------------------------

Result<Plan> plan_codex(const Wish& wish, const Places& places) {
  if (!places.project.empty()) {
    return fail(ErrorCode::kInvalid,
                "Codex takes providers and telemetry from the person's own settings only: leave "
                "out --project");
  }
  const auto folder = tool_folder(places, "CODEX_HOME", ".codex");
  FilePlan config{
      .path = joined_path(folder, "config.toml"), .format = Format::kToml, .mode = 0644};
  auto& settings = config.settings;
  if (wish.gateway) {
    add_to(settings, {"model"}, json::string(wish.model));
    add_to(settings, {"model_provider"}, "hone");
    add_to(settings, {"model_providers", "hone", "name"}, "Hone");
    add_to(settings, {"model_providers", "hone", "base_url"}, json::string(wish.server + "/v1"));
    add_to(settings, {"model_providers", "hone", "env_key"}, "HONE_KEY");
    add_to(settings, {"model_providers", "hone", "wire_api"}, "responses");
  }
  const json::object exporter = {
      {"otlp-http", json::object{{"endpoint", wish.server + "/v1/logs"}, {"protocol", "json"}}}};
  add_to(settings, {"otel", "exporter"}, exporter);
  if (!wish.gateway && wish.content) add_to(settings, {"otel", "log_user_prompt"}, true);
  Plan plan{.files = {std::move(config)}};
  if (wish.key.empty()) {
    plan.remarks.emplace_back(
        "no key is written: set HONE_KEY and OTEL_EXPORTER_OTLP_LOGS_HEADERS "
        "(Authorization=Bearer%20KEY) in Codex's environment");
    return plan;
  }
  // Codex reads it into its environment at its start.
  plan.files.push_back(secrets_file(folder, wish, "OTEL_EXPORTER_OTLP_LOGS_HEADERS"));
  return plan;
}

// ---- opencode ----------------------------------------------------------------------------------

Result<Plan> plan_opencode(const Wish& wish, const Places& places) {
  if (!wish.gateway) {
    return fail(ErrorCode::kInvalid,
                "opencode sends no signals of its own: what people do is read from its calls, so "
                "--signals-only has nothing to write");
  }
  const bool own = places.project.empty();
  const auto folder =
      own ? joined_path(tool_folder(places, "XDG_CONFIG_HOME", ".config"), "opencode")
          : places.project;
  FilePlan config;
  config.path = own ? places.variable("OPENCODE_CONFIG") : "";
  if (config.path.empty()) {
    config.path = joined_path(folder, "opencode.json");
    if (!there(config.path) && there(config.path + "c")) config.path += "c";
  }
  // A project's settings are other people's too: there, each has his own key in his environment.
  const auto key_file = joined_path(places.state, "keys/opencode");
  const bool with_file = own && !wish.key.empty();
  const json::object provider = {
      {"npm", "@ai-sdk/openai-compatible"},
      {"name", "Hone"},
      {"options",
       json::object{{"baseURL", wish.server + "/v1"},
                    {"apiKey", with_file ? "{file:" + key_file + "}" : "{env:HONE_KEY}"}}},
      {"models", json::object{{wish.model, json::object()}}}};
  add_to(config.settings, {"model"}, json::string("hone/" + wish.model));
  add_to(config.settings, {"provider", "hone"}, provider);
  config.mode = 0644;
  Plan plan{.files = {std::move(config)}};
  if (with_file) {
    FilePlan key{.path = key_file, .format = Format::kWhole};
    key.content = wish.key + "\n";
    key.content_is_key = true;
    plan.files.push_back(std::move(key));
  } else {
    plan.remarks.emplace_back("no key is written: each person sets HONE_KEY in the environment");
  }
  return plan;
}

// ---- Gemini CLI --------------------------------------------------------------------------------

Result<Plan> plan_gemini_cli(const Wish& wish, const Places& places) {
  const auto folder = joined_path(places.project.empty() ? places.home : places.project, ".gemini");
  FilePlan config{.path = joined_path(folder, "settings.json"), .mode = 0644};
  auto& settings = config.settings;
  add_to(settings, {"telemetry", "enabled"}, true);
  add_to(settings, {"telemetry", "target"}, "local");
  add_to(settings, {"telemetry", "otlpEndpoint"}, json::string(wish.server));
  add_to(settings, {"telemetry", "otlpProtocol"}, "http");
  add_to(settings, {"telemetry", "logPrompts"}, wish.content);
  Plan plan{.files = {std::move(config)}};
  plan.remarks.emplace_back(
      "Gemini CLI's model calls go to Google as before: Hone does not speak their format. It gets "
      "the telemetry");
  if (wish.key.empty()) {
    plan.remarks.emplace_back(
        "no key is written: set OTEL_EXPORTER_OTLP_HEADERS (Authorization=Bearer%20KEY) in its "
        "environment");
    return plan;
  }
  plan.files.push_back(secrets_file(folder, wish, "OTEL_EXPORTER_OTLP_HEADERS"));
  plan.remarks.emplace_back(
      places.project.empty()
          ? "Gemini CLI reads one .env file, the nearest: where a project has its own, put "
            "OTEL_EXPORTER_OTLP_HEADERS there too"
          : ".gemini/.env holds the key: see that git ignores it");
  return plan;
}

// ---- Continue ----------------------------------------------------------------------------------

constexpr std::string_view kContinueKey = "${{ secrets.HONE_KEY }}";

Result<Plan> plan_continue(const Wish& wish, const Places& places) {
  if (!places.project.empty()) {
    return fail(ErrorCode::kInvalid,
                "Continue takes models and data destinations from the person's own config.yaml: "
                "leave out --project");
  }
  const auto folder = tool_folder(places, "CONTINUE_GLOBAL_DIR", ".continue");
  FilePlan config{
      .path = joined_path(folder, "config.yaml"), .format = Format::kYaml, .mode = 0644};
  if (!there(config.path) && there(joined_path(folder, "config.json"))) {
    return fail(ErrorCode::kConflict,
                joined_path(folder, "config.json") +
                    " would not be read any more beside a config.yaml: let Continue turn it into "
                    "one first");
  }
  auto& settings = config.settings;
  for (const auto& [name, value] : {std::pair("name", "Local Assistant"),
                                    std::pair("version", "1.0.0"), std::pair("schema", "v1")}) {
    settings.push_back({.path = {name}, .value = value, .if_absent = true});
  }
  if (wish.gateway) {
    const json::object model = {
        {"name", "Hone"},
        {"provider", "openai"},
        {"model", wish.model},
        {"apiBase", wish.server + "/v1"},
        {"apiKey", kContinueKey},
        {"roles", json::array({json::value("chat"), json::value("edit"), json::value("apply")})}};
    settings.push_back({.path = {"models"}, .value = model, .in_list = true});
  }
  json::object destination = {{"name", "Hone"},
                              {"destination", wish.server + std::string(kContinuePath)},
                              {"schema", "0.2.0"},
                              {"apiKey", kContinueKey}};
  if (!wish.content) destination["level"] = "noCode";
  settings.push_back({.path = {"data"}, .value = std::move(destination), .in_list = true});
  Plan plan{.files = {std::move(config)}};
  if (wish.key.empty()) {
    plan.remarks.emplace_back("no key is written: set the secret HONE_KEY in " +
                              joined_path(folder, ".env"));
    return plan;
  }
  plan.files.push_back(secrets_file(folder, wish, ""));
  return plan;
}

}  // namespace

const std::vector<Tool>& tools() {
  static const std::vector<Tool> all = {
      {"claude-code", "calls, telemetry and hooks of Claude Code", plan_claude_code},
      {"codex", "calls and telemetry of Codex", plan_codex},
      {"opencode", "calls of opencode", plan_opencode},
      {"gemini-cli", "telemetry of Gemini CLI", plan_gemini_cli},
      {"continue", "calls and development data of Continue", plan_continue},
  };
  return all;
}

const Tool* find_tool(std::string_view name) {
  for (const auto& tool : tools()) {
    if (tool.name == name) return &tool;
  }
  return nullptr;
}

}  // namespace hone::cli::connect
