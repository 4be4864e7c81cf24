#include "cli/succession.h"

#include <csignal>

#include "base/log.h"
#include "cli/service_manager.h"

namespace hone::cli {
namespace {

// Answers last minutes, and nobody waits for us.
constexpr auto kDrain = std::chrono::minutes(15);
constexpr auto kGrpcDrain = std::chrono::seconds(5);  // its calls take no model's time

}  // namespace

void Succession::begin() {
  if (successor_) return spdlog::warn("process {} takes this one's place", successor_->pid());
  parts_.elders.stop();  // the journals that are free stay so, for the new one to choose
  auto started = Successor::start(parts_.command, parts_.server.listener(), parts_.patience);
  if (!started) return go_on(started.error().message);
  successor_ = std::move(*started);
  spdlog::info("process {} is to take this one's place", successor_->pid());
}

void Succession::go_on(const std::string& why) {
  spdlog::error("the new server did not come up, and this one goes on: {}", why);
  successor_.reset();
  reload_too_ = false;
  parts_.elders.start();
}

void Succession::look() {
  if (!successor_ || ends_at_) return;
  const auto state = successor_->look();
  if (state == Successor::State::kComing) return;
  if (state == Successor::State::kFailed) return go_on(successor_->why());
  parts_.server.drain();
  parts_.housekeeping.stop_deciding();  // before anything that waits: two would decide meanwhile
  if (parts_.grpc != nullptr) parts_.grpc->stop(kGrpcDrain);
  ends_at_ = std::chrono::steady_clock::now() + kDrain;
  spdlog::info("process {} serves from here on; this one ends what it began", successor_->pid());
  tell_service_manager("MAINPID=" + std::to_string(successor_->pid()));
  if (reload_too_) ::kill(successor_->pid(), SIGHUP);
}

bool Succession::ended() const {
  if (!ends_at_) return false;
  return parts_.server.drained() || std::chrono::steady_clock::now() >= *ends_at_;
}

}  // namespace hone::cli
