// A regular expression whose matching takes time linear in the text, whatever the expression:
// Vectorscan's automata, PCRE's syntax without back-references and look-around, which are refused.
// Both expressions and texts come from outside (datasets, schemas, models). One thread at a time.
//
//   auto pattern = Pattern::compile("^[0-9]+$", Pattern::Where::kAnywhere);
//   if (pattern->matches("42")) …
#pragma once

#include <memory>
#include <string_view>

#include "base/result.h"

namespace hone::engine {

class Pattern {
 public:
  enum class Where { kAnywhere, kWhole };

  // kInvalid says what is wrong with it.
  [[nodiscard]] static Result<Pattern> compile(std::string_view expression, Where where);

  // Text that is not UTF-8, or longer than 16 MiB, matches nothing.
  [[nodiscard]] bool matches(std::string_view text) const;

 private:
  struct Compiled;
  explicit Pattern(std::shared_ptr<const Compiled> compiled) : compiled_(std::move(compiled)) {}
  std::shared_ptr<const Compiled> compiled_;
};

// What texts of a schema's `format` match as a whole: date, time and date-time (RFC 3339 in its
// capitals, at most nine digits behind the point, no leap second), uuid (RFC 9562). Empty for other
// formats, which nothing is held to. An expression that constrain/text_states.h reads as well.
[[nodiscard]] std::string_view format_expression(std::string_view format);

}  // namespace hone::engine
