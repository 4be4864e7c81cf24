// hone connect TOOL [--check | --remove]: points a tool that people use already at Hone, shows
// first what it writes, and undoes it.
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <iostream>

#include "base/file.h"
#include "cli/command.h"
#include "cli/connect/connect.h"
#include "cli/connect/document.h"
#include "net/url.h"

namespace hone::cli {
namespace {

struct ConnectCommand {
  std::string tool;
  std::string server;
  std::string model;
  std::string key_file;
  bool no_key = false;
  bool project = false;
  bool signals_only = false;
  bool no_content = false;
  bool check = false;
  bool remove = false;
  bool dry_run = false;
  bool yes = false;
};

Result<connect::Places> places_of(const ConnectCommand& command) {
  connect::Places places{.home = variable_or_empty("HOME"),
                         .state = variable_or_empty("XDG_STATE_HOME")};
  places.variable = variable_or_empty;
  if (!places.home.starts_with('/')) {
    return fail(ErrorCode::kInvalid, "HOME does not name a folder");
  }
  places.state =
      (places.state.starts_with('/') ? places.state : places.home + "/.local/state") + "/hone";
  if (command.project) {
    std::error_code failed;
    places.project = std::filesystem::current_path(failed).string();
    if (failed) return fail(ErrorCode::kIo, "cannot tell the current folder: " + failed.message());
    if (places.project == places.home) {
      return fail(ErrorCode::kInvalid, "--project: this is the home folder, not a project");
    }
  }
  return places;
}

Result<std::string> checked_server(std::string server) {
  while (server.ends_with('/')) server.pop_back();
  const auto url = net::parse_url(server);
  if (!url) return fail(url.error().with("--server"));
  if (url->target.contains('?')) {
    return fail(ErrorCode::kInvalid, "--server: no query, please: http://HOST:PORT");
  }
  return server;
}

Result<std::string> server_of(const Invocation& call, const ConnectCommand& command,
                              const std::optional<connect::Record>& record) {
  if (!command.server.empty()) return checked_server(command.server);
  if (const auto named = variable_or_empty("HONE_SERVER"); !named.empty())
    return checked_server(named);
  if (record) return record->wish.server;
  const auto settings = call.settings();
  if (!settings) return fail(settings.error());
  const auto endpoint = reached_at(*settings);
  if (!endpoint) return fail(endpoint.error());
  return server_url(*settings, *endpoint);
}

// One line from the terminal, which does not show it.
Result<std::string> ask_key() {
  std::cerr << "Hone key (from `hone key create`; it is not shown): " << std::flush;
  termios shown{};
  const bool hide = ::tcgetattr(STDIN_FILENO, &shown) == 0;
  if (hide) {
    termios hidden = shown;
    // Without signals, too: whoever interrupts here keeps a terminal that shows what is typed.
    hidden.c_lflag &= ~static_cast<tcflag_t>(ECHO | ISIG);
    ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
  }
  std::string key;
  std::getline(std::cin, key);
  if (hide) ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown);
  std::cerr << '\n';
  return key;
}

// The key that is given, written there already, or typed; "" where there is none and `ask` is
// false.
Result<std::string> read_key(const ConnectCommand& command, const std::string& in_files, bool ask) {
  constexpr std::size_t kMaxKeyBytes = 4096;
  if (command.key_file == "-") {
    std::string key;
    std::getline(std::cin, key);
    return key;
  }
  if (!command.key_file.empty()) {
    return read_file(posix_files(), command.key_file, kMaxKeyBytes);
  }
  if (const auto named = variable_or_empty("HONE_KEY"); !named.empty()) return named;
  if (!in_files.empty()) return in_files;
  if (!ask) return "";
  if (::isatty(STDIN_FILENO) != 0) return ask_key();
  return fail(ErrorCode::kInvalid,
              "no key: set HONE_KEY, or --key-file FILE (- is standard input), or --no-key where "
              "the tool finds it by itself; `hone key create` makes one");
}

// The key, without what surrounds it in a file, and fit for an HTTP header, JSON, TOML and .env.
Result<std::string> checked_key(std::string key) {
  while (!key.empty() && std::string_view(" \t\r\n").contains(key.back())) key.pop_back();
  const auto fits = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
           std::string_view("-._~+/=").contains(c);
  };
  if (key.size() < 8 || key.size() > 512 || !std::all_of(key.begin(), key.end(), fits)) {
    return fail(ErrorCode::kInvalid, "this is no key: 8 to 512 letters, digits and -._~+/=");
  }
  return key;
}

