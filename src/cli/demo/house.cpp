#include "cli/demo/house.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "base/file.h"
#include "net/client.h"
#include "people/roster.h"

namespace hone::cli::demo {
namespace {

using namespace std::chrono_literals;

constexpr auto kStartLimit = 180s;
constexpr auto kDayLimit = 30min;

// `wanted` where nobody listens there, else any free port of the loopback.
std::uint16_t free_port(std::uint16_t wanted) {
  for (const std::uint16_t port : {wanted, std::uint16_t{0}}) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    socklen_t size = sizeof address;
    auto* raw = reinterpret_cast<sockaddr*>(&address);
    const int on = 1;
    ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    const bool bound = ::bind(fd, raw, size) == 0 && ::getsockname(fd, raw, &size) == 0;
    ::close(fd);
    if (bound) return ntohs(address.sin_port);
  }
  return 0;
}

std::string toml_string(const std::string& text) {
  return json::serialize(json::string_view(text));  // a TOML basic string reads JSON's escapes
}

// Reads the lines that a growing file has got since `offset`.
std::vector<std::string> new_lines(const std::string& path, std::streamoff& offset) {
  std::ifstream file(path);
  file.seekg(offset);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line) && !file.eof();) {
    offset += static_cast<std::streamoff>(line.size()) + 1;
    lines.push_back(std::move(line));
  }
  return lines;
}

}  // namespace

std::string House::url() const {
  return "http://127.0.0.1:" + std::to_string(port_);
}
std::string House::engine_url() const {
  return "http://127.0.0.1:" + std::to_string(engine_port_);
}
std::string House::log(std::string_view name) const {
  return options_.data + "/" + std::string(name) + ".log";
}
std::string House::model_name() const {
  return std::filesystem::path(options_.base_model).filename().string();
}

Result<std::unique_ptr<House>> House::open(const Invocation& call, const HouseOptions& options) {
  std::unique_ptr<House> house(new House(call, options));
  std::error_code ignored;
  if (std::filesystem::exists(options.data + "/hone.db", ignored)) {
    return fail(ErrorCode::kConflict,
                options.data + " holds a store already; name an empty folder with --data");
  }
  if (auto made = house->furnish(); !made) return fail(made.error());
  if (auto invited = house->invite(); !invited) return fail(invited.error());
  return house;
}

Result<void> House::furnish() {
  auto base = std::filesystem::absolute(options_.base_model).lexically_normal();
  if (!base.has_filename()) base = base.parent_path();
  options_.base_model = base.string();
  options_.data = std::filesystem::absolute(options_.data).lexically_normal().string();
  if (auto made = posix_files().make_folder(options_.data); !made) return made;
  port_ = free_port(options_.port);
  engine_port_ = free_port(static_cast<std::uint16_t>(port_ + 1));
  const std::string toml =
      "data = " + toml_string(options_.data) +
      "\n\n[server]\nlisten = \"127.0.0.1:" + std::to_string(port_) +
      "\"\n\n[engine]\nmodel = " + toml_string(options_.base_model) +
      "\nlisten = \"127.0.0.1:" + std::to_string(engine_port_) +
      "\"\n\n[alias.assistant]\nupstream = \"engine\"\nmodel = " + toml_string(model_name()) + "\n";
  if (auto written = write_file_atomically(posix_files(), options_.data + "/hone.toml", toml);
      !written) {
    return written;
  }
  auto settings = parse_settings(toml, "hone.toml");
  if (!settings) return fail(settings.error());
  auto workspace = Workspace::open(*settings);
  if (!workspace) return fail(workspace.error());
  workspace_ = std::move(*workspace);
  return {};
}

