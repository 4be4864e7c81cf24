// Keeps one hone-engine running beside the server: starts it, waits until it answers, starts it
// again when it ends, with growing pauses. `generation` grows with every start, so that others know
// when what was loaded into it is gone.
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "base/result.h"
#include "cli/settings.h"
#include "net/process.h"

namespace hone::cli {

class EngineKeeper {
 public:
  // `program` is hone-engine's path; it logs into `log_file`.
  EngineKeeper(EngineSettings settings, std::string program, std::string log_file);
  ~EngineKeeper();  // stop()
  EngineKeeper(const EngineKeeper&) = delete;
  EngineKeeper& operator=(const EngineKeeper&) = delete;

  void start();
  void stop();  // lets the engine finish what it answers, for some seconds
  [[nodiscard]] bool ready() const { return ready_; }
  [[nodiscard]] std::int64_t generation() const { return generation_; }

 private:
  void keep();
  void watch(net::Process& engine);
  [[nodiscard]] bool answers() const;
  [[nodiscard]] bool pause(std::chrono::milliseconds time);  // false where we are stopping

  const EngineSettings settings_;
  const std::string program_;
  const std::string log_file_;
  std::atomic<bool> ready_ = false;
  std::atomic<std::int64_t> generation_ = 0;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace hone::cli
