// Jinja, as chat templates are written in it: what jinja2 3.1.6's sandbox gives, set up as
// transformers' apply_chat_template sets it up, and nothing that templates of Llama-family models
// have no use for. docs/formats/engine.md lists what is understood; anything else is an error that
// names it and its line.
//
//   auto chat = jinja::Template::parse(source, "chat_template.jinja");
//   auto rendered = chat->render({{"messages", messages}, {"bos_token", "<s>"}});
//
// A template comes with a model from elsewhere, so it is not trusted: what it may use of time and
// memory is bounded, it sees its context only, and changes nothing. Every byte of the text is known
// to be the template's own or to have been given to it, so that what people write is not taken for
// the template's special tokens. Immutable: any thread may render.
//
// Inside: jinja_tokens cuts the source, jinja_expressions and jinja_parser make jinja_ast of it,
// jinja_interpreter and jinja_evaluate walk that over values (jinja_value); filters, tests and
// methods are tables of functions.
#pragma once

#include <cstddef>
#include <ctime>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace hone::engine::jinja {

// Bytes of a text.
struct Span {
  std::size_t begin = 0;
  std::size_t end = 0;  // behind the last one

  friend bool operator==(const Span&, const Span&) = default;
};

struct Rendered {
  std::string text;
  std::vector<Span> generations;  // what {% generation %} holds, in order, none empty
  std::vector<Span> given;  // what came from the context, in order; all else is the template's
  std::size_t steps = 0;    // how many of its limit it took
};

// Past any of them the rendering fails with kTooLarge.
struct Limits {
  std::size_t steps = 20'000'000;        // expressions, turns of loops, items, 64 bytes looked at
  std::size_t bytes = 256U << 20;        // of all that is made on the way
  std::size_t output_bytes = 64U << 20;  // of the text
};

struct RenderOptions {
  // What `strftime_now` says; the name is not defined without.
  std::optional<std::tm> now{};
  // Whether a string of the context counts as the template's own, such as the text of its end
  // token. `path` leads to it: {"bos_token"}, {"messages", "*", "role"} ("*": any place of a list).
  // Without, all strings are given.
  std::function<bool(std::span<const std::string_view> path, std::string_view text)> is_own{};
  Limits limits{};
};

class Template {
 public:
  // `name` leads error messages, as in "chat_template.jinja: line 3: …".
  [[nodiscard]] static Result<Template> parse(std::string_view source, std::string_view name);
  Template(Template&&) noexcept;
  Template& operator=(Template&&) noexcept;
  ~Template();

  // `context`: the variables that the template sees.
  [[nodiscard]] Result<Rendered> render(const json::object& context,
                                        const RenderOptions& options = {}) const;
  // Whether the template says by {% generation %} what a model is trained on.
  [[nodiscard]] bool has_generation() const;

 private:
  struct State;
  explicit Template(std::unique_ptr<const State> state);
  std::unique_ptr<const State> state_;
};

}  // namespace hone::engine::jinja
