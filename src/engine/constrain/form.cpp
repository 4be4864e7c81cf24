// From the form of an answer to its grammar.
#include "engine/constrain/schema.h"
#include "engine/constrain/schema_parts.h"
#include "engine/model/chat_tools.h"

namespace hone::engine {
namespace {

constexpr std::size_t kMaxCalls = 512;

Result<NodeId> call_of(const CallForm& call, GrammarBuilder& grammar, JsonGrammar& fragments) {
  const NodeId close = grammar.byte('}', kReturn);
  Result<NodeId> arguments = fragments.object(close);
  if (!call.any_arguments) {
    static const json::value kNone = {{"type", "object"}, {"additionalProperties", false}};
    const json::value& parameters = call.parameters.is_null() ? kNone : call.parameters;
    arguments = constrain::read_schema(grammar, fragments, parameters, call.where, close);
    if (!arguments) return arguments;
  }
  return grammar.literal(call_opening(call.name), *arguments);
}

}  // namespace

std::string OutputForm::key() const {
  json::array parts{static_cast<int>(text), schema, where};
  for (const CallForm& call : calls) {
    parts.push_back(json::array{call.name, call.parameters, call.any_arguments, call.where});
  }
  return json::serialize(parts);
}

Result<Grammar> grammar_of(const OutputForm& form, const ByteSet& alphabet,
                           bool begins_with_blank) {
  if (form.calls.size() > kMaxCalls) {
    return fail(ErrorCode::kInvalid, "field 'tools': at most 512 can be held to their form");
  }
  GrammarBuilder grammar(alphabet);
  JsonGrammar fragments(grammar);
  std::vector<NodeId> ways;
  if (form.text == OutputForm::Text::kObject) ways.push_back(fragments.object(kReturn));
  if (form.text == OutputForm::Text::kFree) ways.push_back(fragments.plain_words(kReturn));
  if (form.text == OutputForm::Text::kSchema) {
    const auto start = constrain::read_schema(grammar, fragments, form.schema, form.where, kReturn);
    if (!start) return fail(start.error());
    ways.push_back(*start);
  }
  for (const CallForm& call : form.calls) {
    const auto start = call_of(call, grammar, fragments);
    if (!start) return fail(start.error());
    ways.push_back(*start);
  }
  NodeId start = grammar.split(std::move(ways));
  if (begins_with_blank) start = fragments.blank(start);
  const RuleId root = grammar.rule("the answer", start);
  auto made = std::move(grammar).finish(root);
  if (!made && !form.where.empty()) return fail(made.error().with(form.where));
  return made;
}

}  // namespace hone::engine
