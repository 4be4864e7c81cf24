// What a run tells while it runs and when it ends: progress.jsonl, a line a step, and result.json
// (docs/formats/run.md).
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/file.h"
#include "base/json.h"
#include "base/result.h"

namespace hone::engine {

class ProgressLog {
 public:
  // Opens RUN/progress.jsonl for appending; lines of steps after `done` steps, which a killed run
  // wrote and a resumed one will write again, go away.
  [[nodiscard]] static Result<ProgressLog> open(const std::string& run_folder, std::int64_t done);
  [[nodiscard]] Result<void> append(const json::object& line);

 private:
  ProgressLog(std::unique_ptr<File> file, std::uint64_t end) : file_(std::move(file)), end_(end) {}
  std::unique_ptr<File> file_;
  std::uint64_t end_;
};

[[nodiscard]] Result<void> write_result(const std::string& run_folder, const json::object& result);
// True where result.json says that the run is done.
[[nodiscard]] bool is_done(const std::string& run_folder);

}  // namespace hone::engine
