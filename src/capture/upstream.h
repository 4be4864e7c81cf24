// Where models answer: hone-engine, vLLM, llama.cpp, Ollama, or a hosted provider. The set is fixed
// while the process runs, and may be read from any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "net/url.h"
#include "wire/call.h"

namespace hone::capture {

struct Upstream {
  std::string name;
  net::Url url;  // its path is put before the request's: "http://host/prefix" + "/v1/messages"
  std::vector<wire::Format> wires;
  std::string api_key;              // sent in place of the caller's; empty: it needs none of ours
  std::vector<std::string> models;  // names it serves: exact, or with * at the end
  bool trainable = false;           // its terms allow training on its answers
  // The most tokens that a translated request asks it for, where it refuses what does not fit into
  // its context; 0: no limit.
  std::int64_t max_tokens = 0;
  std::chrono::milliseconds first_byte_timeout{600'000};
  std::chrono::milliseconds idle_timeout{180'000};
};

class Upstreams {
 public:
  Upstreams() = default;
  // kInvalid for a name given twice or a wire list that is empty.
  [[nodiscard]] static Result<Upstreams> create(std::vector<Upstream> all);

  [[nodiscard]] const Upstream* find(std::string_view name) const;
  // The first whose patterns match; else the first without any patterns; else nullptr.
  [[nodiscard]] const Upstream* for_model(std::string_view model) const;
  // Who gets what belongs to no model: the first that speaks `format`, else the first.
  [[nodiscard]] const Upstream* fallback(wire::Format format) const;
  [[nodiscard]] const std::vector<Upstream>& all() const { return all_; }

 private:
  std::vector<Upstream> all_;
};

[[nodiscard]] bool speaks(const Upstream& upstream, wire::Format format);
// "openai-chat, anthropic-messages", for messages.
[[nodiscard]] std::string wire_names(const Upstream& upstream);

}  // namespace hone::capture
