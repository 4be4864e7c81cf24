// How a running server gives way to a new one without a moment without any (docs/operations.md):
//
//   auto successor = Successor::start(command, server.listener(), 30s);   // it listens there too
//   while ((*successor)->look() == Successor::State::kComing) ...         // and we go on
//   if ((*successor)->look() == Successor::State::kReady) server.drain();
//
// and in the new one:
//
//   auto inheritance = Inheritance::take();            // first thing, before there are threads
//   options.listener = inheritance->take_listener();   // with those who wait in its queue
//   inheritance->say_ready();                          // once all of it runs
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "net/process.h"

namespace hone::cli {

class Successor {
 public:
  enum class State { kComing, kReady, kFailed };

  // `command` as this program was started, so that it is found where a new version lies by now.
  [[nodiscard]] static Result<std::unique_ptr<Successor>> start(
      const std::vector<std::string>& command, int listener, std::chrono::seconds patience);
  ~Successor();  // kills it, unless it is ready
  Successor(const Successor&) = delete;
  Successor& operator=(const Successor&) = delete;

  // Does not wait. kFailed: it has ended, or was ended for it took too long.
  [[nodiscard]] State look();
  [[nodiscard]] const std::string& why() const { return why_; }  // of kFailed
  [[nodiscard]] int pid() const { return pid_; }

 private:
  Successor(net::Process process, int ear, std::chrono::seconds patience);
  State fail_with(std::string why);

  net::Process process_;
  const int pid_;
  const int ear_;  // where it says that it is ready
  const std::chrono::seconds patience_;
  const std::chrono::steady_clock::time_point began_;
  State state_ = State::kComing;
  std::string why_;
};

class Inheritance {
 public:
  // From the environment, which is cleared of it: children of ours inherit nothing. None where this
  // process takes nobody's place; kInvalid for what no server of ours has put there.
  [[nodiscard]] static Result<std::optional<Inheritance>> take();
  Inheritance(Inheritance&& other) noexcept;
  Inheritance& operator=(Inheritance&&) = delete;
  ~Inheritance();

  [[nodiscard]] int take_listener();  // the caller's to close
  void say_ready();

 private:
  Inheritance(int listener, int mouth) : listener_(listener), mouth_(mouth) {}
  int listener_ = -1;
  int mouth_ = -1;
};

}  // namespace hone::cli
