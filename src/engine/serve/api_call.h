// What a request asks for, and the readers of its fields: one of the wrong kind or out of range is
// kInvalid and named.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "engine/model/chat.h"
#include "engine/model/chat_tools.h"
#include "engine/serve/generation.h"

namespace hone::engine {

// What is used where a request says nothing; from the model's generation_config.json.
struct SamplingDefaults {
  double temperature = 0;
  double top_p = 1;
};
[[nodiscard]] Result<SamplingDefaults> read_sampling_defaults(const std::string& model_folder);

struct ApiCall {
  std::string model;
  std::vector<Turn> turns;
  json::array tools;  // that it may call, as write_tools takes them
  OutputForm form;
  std::int64_t choices = 1;  // answers to the same prompt
  ChatOptions chat;
  Order order;  // prompt, adapter, max_tokens and constraint are filled in later
  std::optional<std::int64_t> max_tokens;  // nothing: as many as fit
  bool has_seed = false;
  bool streamed = false;
  bool include_usage = false;
};

// A number within bounds, which are part of it; `otherwise` where the field is absent or null.
[[nodiscard]] Result<double> number_between(const json::object& body, std::string_view name,
                                            double low, double high, double otherwise);
[[nodiscard]] Result<std::optional<std::int64_t>> integer_between(const json::object& body,
                                                                  std::string_view name,
                                                                  std::int64_t low,
                                                                  std::int64_t high);
[[nodiscard]] Result<bool> flag(const json::object& body, std::string_view name, bool otherwise);
// A string or an array of strings: at most 16, none empty.
[[nodiscard]] Result<std::vector<std::string>> stop_strings(const json::object& body,
                                                            std::string_view name);
// model, stream, temperature, top_p, seed, ignore_eos.
[[nodiscard]] Result<void> read_common(const json::object& body, const SamplingDefaults& defaults,
                                       ApiCall& call);

}  // namespace hone::engine
