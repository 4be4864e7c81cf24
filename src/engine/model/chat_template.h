// A chat template of Jinja source, rendered as Hugging Face's apply_chat_template renders it. This
// is for templates that Chat (chat.h) has no format for, and to look at what a template does;
// training and serving go through Chat.
//
//   auto chat = ChatTemplate::load("chat_template.jinja", model_folder);
//   auto rendered = chat->render(input);
//   auto trained = chat->trained(input, *rendered, specials, false);
//   auto encoded = encode_rendered(*rendered, *trained, tokenizer, specials, false);
//
// Immutable: any thread may use it.
#pragma once

#include <ctime>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "engine/model/jinja.h"
#include "engine/model/template_tokens.h"

namespace hone::engine {

struct TemplateInput {
  json::array messages;
  std::optional<json::array> tools{};
  bool add_generation_prompt = false;
  // Further variables; of the same name, they win over the model's special tokens.
  json::object variables{};
  std::optional<std::tm> now{};  // for `strftime_now`, which is not defined without
};

// The day that "26 Jul 2024" or "2024-07-26" says.
[[nodiscard]] std::optional<std::tm> day_of(const std::string& date);

class ChatTemplate {
 public:
  // The folder's tokenizer_config.json, or special_tokens_map.json, says what `bos_token` and the
  // like are; a folder without both has none.
  [[nodiscard]] static Result<ChatTemplate> load(const std::string& template_file,
                                                 const std::string& model_folder);
  // `special_tokens`: {"bos_token": "<s>", …}. `name` leads error messages.
  [[nodiscard]] static Result<ChatTemplate> parse(std::string_view source, std::string_view name,
                                                  json::object special_tokens);

  [[nodiscard]] Result<jinja::Rendered> render(const TemplateInput& input) const;

  // Which bytes of `rendered`, made of `input`, the loss counts: what the assistant's messages say
  // and the special token that ends each. The template's {% generation %} says so; a template
  // without it is rendered up to each such message and up to its end, and what has come in between
  // is the answer. kInvalid where that does not hold, since a template may write anything anywhere:
  // where a conversation's beginning is not the beginning of the conversation, or where it cannot
  // be told the answer from its header.
  [[nodiscard]] Result<std::vector<jinja::Span>> trained(const TemplateInput& input,
                                                         const jinja::Rendered& rendered,
                                                         const SpecialTokens& specials,
                                                         bool as_reference) const;

 private:
  ChatTemplate(jinja::Template compiled, json::object special_tokens);
  // In at most so many steps, and never in more than one rendering may take.
  [[nodiscard]] Result<jinja::Rendered> render_beginning(const TemplateInput& input,
                                                         std::size_t messages,
                                                         bool add_generation_prompt,
                                                         std::size_t steps) const;
  struct Answer {
    jinja::Span span;
    bool prompted = false;  // a generation prompt, with the header of the answer, is before it
  };
  // Takes what it renders from `steps`.
  [[nodiscard]] Result<Answer> answer_in(const TemplateInput& input, std::size_t message,
                                         const jinja::Rendered& rendered, std::size_t& steps) const;

  jinja::Template template_;
  json::object special_tokens_;
};

}  // namespace hone::engine
