// What `hone connect TOOL` would write, as data: files, and in each file settings by their path.
// The same plan is shown, written, checked and undone, so a tool is one function that makes a plan.
//
//   FilePlan file{.path = places.home + "/.codex/config.toml", .format = Format::kToml};
//   file.settings.push_back({.path = {"model_providers", "hone", "name"}, .value = "Hone"});
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace hone::cli::connect {

enum class Format {
  kJson,    // with comments and trailing commas
  kToml,    //
  kYaml,    // top-level keys and items of top-level lists
  kDotenv,  // NAME=value lines
  kWhole,   // the file is ours from the first byte to the last: `FilePlan::content`
};

enum class Secret {
  kNo,
  kKey,    // the value is the key, under a name that is Hone's alone: it is read from there
  kHolds,  // the key is in it; what stands there already may be another's, and is never sent
};

struct Setting {
  std::vector<std::string> path;  // keys from the root
  json::value value;
  bool in_list = false;    // `value` is one item of the list at `path`, beside the items of others
  bool if_absent = false;  // whatever stands there already is good
  Secret secret = Secret::kNo;
};

struct FilePlan {
  std::string path;
  Format format = Format::kJson;
  std::vector<Setting> settings;
  std::string content{};  // kWhole
  bool content_is_key = false;
  mode_t mode = 0600;  // of a file that is not there yet
};

struct Plan {
  std::vector<FilePlan> files;
  std::vector<std::string> remarks{};  // what the person should know or do
};

// What the person wants.
struct Wish {
  std::string server;  // "http://127.0.0.1:8700", without a slash at the end
  std::string key;     // empty: none is written
  std::string model = "assistant";
  bool gateway = true;  // model calls go through Hone; false: only signals
  bool content = true;  // telemetry may carry prompts where the gateway does not see them
};

// Where things are; a test gives its own.
struct Places {
  std::string home;
  std::string project{};  // empty: the person's own settings
  std::string state;      // hone's own folder: backups and what was written
  std::function<std::string(const std::string& name)> variable = [](const std::string&) {
    return std::string();
  };
};

struct Tool {
  std::string name;  // on the command line
  std::string what;  // one line for the help
  Result<Plan> (*plan)(const Wish& wish, const Places& places);
};

// All tools, in the order of the help. A new one is a function that makes a plan, and a row in
// tools.cpp.
[[nodiscard]] const std::vector<Tool>& tools();
[[nodiscard]] const Tool* find_tool(std::string_view name);

// "env.ANTHROPIC_BASE_URL"
[[nodiscard]] std::string dotted(const std::vector<std::string>& path);

}  // namespace hone::cli::connect
