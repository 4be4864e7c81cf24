// Which model answers: the seam between the gateway and releases. The gateway asks for each call;
// the answer is sticky per person while a release runs.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hone::capture {

struct Route {
  std::string alias;     // what the tool asked for, where it is one of ours; else the model name
  std::string upstream;  // name of a capture::Upstream
  std::string upstream_model;  // what to send as "model"
  std::string model;           // digest in the registry, or the upstream's own model name
  std::string arm;             // "baseline", "canary", "holdback"; empty without a release
  std::string release;
  double propensity = 1;
  bool trainable = false;  // of the model; the upstream must allow it too
};

// Thread-safe, and quick: it runs on a connection's loop.
class Router {
 public:
  virtual ~Router() = default;
  // `person` is empty for a caller without one. kNotFound where `model_asked` is no alias: the
  // gateway then looks for an upstream that serves a model of that name.
  [[nodiscard]] virtual Result<Route> route(std::string_view model_asked,
                                            const std::string& person) = 0;
  [[nodiscard]] virtual std::vector<std::string> aliases() = 0;
};

}  // namespace hone::capture
