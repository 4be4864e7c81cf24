// Conversations as a model reads them: one JSON object a line in, one out, in order.
//   {"messages", "tools"?, "add_generation_prompt"?, "date"?, "kwargs"?}
//   -> {"text": string, "ids": [int, …], "loss_mask": [0 or 1, …]}
// docs/formats/engine.md has the fields and their meaning.
#pragma once

#include <ctime>
#include <iosfwd>
#include <optional>
#include <string>

#include "base/result.h"

namespace hone::engine {

struct RenderLinesOptions {
  std::string model;          // a folder with tokenizer.json
  std::string template_file;  // Jinja; or empty: through Chat, as training and serving do
  // Special-token text in messages becomes special tokens, as for apply_chat_template.
  bool as_reference = false;
  // What `strftime_now` says to lines without a date.
  std::optional<std::tm> now{};
};

// A bad line ends it with an error that names the line; the lines before it are answered. With a
// template and without a tokenizer that can be read, texts are all that is answered.
[[nodiscard]] Result<void> render_lines(std::istream& in, std::ostream& out,
                                        const RenderLinesOptions& options);

}  // namespace hone::engine
