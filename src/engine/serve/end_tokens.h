// What ends an answer, in serving and where training samples: any of config.json's end tokens, and
// the chat format's.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "engine/model/chat.h"
#include "engine/model/config.h"

namespace hone::engine {

[[nodiscard]] inline std::vector<std::int64_t> end_tokens_of(const LlamaConfig& config,
                                                             const Chat& chat) {
  std::vector<std::int64_t> ids = config.eos_token_ids;
  if (std::find(ids.begin(), ids.end(), chat.end_token()) == ids.end())
    ids.push_back(chat.end_token());
  return ids;
}

}  // namespace hone::engine