// Asks hone-simulate who they are, makes them and their keys, and writes people.json for their
// work.
Result<void> House::invite() {
  const std::string list = options_.data + "/people.list";
  auto process = net::Process::spawn(
      {.argv = {call_.beside("hone-simulate"), "people", "--count", std::to_string(options_.people),
                "--seed", std::to_string(options_.seed)},
       .log_file = list});
  if (!process) return fail(process.error());
  if (process->wait().code != 0) {
    return fail(ErrorCode::kInternal, "hone-simulate people failed; see " + list);
  }
  auto text = read_file(posix_files(), list);
  if (!text) return fail(text.error());
  auto people = parse_json(*text);
  if (!people || !people->is_array()) {
    return fail(ErrorCode::kInternal, "hone-simulate people gave no list; see " + list);
  }
  people::Roster roster(workspace_->database(), workspace_->clock(), workspace_->ids());
  for (auto& item : people->get_array()) {
    auto& person = item.as_object();
    auto made = roster.ensure_person({.name = std::string(string_or_empty(person, "name")),
                                      .team = std::string(string_or_empty(person, "team"))});
    if (!made) return fail(made.error());
    auto key = roster.create_key(made->id);
    if (!key) return fail(key.error());
    person["key"] = key->secret;
  }
  return write_file_atomically(posix_files(), options_.data + "/people.json",
                               json::serialize(*people));
}

Result<void> House::start() {
  auto process = net::Process::spawn(
      {.argv = {call_.program, "--config", options_.data + "/hone.toml", "serve"},
       .log_file = log("serve")});
  if (!process) return fail(process.error());
  server_ = std::make_unique<net::Process>(std::move(*process));
  const auto give_up = std::chrono::steady_clock::now() + kStartLimit;
  auto ready = net::parse_url(url() + "/readyz");
  if (!ready) return fail(ready.error());
  while (std::chrono::steady_clock::now() < give_up) {
    if (!server_->running()) {
      return fail(ErrorCode::kInternal, "hone serve ended; see " + log("serve"));
    }
    auto response = net::fetch_blocking({.url = *ready}, 2s);
    if (response && response->status == 200) return {};
    std::this_thread::sleep_for(200ms);
  }
  return fail(ErrorCode::kTimeout, "hone serve is not ready after 180 s; see " + log("serve"));
}

Result<json::object> House::work(const DayPlan& plan, const WatchDay& watch) {
  const std::string day_log = log("day-" + std::to_string(plan.day));
  auto process = net::Process::spawn(
      {.argv = {call_.beside("hone-simulate"), "day", "--gateway", url(), "--people",
                options_.data + "/people.json", "--seed", std::to_string(options_.seed), "--day",
                std::to_string(plan.day), "--per-person", std::to_string(plan.per_person),
                "--taste", plan.taste, "--progress"},
       .log_file = day_log});
  if (!process) return fail(process.error());
  const auto give_up = std::chrono::steady_clock::now() + kDayLimit;
  std::streamoff offset = 0;
  json::object last;
  while (true) {
    const auto ended = process->wait_for(250ms);
    for (const auto& line : new_lines(day_log, offset)) {
      auto object = parse_json_object(line);
      if (!object) continue;  // its log goes to the same file
      last = std::move(*object);
      const auto done = field<std::int64_t>(last, "done");
      const auto total = field<std::int64_t>(last, "total");
      if (done && total) watch(*done, *total);
    }
    if (ended && ended->code == 0) return last;
    if (ended) return fail(ErrorCode::kInternal, "hone-simulate day failed; see " + day_log);
    if (std::chrono::steady_clock::now() > give_up) {
      return fail(ErrorCode::kTimeout, "the day did not end within 30 min; see " + day_log);
    }
  }
}

Result<void> House::settle() {
  const auto give_up = std::chrono::steady_clock::now() + 60s;
  while (std::chrono::steady_clock::now() < give_up) {
    auto due = workspace_->database().query("SELECT COUNT(*) AS n FROM verdict_due");
    if (!due) return fail(due.error());
    auto metrics = net::parse_url(url() + "/metrics");
    auto response = net::fetch_blocking({.url = *metrics}, 5s);
    if (response && due->front().integer("n") == 0 &&
        response->body.find("hone_indexer_lag_records 0\n") != std::string::npos &&
        response->body.find("hone_gateway_in_flight 0\n") != std::string::npos &&
        response->body.find("hone_recorder_queue 0\n") != std::string::npos) {
      return {};
    }
    std::this_thread::sleep_for(200ms);
  }
  return fail(ErrorCode::kTimeout, "the store did not come to rest within 60 s");
}

void House::stop() {
  if (server_) server_->terminate(20s);
  server_.reset();
}

}  // namespace hone::cli::demo
