// By what a post of CI shows that it is GitHub's or GitLab's (api/ci_hooks.h).
#pragma once

#include <string>

namespace hone::api {

// Empty: that receiver is off.
struct CiSecrets {
  std::string github;
  std::string gitlab;
};

}  // namespace hone::api
