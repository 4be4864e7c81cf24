// The groups of a golden folder, one file each. Every one finds what there is by the folder's
// layout, and knows no model, string or case by name.
#pragma once

#include <string>

#include "engine/golden/group.h"

namespace hone::engine::golden {

struct Place {
  std::string folder;
  std::string gguf;  // the GGUF file that smollm2/ is about, or empty
  int threads = 2;   // of the server that answers smollm2's prompts
};

[[nodiscard]] GroupReport check_tokenizers(const Place& place);
[[nodiscard]] GroupReport check_rendered(const Place& place);  // chat templates
[[nodiscard]] GroupReport check_sft(const Place& place);       // what of a conversation is trained
[[nodiscard]] GroupReport check_models(const Place& place);
[[nodiscard]] GroupReport check_adapters(const Place& place);
[[nodiscard]] GroupReport check_losses(const Place& place);
[[nodiscard]] GroupReport check_trajectories(const Place& place);
[[nodiscard]] GroupReport check_smollm2(const Place& place);

}  // namespace hone::engine::golden