void apply_options(const ConnectCommand& command, connect::Wish& wish) {
  if (!command.model.empty()) wish.model = command.model;
  if (command.signals_only) wish.gateway = false;
  if (command.no_content) wish.content = false;
}

// What `connect` needs to know before it does anything.
struct Situation {
  const connect::Tool* tool = nullptr;
  connect::Places places;
  std::unique_ptr<FileLock> lock;  // two at once would each undo what they know
  std::string folder;              // of the record
  std::optional<connect::Record> record;
  connect::Wish wish;
  connect::Plan plan;
  bool key_known = false;
};

Result<Situation> look_around(const ConnectCommand& command) {
  Situation now;
  now.tool = connect::find_tool(command.tool);
  if (now.tool == nullptr) {
    std::string names;
    for (const auto& tool : connect::tools()) names += tool.name + ", ";
    return fail(ErrorCode::kInvalid, "no tool '" + command.tool + "'; there are " + names + "git");
  }
  auto places = places_of(command);
  if (!places) return fail(places.error());
  now.places = std::move(*places);
  now.folder = connect::record_folder(now.tool->name, now.places);
  if (!command.check && !command.dry_run) {
    const std::string shared = now.places.state + "/connect";
    if (auto made = posix_files().make_folder(shared); !made) return fail(made.error());
    auto lock = posix_files().lock(shared + "/lock");
    if (!lock) return fail(lock.error());
    now.lock = std::move(*lock);
  }
  auto record = connect::load_record(now.folder);
  if (!record) return fail(record.error());
  now.record = std::move(*record);
  return now;
}

bool holds_key(const connect::Record& record) {
  return std::any_of(record.files.begin(), record.files.end(), [](const auto& file) {
    return file.plan.content_is_key ||
           std::any_of(file.plan.settings.begin(), file.plan.settings.end(),
                       [](const auto& one) { return one.secret != connect::Secret::kNo; });
  });
}

// Stands for a key that is not known, in a plan that is only looked at.
constexpr std::string_view kNoKnownKey = "the-key-is-not-known";

enum class KeyWanted {
  kMust,     // asked for, an error where there is none
  kIfThere,  // what is given or stands in the files
  kIfGiven,  // only what is given
};

// What is to be written, or looked for.
Result<void> make_plan(const Invocation& call, const ConnectCommand& command, KeyWanted wanted,
                       Situation& now) {
  auto& wish = now.wish;
  // --check looks at the connection that was made; connecting makes what is asked for now.
  if (now.record && command.check) wish = now.record->wish;
  auto server = server_of(call, command, now.record);
  if (!server) return fail(server.error());
  wish.server = std::move(*server);
  if (now.record) wish.model = now.record->wish.model;
  apply_options(command, wish);
  const bool without = command.no_key || (command.check && now.record && !holds_key(*now.record));
  if (!without) {
    wish.key = kNoKnownKey;  // a plan with it says where keys stand
    const auto with_key = now.tool->plan(wish, now.places);
    if (!with_key) return fail(with_key.error());
    const bool look = wanted != KeyWanted::kIfGiven;
    auto key =
        read_key(command, look ? connect::key_in_files(*with_key) : "", wanted == KeyWanted::kMust);
    if (!key) return fail(key.error());
    if (!key->empty()) {
      auto checked = checked_key(std::move(*key));
      if (!checked) return fail(checked.error());
      wish.key = std::move(*checked);
      now.key_known = true;
    }
  }
  auto plan = now.tool->plan(wish, now.places);
  if (!plan) return fail(plan.error());
  now.plan = std::move(*plan);
  return {};
}

