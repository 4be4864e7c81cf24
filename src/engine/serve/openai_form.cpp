#include "engine/serve/openai_form.h"

#include <algorithm>

#include "engine/serve/openai_fields.h"

namespace hone::engine::openai {
namespace {

constexpr const char* kFormat = "response_format";

bool is_schema_name(std::string_view name) {
  return !name.empty() && name.size() <= 64 && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
  });
}

// `strict: false` asks for less than what is given: the answer is held to the schema either way.
Result<void> read_schema(const json::object& format, OutputForm& form) {
  const std::string at = std::string(kFormat) + ".json_schema";
  const auto given = field<json::object>(format, "json_schema");
  if (!given) return fail(given.error().with(kFormat));
  if (auto fields = check_fields(*given, at, {"name", "schema", "strict", "description"});
      !fields) {
    return fields;
  }
  if (!is_schema_name(string_or_empty(*given, "name"))) {
    return refused(at + ".name", "it must be 1 to 64 letters, digits, '_' or '-'");
  }
  const auto strict = optional_field<bool>(*given, "strict");
  if (!strict) return fail(strict.error().with(at));
  const json::value* schema = given->if_contains("schema");
  form.text = OutputForm::Text::kObject;
  if (schema == nullptr || schema->is_null()) return {};
  form.text = OutputForm::Text::kSchema;
  form.schema = *schema;
  form.where = at + ".schema";
  return {};
}

Result<void> read_format(const json::object& body, OutputForm& form) {
  const auto format = optional_field<json::object>(body, kFormat);
  if (!format) return fail(format.error());
  if (!*format) return {};
  if (auto fields = check_fields(**format, kFormat, {"type", "json_schema"}); !fields) {
    return fields;
  }
  const std::string_view type = string_or_empty(**format, "type");
  if (type == "text") return {};
  if (type == "json_object") {
    form.text = OutputForm::Text::kObject;
    return {};
  }
  if (type == "json_schema") return read_schema(**format, form);
  return refused(std::string(kFormat) + ".type", "it must be text, json_object or json_schema");
}

// An object, whatever is in it, where neither the tool nor the choice of it asks for more.
CallForm form_of(const ToolsAsked& tools, std::size_t i) {
  const auto& function = tools.offered[i].as_object().at("function").as_object();
  CallForm call;
  call.name = json::value_to<std::string>(function.at("name"));
  if (const auto* parameters = function.if_contains("parameters")) call.parameters = *parameters;
  call.any_arguments = !tools.forced && !tools.strict[i];
  call.where = "tools[" + std::to_string(i) + "].function.parameters";
  return call;
}

}  // namespace

Result<OutputForm> read_form(const json::object& body, const ToolsAsked& tools) {
  OutputForm form;
  if (auto done = read_format(body, form); !done) return fail(done.error());
  const bool any_strict =
      std::find(tools.strict.begin(), tools.strict.end(), true) != tools.strict.end();
  const bool free_text = form.text == OutputForm::Text::kFree;
  if (tools.offered.empty() || (!tools.forced && free_text && !any_strict)) return form;
  for (std::size_t i = 0; i < tools.offered.size(); ++i) {
    CallForm call = form_of(tools, i);
    if (tools.only.empty() || call.name == tools.only) form.calls.push_back(std::move(call));
  }
  if (tools.forced) {
    form.text = OutputForm::Text::kNone;
    form.schema = nullptr;
    form.where.clear();
  }
  return form;
}

}  // namespace hone::engine::openai
