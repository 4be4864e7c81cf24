// One serving process: loads the model, listens, answers until it is told to stop.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"

namespace hone::engine {

struct ServeOptions {
  std::string model_folder;
  std::string name;  // empty: the folder's name
  std::string address = "127.0.0.1";
  std::uint16_t port = 0;                                     // 0: any free one
  std::vector<std::pair<std::string, std::string>> adapters;  // name, folder
  std::string dtype = "auto";  // the fastest here; or fp32, bf16, fp16
  std::int64_t context = 8192;
  std::size_t max_waiting = 512;
  int threads = 2;
};

class InferenceServer {
 public:
  // Returns when it listens. kUnavailable: the port is taken.
  [[nodiscard]] static Result<std::unique_ptr<InferenceServer>> start(const ServeOptions& options);
  ~InferenceServer();  // stop()
  InferenceServer(const InferenceServer&) = delete;
  InferenceServer& operator=(const InferenceServer&) = delete;

  [[nodiscard]] std::uint16_t port() const;
  // Accepts nothing new, lets running answers finish for ten seconds, then ends. Idempotent.
  void stop();

 private:
  struct State;
  explicit InferenceServer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace hone::engine
