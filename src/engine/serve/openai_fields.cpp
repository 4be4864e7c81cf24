#include "engine/serve/openai_fields.h"

#include <algorithm>
#include <array>
#include <vector>

namespace hone::engine::openai {
namespace {

constexpr std::size_t kNameInMessages = 64;

// The last four are vLLM's and this engine's own. Calls side by side are allowed or not: a reply
// has one at most.
constexpr std::array<std::string_view, 21> kDone = {"model",
                                                    "messages",
                                                    "n",
                                                    "response_format",
                                                    "stream",
                                                    "stream_options",
                                                    "max_tokens",
                                                    "max_completion_tokens",
                                                    "temperature",
                                                    "top_p",
                                                    "seed",
                                                    "stop",
                                                    "logprobs",
                                                    "top_logprobs",
                                                    "tools",
                                                    "tool_choice",
                                                    "parallel_tool_calls",
                                                    "prompt_logprobs",
                                                    "add_generation_prompt",
                                                    "continue_final_message",
                                                    "ignore_eos"};

// Who asks, what is noted of it, what makes the same answer cheaper, and how hard a model shall
// think that does not think.
constexpr std::array<std::string_view, 9> kLeftOut = {"user",
                                                      "metadata",
                                                      "store",
                                                      "service_tier",
                                                      "safety_identifier",
                                                      "prompt_cache_key",
                                                      "prompt_cache_retention",
                                                      "prediction",
                                                      "reasoning_effort"};

// May be given only with a value that asks for nothing.
struct Idle {
  std::string_view name;
  std::string_view only;  // as JSON
};
constexpr std::array<Idle, 7> kIdle = {{{"presence_penalty", "0"},
                                        {"frequency_penalty", "0"},
                                        {"repetition_penalty", "1"},
                                        {"logit_bias", "{}"},
                                        {"modalities", R"(["text"])"},
                                        {"top_k", "-1"},
                                        {"min_p", "0"}}};

template <typename Names>
bool contains(const Names& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// Numbers are compared as such: 1 and 1.0 are one.
bool same(const json::value& given, const json::value& idle) {
  if (given.is_number() && idle.is_number()) {
    return given.to_number<double>() == idle.to_number<double>();
  }
  return given == idle;
}

Result<void> check_idle(const Idle& idle, const json::value& value) {
  if (same(value, json::parse(idle.only))) return {};
  return refused(idle.name, "only " + std::string(idle.only) + " can be had");
}

}  // namespace

std::unexpected<Error> refused(std::string_view field, std::string_view why) {
  return fail(ErrorCode::kInvalid, "field '" + std::string(field) + "': " + std::string(why));
}

Result<void> check_request_fields(const json::object& body) {
  for (const auto& member : body) {
    const std::string_view name = member.key();
    if (member.value().is_null() || contains(kDone, name) || contains(kLeftOut, name)) {
      continue;
    }
    const auto idle =
        std::find_if(kIdle.begin(), kIdle.end(), [&](const Idle& one) { return one.name == name; });
    if (idle == kIdle.end()) {
      return refused(name.substr(0, kNameInMessages), "hone-engine does not know it");
    }
    if (auto fine = check_idle(*idle, member.value()); !fine) return fine;
  }
  return {};
}

Result<void> check_fields(const json::object& object, std::string_view where,
                          std::initializer_list<std::string_view> done,
                          std::initializer_list<std::string_view> left_out) {
  for (const auto& member : object) {
    const std::string_view name = member.key();
    if (member.value().is_null() || contains(done, name) || contains(left_out, name)) continue;
    return refused(std::string(where) + "." + std::string(name.substr(0, kNameInMessages)),
                   "hone-engine does not know it");
  }
  return {};
}

}  // namespace hone::engine::openai
