#include "cli/engine_keeper.h"

#include <spdlog/spdlog.h>

#include <algorithm>

#include "net/client.h"

namespace hone::cli {

using namespace std::chrono_literals;

EngineKeeper::EngineKeeper(EngineSettings settings, std::string program, std::string log_file)
    : settings_(std::move(settings)),
      program_(std::move(program)),
      log_file_(std::move(log_file)) {}

EngineKeeper::~EngineKeeper() {
  stop();
}

void EngineKeeper::start() {
  thread_ = std::thread(&EngineKeeper::keep, this);
}

void EngineKeeper::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

bool EngineKeeper::pause(std::chrono::milliseconds time) {
  std::unique_lock lock(mutex_);
  return !changed_.wait_for(lock, time, [this] { return stopping_; });
}

bool EngineKeeper::answers() const {
  auto url = net::parse_url("http://" + settings_.listen + "/healthz");
  if (!url) return false;
  const auto response = net::fetch_blocking({.url = *url, .connect_timeout = 1s}, 5s);
  return response && response->status == 200;
}

// The engine is a child of this thread's: it dies with it.
void EngineKeeper::keep() {
  auto wait = 500ms;
  do {
    auto engine = net::Process::spawn(
        {.argv = {program_, "serve", "--model", settings_.model, "--listen", settings_.listen,
                  "--threads", std::to_string(settings_.threads), "--context",
                  std::to_string(settings_.context)},
         .log_file = log_file_});
    if (!engine) {
      spdlog::error("hone-engine does not start: {}", engine.error().message);
    } else {
      const auto began = std::chrono::steady_clock::now();
      watch(*engine);
      if (std::chrono::steady_clock::now() - began > 60s) wait = 500ms;
    }
    ready_ = false;
    wait = std::min(wait * 2, 30'000ms);
  } while (pause(wait));
}

void EngineKeeper::watch(net::Process& engine) {
  while (pause(ready_ ? 500ms : 100ms)) {
    if (!engine.running()) {
      const auto exit = engine.wait();
      spdlog::error("hone-engine ended with status {}; starting it again. Its log: {}", exit.code,
                    log_file_);
      return;
    }
    if (!ready_ && answers()) {
      ++generation_;
      ready_ = true;
      spdlog::info("hone-engine answers on {}", settings_.listen);
    }
  }
  engine.terminate(10s);
}

}  // namespace hone::cli