Result<void> confirm(const ConnectCommand& command, std::string_view question) {
  if (command.yes) return {};
  if (::isatty(STDIN_FILENO) == 0) {
    return fail(ErrorCode::kInvalid,
                "nobody is there to ask: --yes writes this, --dry-run only shows it");
  }
  std::cerr << question << " [y/N] " << std::flush;
  std::string answer;
  std::getline(std::cin, answer);
  if (answer == "y" || answer == "Y" || answer == "yes") return {};
  return fail(ErrorCode::kConflict, "nothing was written");
}

// The settings as data, for scripts and for putting them in by hand; keys are not in it.
json::value plan_json(const connect::Plan& plan) {
  json::array files;
  for (const auto& file : plan.files) {
    json::array settings;
    for (const auto& setting : file.settings) {
      settings.push_back(json::object{
          {"setting", connect::dotted(setting.path)},
          {"value", setting.secret == connect::Secret::kNo ? setting.value : json::value("***")},
          {"in_list", setting.in_list}});
    }
    files.push_back(json::object{{"file", file.path}, {"settings", std::move(settings)}});
  }
  return json::object{{"files", std::move(files)}};
}

Result<void> connect_tool(const Invocation& call, const ConnectCommand& command, Situation& now) {
  auto planned =
      make_plan(call, command, command.dry_run ? KeyWanted::kIfThere : KeyWanted::kMust, now);
  if (!planned) return planned;
  if (command.dry_run && call.json) {
    show(call, plan_json(now.plan));
    return {};
  }
  const auto changes = connect::work_out(now.plan, now.record);
  if (!changes) return fail(changes.error());
  const auto shown = connect::show_changes(*changes, now.wish.key);
  for (const auto& line : now.plan.remarks) remark(line);
  if (shown.empty()) {
    remark("everything stands already; nothing to write");
    return {};
  }
  std::cout << shown << std::flush;
  if (command.dry_run) return {};
  if (auto agreed = confirm(command, "Write this?"); !agreed) return agreed;
  auto written = connect::write_changes(*changes, now.wish, now.folder);
  if (!written) return written;
  remark("connected: `hone connect " + command.tool + " --check` tries it, `--remove` undoes it" +
         "; a running " + command.tool + " takes it when it starts again");
  return {};
}

Result<void> remove_tool(const ConnectCommand& command, const Situation& now) {
  if (!now.record) {
    return fail(ErrorCode::kNotFound, "nothing that `hone connect " + command.tool +
                                          "` wrote is "
                                          "known here" +
                                          (command.project ? " for this project" : ""));
  }
  const auto changes = connect::work_out_removal(*now.record);
  if (!changes) return fail(changes.error());
  std::string key;
  for (const auto& file : now.record->files) {
    for (const auto& setting : file.plan.settings) {
      if (setting.secret == connect::Secret::kKey && setting.value.is_string()) {
        key = setting.value.get_string();
      }
    }
  }
  std::cout << connect::show_changes(*changes, key) << std::flush;
  for (const auto& change : *changes) {
    for (const auto& one : change.changed) {
      remark(change.plan.path + ": " + one +
             " was changed after hone wrote it, and stays as it is now");
    }
  }
  if (command.dry_run) return {};
  if (auto agreed = confirm(command, "Undo this?"); !agreed) return agreed;
  auto removed = connect::write_removal(*changes, now.folder);
  if (removed) remark("undone");
  return removed;
}

