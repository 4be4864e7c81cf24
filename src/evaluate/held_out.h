// The examples that only ever evaluate: held_out.jsonl of a dataset (docs/formats/dataset.md).
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace hone::evaluate {

struct HeldOut {
  std::string id;
  std::string person;
  json::array prompt;
  json::array tools = {};  // definitions, where there were some
  std::string original;    // the answer that a model gave then; tool calls as wire::chat_text
  std::string wanted;  // what the person wanted: the original where accepted, or their final text;
                       // empty where it was rejected without one
  json::object calling = {};  // the wanted answer's message, where it calls tools
  std::string domain;
  bool accepted = false;  // as it was

  [[nodiscard]] bool edited() const {
    return !wanted.empty() && !original.empty() && wanted != original;
  }
};

// kInvalid names the line.
[[nodiscard]] Result<std::vector<HeldOut>> read_held_out(const std::string& path);

}  // namespace hone::evaluate
