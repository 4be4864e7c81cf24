// The demo's house: a fresh data folder, `hone serve` with hone-engine behind it, and forty people
// with keys. Servers and people are processes of their own and talk HTTP; the demo only starts them
// and reads the store afterwards.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/json.h"
#include "base/result.h"
#include "cli/command.h"
#include "cli/workspace.h"
#include "net/process.h"

namespace hone::cli::demo {

struct HouseOptions {
  std::string base_model;  // Hugging Face folder
  std::string data;        // made where it does not exist; must be empty
  std::int64_t seed = 1;
  std::int64_t people = 40;
  std::uint16_t port = 8700;  // another free one is taken where this is not
};

// One day of work, as hone-simulate tells it.
struct DayPlan {
  std::int64_t day = 1;
  std::int64_t per_person = 8;
  std::string taste = "house";
};
using WatchDay = std::function<void(std::int64_t done, std::int64_t total)>;

class House {
 public:
  [[nodiscard]] static Result<std::unique_ptr<House>> open(const Invocation& call,
                                                           const HouseOptions& options);

  // Starts the server and waits until it is ready.
  [[nodiscard]] Result<void> start();
  // The people's work; returns hone-simulate's summary.
  [[nodiscard]] Result<json::object> work(const DayPlan& plan, const WatchDay& watch);
  // Waits until everything recorded so far is in the database and judged.
  [[nodiscard]] Result<void> settle();
  void stop();

  [[nodiscard]] Workspace& workspace() { return *workspace_; }
  [[nodiscard]] std::string url() const;         // of the gateway and dashboard
  [[nodiscard]] std::string engine_url() const;  // of the model server
  [[nodiscard]] std::string model_name() const;  // of the base, as it is served

 private:
  House(const Invocation& call, HouseOptions options) : call_(call), options_(std::move(options)) {}
  [[nodiscard]] Result<void> furnish();
  [[nodiscard]] Result<void> invite();
  [[nodiscard]] std::string log(std::string_view name) const;

  const Invocation& call_;
  HouseOptions options_;
  std::uint16_t port_ = 0;
  std::uint16_t engine_port_ = 0;
  std::unique_ptr<Workspace> workspace_;
  std::unique_ptr<net::Process> server_;
};

}  // namespace hone::cli::demo