Result<void> check_tool(const Invocation& call, const ConnectCommand& command, Situation& now) {
  // A key that is given is what should stand; otherwise the one that stands is tried.
  auto planned = make_plan(call, command, KeyWanted::kIfGiven, now);
  if (!planned) return planned;
  auto findings = connect::check_settings(now.plan, now.key_known);
  if (!findings) return fail(findings.error());
  const auto standing =
      std::all_of(findings->begin(), findings->end(), [](const auto& one) { return one.good; });
  findings->push_back(connect::check_answer(now.wish.server));
  const bool answers = findings->back().good;
  auto key = connect::key_in_files(now.plan);
  if (key.empty()) key = variable_or_empty("HONE_KEY");  // where the tool itself would find it
  if (answers) findings->push_back(connect::check_key(now.wish.server, key));
  const bool taken = findings->back().good;
  json::array rows;
  for (const auto& one : *findings) {
    rows.push_back(
        json::object{{"setting", one.setting}, {"state", one.state}, {"where", one.file}});
  }
  show(call, rows, {"setting", "state", "where"});
  if (!standing) {
    return fail(now.record ? ErrorCode::kConflict : ErrorCode::kNotFound,
                command.tool + " is not connected as it should be: `hone connect " + command.tool +
                    "` writes what is missing");
  }
  if (!answers) return fail(ErrorCode::kUnavailable, now.wish.server + " does not answer as Hone");
  if (!taken) return fail(ErrorCode::kDenied, "the key is not taken; `hone key create` makes one");
  return {};
}

// git has no settings for us, but hooks: of the repository that we stand in.
Result<void> connect_hooks_of_git(const Invocation& call, const ConnectCommand& command) {
  if (command.check) return connect_git(call, GitConnection::kCheck);
  if (command.dry_run) return connect_git(call, GitConnection::kShow);
  if (!command.yes) {
    if (auto shown = connect_git(call, GitConnection::kShow); !shown) return shown;
  }
  auto agreed = confirm(command, command.remove ? "Take Hone's hooks away?" : "Write these?");
  if (!agreed) return agreed;
  return connect_git(call, command.remove ? GitConnection::kRemove : GitConnection::kInstall);
}

Result<void> connect_command(const Invocation& call, const ConnectCommand& command) {
  if (command.tool == "git") return connect_hooks_of_git(call, command);
  auto now = look_around(command);
  if (!now) return fail(now.error());
  if (command.check) return check_tool(call, command, *now);
  return command.remove ? remove_tool(command, *now) : connect_tool(call, command, *now);
}

}  // namespace

void add_connect(CLI::App& app, Invocation& call) {
  auto command = std::make_shared<ConnectCommand>();
  std::string names;
  for (const auto& tool : connect::tools()) {
    names += "\n  " + tool.name + ": " + tool.what;
  }
  names += "\n  git: hooks by which git tells what becomes of edits, in this repository";
  auto* connect_app = app.add_subcommand(
      "connect", "points a tool at Hone: shows what it writes, asks, writes; --remove undoes it");
  connect_app->add_option("tool", command->tool, "which:" + names)->required();
  auto* check = connect_app->add_flag(
      "--check", command->check,
      "does each setting stand, does the server answer, is the key good? Writes nothing");
  auto* remove = connect_app->add_flag("--remove", command->remove, "undo what was written");
  check->excludes(remove);
  connect_app->add_flag("--project", command->project,
                        "the settings of the project in this folder, not the person's own");
  connect_app->add_option("--server", command->server,
                          "where Hone is (default: HONE_SERVER, else as connected before, else "
                          "the listen address of the settings)");
  connect_app->add_option("--model", command->model, "the alias to ask for (assistant)");
  auto* key_file = connect_app->add_option(
      "--key-file", command->key_file,
      "file with the key, - for standard input (default: HONE_KEY, else the one that is written "
      "there, else it is asked for)");
  connect_app->add_flag("--no-key", command->no_key, "write no key: the environment has it")
      ->excludes(key_file);
  connect_app->add_flag("--signals-only", command->signals_only,
                        "model calls stay where they go; only what people do is told");
  connect_app->add_flag("--no-content", command->no_content,
                        "telemetry without prompts, also where calls do not go through Hone");
  auto* dry_run = connect_app->add_flag("--dry-run", command->dry_run,
                                        "only show it; with --json as data, without the key");
  connect_app->add_flag("--yes", command->yes, "do not ask")->excludes(dry_run);
  connect_app->callback([&call, command] {
    call.action = [&call, command] { return connect_command(call, *command); };
  });
}

}  // namespace hone::cli
