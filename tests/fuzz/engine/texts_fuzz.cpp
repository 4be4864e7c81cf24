// What comes with a model as text: its tokenizer, its configuration, its chat template; and what
// comes with a request.
#include <ctime>

#include "engine/constrain/text_states.h"
#include "engine/model/config.h"
#include "engine/model/jinja.h"
#include "engine/model/tokenizer.h"
#include "engine/model/utf8.h"
#include "fuzz/engine/targets.h"

namespace hone::fuzz {
namespace {

using engine::Specials;
using engine::Tokenizer;

constexpr std::string_view kText = "Hello  w\u00F6rld,\n\tit's 12345 <|im_end|></s> \u2581ab abba";

constexpr std::string_view kContext = R"({
  "messages": [
    {"role": "system", "content": "Be kind."},
    {"role": "user", "content": "caf\u00e9 <|im_end|>"},
    {"role": "assistant", "content": null, "tool_calls": [
      {"type": "function", "function": {"name": "f", "arguments": {"a": [1, 2.5, true, null]}}}]},
    {"role": "tool", "content": "4"},
    {"role": "assistant", "content": "Four."}],
  "tools": [{"type": "function", "function": {"name": "f", "description": "adds", "parameters": {}}}],
  "add_generation_prompt": true, "bos_token": "<s>", "eos_token": "</s>"})";

void must_be_spans(const std::vector<engine::jinja::Span>& spans, std::size_t size) {
  std::size_t end = 0;
  for (const auto& span : spans) {
    must(span.begin >= end && span.begin < span.end && span.end <= size, "a span out of order");
    end = span.end;
  }
}

}  // namespace

void tokenizer(std::string_view bytes) {
  const auto made = Tokenizer::parse(bytes, "fuzz");
  if (!made) return must_be_told(made.error());
  const std::string text = std::string(kText) + std::string(bytes.substr(0, 256));
  for (const Specials specials : {Specials::kText, Specials::kParse}) {
    const auto ids = made->encode(text, specials);
    for (const std::int64_t id : ids) {
      must(id >= 0 && id < made->vocab_size(), "an id that is no token");
    }
    must(engine::is_utf8(made->decode(ids, false)), "a text that is not UTF-8");
    must(engine::is_utf8(made->decode(ids, true)), "a text that is not UTF-8");
  }
}

void model_config(std::string_view bytes) {
  const auto config = engine::parse_config(bytes, "fuzz");
  if (!config) return must_be_told(config.error());
  must(config->num_attention_heads % config->num_key_value_heads == 0, "heads that do not divide");
  must(config->head_dim > 0 && config->head_dim % 2 == 0, "a head of odd size");
  const std::string written = write_config(*config);
  const auto again = engine::parse_config(written, "again");
  // Boost.JSON reads fractions to the last bit but one, so that one at its limit may be beyond it.
  if (!again)
    return must(again.error().message.find("must be from") != std::string::npos, "unread");
  must(again->hidden_size == config->hidden_size && again->head_dim == config->head_dim &&
           again->num_hidden_layers == config->num_hidden_layers &&
           again->eos_token_ids == config->eos_token_ids &&
           again->rope_scaling.kind == config->rope_scaling.kind &&
           again->attention_bias == config->attention_bias,
       "what was written reads as something else");
}

void chat_template(std::string_view bytes) {
  const auto made = engine::jinja::Template::parse(bytes, "fuzz");
  if (!made) return must_be_told(made.error());
  static const json::object kVariables = json::parse(json::string_view(kContext)).as_object();
  engine::jinja::RenderOptions options;
  options.now = std::tm{.tm_mday = 26, .tm_mon = 6, .tm_year = 124};
  options.limits = {.steps = 20'000, .bytes = 1U << 20, .output_bytes = 1U << 16};
  const auto rendered = made->render(kVariables, options);
  if (!rendered) return must_be_told(rendered.error());
  must(rendered->text.size() <= options.limits.output_bytes, "a text over its limit");
  must(rendered->steps <= options.limits.steps, "more steps than the limit");
  must(engine::is_utf8(rendered->text), "a text that is not UTF-8");
  must_be_spans(rendered->generations, rendered->text.size());
  must_be_spans(rendered->given, rendered->text.size());
}

void text_pattern(std::string_view bytes) {
  for (const engine::TextLength length : {engine::TextLength{}, engine::TextLength{2, 5}}) {
    engine::PatternBudget budget{.states = 512, .work = 100'000};
    const auto text = engine::text_states(bytes, length, budget);
    if (!text) {
      must_be_told(text.error());
      continue;
    }
    must(!text->states.empty() && text->states.size() <= 512, "more states than the budget");
    for (std::size_t i = 0; i < text->states.size(); ++i) {
      const auto& state = text->states[i];
      must(i == 0 || state.complete || !state.steps.empty(), "a text that runs into a wall");
      for (const auto& [characters, to] : state.steps) {
        must(to < text->states.size() && !characters.empty(), "a step to nowhere");
        char32_t next = 0;
        for (const auto& range : characters) {
          must(range.first >= next && range.first <= range.last && range.last <= 0x10FFFF,
               "characters out of order");
          next = range.last + 1;
        }
      }
    }
  }
}

}  // namespace hone::fuzz
