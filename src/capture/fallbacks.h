// Who answers for an alias where its upstream does not, in order. What stands in is no arm of a
// release: its answers say nothing about the model that was meant.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

namespace hone::capture {

struct Fallback {
  std::string upstream;
  std::string model;  // what to send as "model"; "": the same as to the first
};

using Fallbacks = std::map<std::string, std::vector<Fallback>, std::less<>>;  // by alias

}  // namespace hone::capture
