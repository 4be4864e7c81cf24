// Where models answer: hone-engine, vLLM, llama.cpp, Ollama, or a hosted provider. The set may be
// replaced while calls run; what was in it stays in memory, so that they end as they began.
// Thread-safe.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/reloadable.h"
#include "base/result.h"
#include "capture/upstream_health.h"
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
  std::shared_ptr<UpstreamHealth> health{};  // made by Upstreams where there is none
};

class Upstreams {
 public:
  Upstreams() : sets_(std::make_unique<Reloadable<std::vector<Upstream>>>()) {}
  // kInvalid for a name given twice or a wire list that is empty.
  [[nodiscard]] static Result<Upstreams> create(std::vector<Upstream> all);
  // From now on the set is `next`. An upstream that keeps its name keeps its health and counters.
  void replace(const Upstreams& next);

  [[nodiscard]] const Upstream* find(std::string_view name) const;
  // The first whose patterns match; else the first without any patterns; else nullptr.
  [[nodiscard]] const Upstream* for_model(std::string_view model) const;
  // Who gets what belongs to no model: the first that speaks `format`, else the first.
  [[nodiscard]] const Upstream* fallback(wire::Format format) const;
  [[nodiscard]] const std::vector<Upstream>& all() const { return sets_->get(); }

 private:
  std::unique_ptr<Reloadable<std::vector<Upstream>>> sets_;
};

[[nodiscard]] bool speaks(const Upstream& upstream, wire::Format format);
// "openai-chat, anthropic-messages", for messages.
[[nodiscard]] std::string wire_names(const Upstream& upstream);

}  // namespace hone::capture
