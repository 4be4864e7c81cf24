// The dataset of a run (docs/formats/run.md), as token ids. A bad line is an error that names it;
// what is longer than the limit is left out and counted, because a cut answer would teach to stop
// early or never.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/model/chat.h"
#include "engine/train/conversation.h"
#include "engine/verify/verifier.h"

namespace hone::engine {

struct Demonstration {
  std::string id;
  Sequence sequence;
  double weight = 1.0;
};

struct Preference {
  std::string id;
  Sequence chosen;
  Sequence rejected;
  double weight = 1.0;
  double margin = 0.0;  // how much better the chosen was rated; reward models ask for it
};

// An answer that was judged alone: true where it was accepted as it was.
struct Judgement {
  std::string id;
  Sequence sequence;
  bool desirable = false;
  double weight = 1.0;
};

// A prompt whose answers a verifier, or a reward model, can tell apart.
struct Task {
  std::string id;
  std::vector<ChatMessage> messages;
  TokenIds prompt;  // with the header of the answer
  std::optional<Verifier> verifier;
  double weight = 1.0;
};

template <typename Example>
struct Dataset {
  std::vector<Example> examples;
  std::int64_t too_long = 0;  // left out
};

[[nodiscard]] Result<Dataset<Demonstration>> read_demonstrations(const std::string& path,
                                                                 const Chat& chat,
                                                                 std::int64_t max_tokens);
[[nodiscard]] Result<Dataset<Preference>> read_preferences(const std::string& path,
                                                           const Chat& chat,
                                                           std::int64_t max_tokens);

[[nodiscard]] Result<Dataset<Judgement>> read_judgements(const std::string& path, const Chat& chat,
                                                         std::int64_t max_tokens);

// `max_tokens` bounds the prompts.
[[nodiscard]] Result<Dataset<Task>> read_tasks(const std::string& path, const Chat& chat,
                                               std::int64_t max_tokens);

}  // namespace hone::engine
