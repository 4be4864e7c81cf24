// From what a request asks of its answer's form to the grammar of all answers that have it: JSON
// schemas, JSON objects, calls of tools. What a schema says and this cannot hold an answer to is an
// error that names the keyword by its path; nothing but annotations is passed over.
//
// The grammar's language is a part of what the schema allows, never more: an object's members come
// in the order of `properties` (required ones that are not named there behind), others than those
// only where `additionalProperties` says so, white space and digits as json_grammar.h has them.
// docs/formats/serving.md lists the keywords.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "engine/constrain/grammar.h"

namespace hone::engine {

// A tool that may be called.
struct CallForm {
  std::string name;
  json::value parameters;      // a schema; null: no parameters
  bool any_arguments = false;  // an object, whatever the schema says
  std::string where;           // of the schema, in the request
};

struct OutputForm {
  enum class Text { kFree, kObject, kSchema, kNone };
  Text text = Text::kFree;
  json::value schema;  // of kSchema
  std::string where;
  // Calls that an answer may be in place of text. Without any, and with kFree, nothing is asked.
  std::vector<CallForm> calls;

  [[nodiscard]] bool binds() const { return text != Text::kFree || !calls.empty(); }
  // Equal for forms that are alike.
  [[nodiscard]] std::string key() const;
};

// `begins_with_blank`: the format puts a blank before an answer (Llama 2), which may be there.
[[nodiscard]] Result<Grammar> grammar_of(const OutputForm& form, const ByteSet& alphabet,
                                         bool begins_with_blank);

// Whether no value that the reading of one schema allows is valid under the other, as far as can be
// told. `root` is what references point into.
[[nodiscard]] bool exclude_each_other(const json::value& one, const json::value& other,
                                      const json::value& root);

// What `reference` ("#/$defs/name") points at in `root`, or null.
[[nodiscard]] const json::value* find_reference(const json::value& root,
                                                std::string_view reference);

}  // namespace hone::engine
