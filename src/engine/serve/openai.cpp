#include "engine/serve/openai.h"

#include "engine/serve/openai_fields.h"
#include "engine/serve/openai_form.h"
#include "engine/serve/openai_messages.h"

namespace hone::engine::openai {
namespace {

std::unexpected<Error> invalid(std::string message) {
  return fail(ErrorCode::kInvalid, std::move(message));
}

Result<void> read_logprobs(const json::object& body, ApiCall& call) {
  const auto wanted = flag(body, "logprobs", false);
  if (!wanted) return fail(wanted.error());
  const auto likeliest = integer_between(body, "top_logprobs", 0, 20);
  if (!likeliest) return fail(likeliest.error());
  if (*likeliest && !*wanted) return invalid("field 'top_logprobs' needs 'logprobs': true");
  if (*wanted) call.order.logprobs = static_cast<int>(likeliest->value_or(0));
  const auto prompt = integer_between(body, "prompt_logprobs", 0, 20);
  if (!prompt) return fail(prompt.error());
  if (!*prompt) return {};
  if (call.streamed) return invalid("field 'prompt_logprobs' cannot be had with 'stream': true");
  call.order.prompt_logprobs = static_cast<int>(**prompt);
  return {};
}

Result<void> read_template_options(const json::object& body, ApiCall& call) {
  const auto prompt = flag(body, "add_generation_prompt", true);
  if (!prompt) return fail(prompt.error());
  const auto goes_on = flag(body, "continue_final_message", false);
  if (!goes_on) return fail(goes_on.error());
  const bool said = body.contains("add_generation_prompt");
  if (*goes_on && *prompt && said) {
    return invalid(
        "fields 'add_generation_prompt' and 'continue_final_message' exclude each other");
  }
  call.chat.with_tools = !call.tools.empty();
  call.chat.continue_final_message = *goes_on;
  call.chat.add_generation_prompt = *prompt && !*goes_on;
  return {};
}

// As many answers as a caller can compare; each takes a place in the batch.
constexpr std::int64_t kMostChoices = 16;

Result<void> read_choices(const json::object& body, ApiCall& call) {
  const auto choices = integer_between(body, "n", 1, kMostChoices);
  if (!choices) return fail(choices.error());
  call.choices = choices->value_or(1);
  return {};
}

// What an answer's form excludes: there is no whole answer where the end does not count, or where
// its beginning stands in the prompt.
Result<void> check_form(const ApiCall& call) {
  if (!call.form.binds()) return {};
  constexpr std::string_view kWhy =
      "it cannot be had together with response_format, a forced tool or strict tools";
  if (call.order.ignore_eos) return refused("ignore_eos", kWhy);
  if (call.chat.continue_final_message) return refused("continue_final_message", kWhy);
  return {};
}

Result<void> read_rest(const json::object& body, ApiCall& call) {
  for (const std::string_view name : {"max_tokens", "max_completion_tokens"}) {  // the newer wins
    const auto most = integer_between(body, name, 0, INT32_MAX);
    if (!most) return fail(most.error());
    if (*most) call.max_tokens = **most;
  }
  auto stop = stop_strings(body, "stop");
  if (!stop) return fail(stop.error());
  call.order.stop = std::move(*stop);
  const auto options = optional_field<json::object>(body, "stream_options");
  if (!options) return fail(options.error());
  if (!*options) return {};
  if (auto fields =
          check_fields(**options, "stream_options", {"include_usage"}, {"include_obfuscation"});
      !fields) {
    return fields;
  }
  const auto usage = flag(**options, "include_usage", false);
  if (!usage) return fail(usage.error().with("stream_options"));
  call.include_usage = *usage;
  return {};
}

}  // namespace

Result<ApiCall> read_call(const json::object& body, const SamplingDefaults& defaults) {
  ApiCall call;
  if (auto fields = check_request_fields(body); !fields) return fail(fields.error());
  if (auto done = read_common(body, defaults, call); !done) return fail(done.error());
  auto turns = read_messages(body);
  if (!turns) return fail(turns.error());
  call.turns = std::move(*turns);
  auto tools = read_tools(body);
  if (!tools) return fail(tools.error());
  auto form = read_form(body, *tools);
  if (!form) return fail(form.error());
  call.form = std::move(*form);
  call.tools = std::move(tools->offered);
  if (auto done = read_choices(body, call); !done) return fail(done.error());
  if (auto done = read_template_options(body, call); !done) return fail(done.error());
  if (auto done = read_logprobs(body, call); !done) return fail(done.error());
  if (auto done = read_rest(body, call); !done) return fail(done.error());
  if (auto done = check_form(call); !done) return fail(done.error());
  return call;
}

}  // namespace hone::engine::openai
