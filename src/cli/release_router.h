// The gateway asks for a route; releases know it.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "capture/router.h"
#include "release/routes.h"

namespace hone::cli {

class ReleaseRouter final : public capture::Router {
 public:
  explicit ReleaseRouter(release::Routes& routes) : routes_(routes) {}
  Result<capture::Route> route(std::string_view model_asked, const std::string& person) override {
    auto routed = routes_.route(model_asked, person);
    if (!routed) return fail(routed.error());
    return capture::Route{.alias = std::move(routed->alias),
                          .upstream = std::move(routed->upstream),
                          .upstream_model = std::move(routed->upstream_model),
                          .model = std::move(routed->model),
                          .arm = std::move(routed->arm),
                          .release = std::move(routed->release),
                          .propensity = routed->propensity,
                          .trainable = routed->trainable};
  }
  std::vector<std::string> aliases() override { return routes_.aliases(); }

 private:
  release::Routes& routes_;
};

}  // namespace hone::cli
